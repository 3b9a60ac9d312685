// The page's own words: texts.LANGUAGE.json, put where data-i18n attributes name them.

import { kept } from "./dom.js";

const LANGUAGES = ["en", "es"];
// Attributes that hold words, by the ending of their data attribute.
const ATTRIBUTES = { label: "aria-label", title: "title", placeholder: "placeholder", hint: "aria-placeholder" };

let words = {};
let language = "en";
const listeners = [];

/** Calls a function whenever the page's language changes. */
export const whenWordsChange = (act) => listeners.push(act);

export const pageLanguage = () => language;

/** The language to begin with: the one chosen here before, else the browser's first that we have. */
export function firstLanguage() {
  const chosen = kept.get("language");
  const wanted = [chosen, ...navigator.languages].map((code) => String(code).split("-")[0]);
  return wanted.find((code) => LANGUAGES.includes(code)) ?? "en";
}

/** Shows the page in a language. */
export async function speak(code) {
  const answer = await fetch(`page/texts.${code}.json`);
  words = await answer.json();
  language = code;
  document.documentElement.lang = code;
  document.title = t("title");
  fill(document);
  for (const act of listeners) act();
}

/**
 * The words for a key, with values for what stands in braces. A value `n` also chooses between
 * `key.one` and `key.other`, and numbers are written as in the page's language.
 */
export function t(key, values = {}) {
  let text = words[key];
  if (text === undefined && "n" in values) {
    const form = new Intl.PluralRules(language).select(values.n);
    text = words[`${key}.${form}`] ?? words[`${key}.other`];
  }
  return (text ?? key).replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name] ?? whole;
    return typeof value === "number" ? value.toLocaleString(language) : value;
  });
}

export const hasWords = (key) => key in words;

/** A share of 1 as a percentage. */
export const percent = (share) =>
  new Intl.NumberFormat(language, { style: "percent" }).format(share);

/** A number of bytes, rounded. */
export function size(bytes) {
  const [unit, divisor] =
    bytes < 1e6 ? ["kilobyte", 1e3] : ["megabyte", 1e6];
  const number = Math.max(bytes / divisor, 0.1);
  const digits = number < 10 ? 1 : 0;
  const style = { style: "unit", unit, maximumFractionDigits: digits };
  return new Intl.NumberFormat(language, style).format(number);
}

/** The name of a language in the page's language; the server's name if the browser has none. */
export function languageName(code, fallback) {
  try {
    const names = new Intl.DisplayNames([language], { type: "language", fallback: "none" });
    const name = names.of(code);
    return name ? name[0].toLocaleUpperCase(language) + name.slice(1) : fallback ?? code;
  } catch {
    return fallback ?? code; // not a code of BCP 47
  }
}

/** The same in the middle of a sentence: Spanish and others begin it with a small letter there. */
export function languageInside(code, fallback) {
  const name = languageName(code, fallback);
  return language === "en" ? name : name[0].toLocaleLowerCase(language) + name.slice(1);
}

function fill(root) {
  for (const one of root.querySelectorAll("[data-i18n]")) one.textContent = t(one.dataset.i18n);
  for (const [ending, attribute] of Object.entries(ATTRIBUTES)) {
    for (const one of root.querySelectorAll(`[data-i18n-${ending}]`)) {
      one.setAttribute(attribute, t(one.getAttribute(`data-i18n-${ending}`)));
    }
  }
}
