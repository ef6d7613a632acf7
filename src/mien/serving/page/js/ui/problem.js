// Says what went wrong and what can be done, below the stage.
import { make } from "./elements.js";
import { detailed, explained } from "./page-error.js";
import { t } from "./words.js";

export class Problem {
  #box = document.getElementById("error");
  #shown = null;

  // `actions` are [key of the button's text, what it does].
  show(error, actions = []) {
    this.#shown = [error, actions];
    const text = make("p", { textContent: explained(error) });
    const detail = detailed(error);
    if (detail) text.append(make("small", { lang: "en", textContent: detail }));
    const buttons = actions.map(([key, act]) => {
      const button = make("button", { type: "button", textContent: t(key) });
      button.addEventListener("click", () => (this.clear(), act()));
      return button;
    });
    this.#box.replaceChildren(text, ...(buttons.length ? [make("div", { className: "buttons" }, ...buttons)] : []));
  }

  clear() {
    this.#shown = null;
    this.#box.replaceChildren();
  }

  // Say the same in another language.
  again() {
    if (this.#shown) this.show(...this.#shown);
  }
}
