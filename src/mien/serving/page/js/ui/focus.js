// A control that goes away hands the focus to the stage, where the keys work; else the keyboard would begin at the top of
// the page again.
export function keepFocus() {
  const stage = document.getElementById("stage");
  let last = null;
  addEventListener("focusin", ({ target }) => (last = target));
  const look = () => {
    const lost = [last, document.body].includes(document.activeElement) && last && !last.checkVisibility();
    if (lost && !document.querySelector("dialog[open]")) stage.focus();
  };
  new MutationObserver(look).observe(document.querySelector("main"), { subtree: true, childList: true, attributeFilter: ["hidden"] });
}
