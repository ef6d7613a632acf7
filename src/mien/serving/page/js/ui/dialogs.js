// The notice at the first use, and the question for a token.
export function notice(settings) {
  const dialog = document.getElementById("notice");
  document.getElementById("open-notice").addEventListener("click", () => dialog.showModal());
  dialog.addEventListener("close", () => settings.set("noticed", true));
  if (!settings.get("noticed")) dialog.showModal();
}

// Ask for the token, again where one was `refused`; null where it was not given.  It is kept by whoever asked, in memory.
export function askToken(refused) {
  const dialog = document.getElementById("token");
  const input = document.getElementById("token-value");
  input.value = "";
  document.getElementById("token-refused").hidden = !refused;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => {
      const given = dialog.returnValue === "use" ? input.value.trim() : null;
      input.value = "";
      done(given || null);
    }, { once: true });
  });
}
