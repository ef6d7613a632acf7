// Rows of tables.
import { make } from "./elements.js";
import { clock, t } from "./words.js";

// Cells with these texts or elements: "td", or "th" for the head of columns.
export function cells(tag, contents) {
  return contents.map((content) => make(tag, tag === "th" ? { scope: "col" } : {}, content));
}

// A time; with `act` a button that goes there.
export function moment(seconds, act) {
  const at = clock(seconds, 1);
  if (!act) return at;
  const button = make("button", { type: "button", className: "moment", textContent: at, ariaLabel: t("moment.show", { at }) });
  button.addEventListener("click", act);
  return button;
}
