import { Observable } from "./observable.js";
import { ENGLISH } from "./words-en.js";
import { FRENCH } from "./words-fr.js";

const WORDS = { en: ENGLISH, fr: FRENCH };
const KEY = "portevoix.language";

/** The language of the page: `en` or `fr`. */
export const language = new Observable(firstLanguage());

/** Return a text of the page, with `{0}`, `{1}` … replaced by `values`. */
export function say(key, ...values) {
  const text = WORDS[language.value][key];
  if (text === undefined) throw new Error(`no words for ${key}`);
  return values.reduce((said, value, index) => said.replaceAll(`{${index}}`, value), text);
}

/** Return whether the page has words for a key. */
export const hasWords = (key) => key in WORDS[language.value];

/** Return a number as people write it. */
export function number(value, digits = 0) {
  return value.toLocaleString(language.value, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Return a length of time: milliseconds below a second. */
export function duration(seconds) {
  return seconds < 1 ? say("milliseconds", number(seconds * 1000)) : say("seconds", number(seconds, 1));
}

/** Return a size. */
export function size(bytes) {
  if (bytes < 1e6) return say("kilobytes", number(bytes / 1e3));
  return bytes < 1e9 ? say("megabytes", number(bytes / 1e6)) : say("gigabytes", number(bytes / 1e9, 1));
}

/** Return a time of day. */
export const clock = (milliseconds) => new Date(milliseconds).toLocaleTimeString(language.value);

/** Return a date with its time. */
export function date(milliseconds) {
  return new Date(milliseconds).toLocaleString(language.value, { dateStyle: "medium", timeStyle: "short" });
}

/** Return the name of a language in the language of the page: `français (Canada)` for `fr-CA`. */
export function languageName(code) {
  try {
    return new Intl.DisplayNames([language.value], { type: "language" }).of(code.replaceAll("_", "-"));
  } catch {
    return code;
  }
}

/** Write the words into the page, and again whenever the language changes. */
export function translatePage(switcher) {
  switcher.addEventListener("click", () => {
    language.value = language.value === "fr" ? "en" : "fr";
    localStorage.setItem(KEY, language.value);
  });
  language.subscribe((now) => {
    document.documentElement.lang = now;
    switcher.textContent = say("language.other");
    switcher.setAttribute("aria-label", say("language.switch"));
    for (const element of document.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
    for (const element of document.querySelectorAll("[data-say-label]")) {
      element.setAttribute("aria-label", say(element.dataset.sayLabel));
    }
  });
}

function firstLanguage() {
  const kept = localStorage.getItem(KEY);
  if (kept in WORDS) return kept;
  const wished = (navigator.languages ?? [navigator.language]).map((tag) => tag.slice(0, 2).toLowerCase());
  return wished.find((tag) => tag in WORDS) ?? "en";
}
