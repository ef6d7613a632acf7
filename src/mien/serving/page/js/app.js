// The page: READ FIRST.  Files or a camera (intake) -> a reader (device or server) -> the workbench (stage, faces, timeline).
import { DeviceReader } from "./ui/device.js";
import { askToken, notice } from "./ui/dialogs.js";
import { make } from "./ui/elements.js";
import { keepFocus } from "./ui/focus.js";
import { Form } from "./ui/form.js";
import { samples, takeFiles } from "./ui/intake.js";
import { ServerReader } from "./ui/server.js";
import { Settings } from "./ui/settings.js";
import { preferred, setLanguage, t } from "./ui/words.js";
import { Workbench } from "./ui/workbench.js";

const REREAD = new Set(["mode", "weights", "prior", "abstain", "measures", "rate"]);
const CONTROLS = "button, input, select, textarea, dialog";

const settings = new Settings();
const device = new DeviceReader();
const server = new ServerReader(tokenOrDevice);
const readers = { get current() { return settings.get("mode") === "server" ? server : device; } };
const form = new Form(settings);
const language = () => settings.get("language") ?? preferred(navigator.languages);

setLanguage(language());
await form.show();
const workbench = new Workbench(settings, readers);
notice(settings);
keepFocus();
takeFiles((files) => workbench.take(files));
samples((files) => workbench.take(files), make, (name) => t("samples.one", { name }));
for (const id of ["camera", "camera-more"]) document.getElementById(id).addEventListener("click", () => workbench.openCamera());
document.getElementById("clear").addEventListener("click", () => workbench.clear());

settings.addEventListener("change", async ({ detail }) => {
  if (detail === "language") setLanguage(language());
  await form.show();
  if (REREAD.has(detail)) workbench.again();
  if (settings.get("mode") === "device") server.giveUp();
  if (detail === "language") workbench.relabel();
  if (detail === "mode" && settings.get("mode") === "server") await askForMeasures();
});

addEventListener("pagehide", () => server.leave());
addEventListener("keydown", (event) => {
  if (event.target.closest(CONTROLS) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (workbench.key(event.key)) event.preventDefault();
});

// The copy for a visit without the server is made once the page is idle, so that it delays no first image.
if ("serviceWorker" in navigator) {
  setTimeout(() => navigator.serviceWorker.register("/sw.js").catch(() => {}), 3000);
}

// The token, or null: then the page is back on this device, as the button says.
async function tokenOrDevice(refused) {
  const token = await askToken(refused);
  if (!token) settings.set("mode", "device");
  return token;
}

// A server that does not reply stays chosen: the next image says what is wrong.
async function askForMeasures() {
  const facts = await server.facts().catch(() => null);
  form.measures = facts?.server?.measures ?? null;
  await form.show();
}
