// The page's words in the language that was chosen.  Elements name their text in data-text, their label in data-label.
import en from "../strings/en.js";
import zh from "../strings/zh.js";

export const LANGUAGES = { en, zh };
const PLACE = /\{(\w+)\}/g;
let language = "en";

export function setLanguage(name) {
  language = name in LANGUAGES ? name : "en";
  document.documentElement.lang = language === "zh" ? "zh-Hans" : language;
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = t(element.dataset.text);
  for (const element of document.querySelectorAll("[data-label]")) element.ariaLabel = t(element.dataset.label);
}

// The first language of the reader's that the page has.
export function preferred(languages) {
  return languages.map((name) => name.slice(0, 2)).find((name) => name in LANGUAGES) ?? "en";
}

// The string of a key with its places filled; the key itself where no language has it, so that a gap is seen.
export function t(key, values = {}) {
  const text = LANGUAGES[language][key] ?? key;
  return text.replace(PLACE, (place, name) => values[name] ?? place);
}

export function has(key) {
  return key in LANGUAGES[language];
}

export function expressionName(label) {
  return has(`expression.${label}`) ? t(`expression.${label}`) : label;
}

// "ferplus test", as cards have it, in words.
export function splitName(where) {
  const [, dataset, split] = where.match(/^(.+) (test|val)$/) ?? [];
  return split ? t(`split.${split}`, { dataset }) : where;
}

export function facesCounted(count) {
  return count === 0 ? t("faces.none") : count === 1 ? t("faces.one") : t("faces.count", { n: number(count) });
}

export function number(value, digits = 0) {
  return value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

// A fraction in percent, never a false 0 or 100 (html/page.py).
export function percent(fraction, digits = 0) {
  if (fraction === null || fraction === undefined || Number.isNaN(fraction)) return "-";
  const text = (100 * fraction).toFixed(digits);
  const smallest = 10 ** -digits;
  if (fraction > 0 && fraction < 1 && (Number(text) === 0 || Number(text) === 100)) {
    return t("percent", { n: fraction < 0.5 ? `<${smallest}` : `>${100 - smallest}` });
  }
  return t("percent", { n: text });
}

// No prediction is impossible or certain.
export function probability(fraction) {
  return percent(fraction === null || fraction === undefined ? fraction : Math.min(Math.max(fraction, 1e-9), 1 - 1e-9));
}

// A time in a video, such as 1:15 or 0:12.3.
export function clock(seconds, digits = 0) {
  const whole = Number(seconds.toFixed(digits));
  const minutes = Math.floor(whole / 60);
  const rest = (whole - 60 * minutes).toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
  const hours = Math.floor(minutes / 60);
  return hours ? `${hours}:${String(minutes % 60).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
