// The settings: the form shows what was chosen and writes down what is.
import { make } from "./elements.js";
import { AUTOMATIC, LIMITS, RATES, WEIGHTS } from "./settings.js";
import { about, described, threshold } from "./weights.js";
import { LANGUAGES, percent, t } from "./words.js";

const THEMES = ["auto", "light", "dark"];
const LANGUAGE_NAMES = { en: "English", zh: "中文" };

export class Form {
  #form = document.getElementById("settings");
  #settings;
  #host = location.host;
  measures = null; // whether the server has them; null while not known

  constructor(settings) {
    this.#settings = settings;
    this.#form.addEventListener("change", ({ target }) => this.#take(target));
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    for (const name of ["language", "theme"]) {
      document.getElementById(name).addEventListener("change", ({ target }) => settings.set(name, target.value));
    }
  }

  // Bring the form, the mode and the theme to the settings, in the language of the moment.
  async show() {
    const { mode, theme } = { mode: this.#settings.get("mode"), theme: this.#settings.get("theme") };
    Object.assign(document.documentElement.dataset, { mode, theme });
    document.getElementById("mode-text").textContent = t(`mode.${mode}`, { host: this.#host });
    document.getElementById("where-server").textContent = t("where.server", { host: this.#host });
    this.#options();
    this.#checks(mode);
    await this.#ofWeights();
  }

  #take({ name, type, checked, value }) {
    this.#settings.set(name, type === "checkbox" ? checked : name === "rate" ? Number(value) : value);
  }

  #options() {
    fill(document.getElementById("language"), Object.keys(LANGUAGES).map((name) => [name, LANGUAGE_NAMES[name]]), document.documentElement.lang.slice(0, 2));
    fill(document.getElementById("theme"), THEMES.map((name) => [name, t(`theme.${name}`)]), this.#settings.get("theme"));
    fill(this.#form.weights, [[AUTOMATIC, t("weights.auto")], ...WEIGHTS.map((name) => [name, name])], this.#settings.get("weights"));
    fill(this.#form.rate, RATES.map((rate) => [rate, String(rate)]), this.#settings.get("rate"));
  }

  #checks(mode) {
    this.#form.mode.value = mode;
    this.#form.prior.value = this.#settings.get("prior");
    const able = mode === "server" && this.measures !== false;
    Object.assign(this.#form.measures, { disabled: !able, checked: able && this.#settings.get("measures") });
    const why = mode === "device" ? "measures.device" : able ? "measures.more" : "measures.absent";
    document.getElementById("measures-more").textContent = t(why);
  }

  async #ofWeights() {
    const chosen = this.#settings.get("weights");
    const known = await about(this.#settings.weightsFor("image")).catch(() => null);
    const text = chosen === AUTOMATIC ? t("weights.auto.more") : known ? described(known) : "";
    document.getElementById("weights-more").textContent = text;
    const limit = known && threshold(known.card, this.#settings.get("prior"));
    const auto = limit ? [["auto", t("abstain.auto", { p: percent(limit) })]] : [];
    const limits = LIMITS.map((p) => [String(p), t("abstain.below", { p: percent(p) })]);
    fill(this.#form.abstain, [["never", t("abstain.never")], ...auto, ...limits], String(this.#settings.get("abstain")));
  }
}

function fill(select, pairs, value) {
  select.replaceChildren(...pairs.map(([name, text]) => make("option", { value: name, textContent: text })));
  select.value = value;
}
