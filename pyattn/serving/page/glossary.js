// The glossary: terms and translations for each pair of languages, kept in this browser.

import { $, announce, element, kept } from "./dom.js";
import { readTerms } from "./terms.js";
import { t } from "./texts.js";

// Terms that are listed; a file may have thousands.
const SHOWN = 100;

export class Glossary {
  /** @param changed Called after each change. */
  constructor(languages, changed) {
    Object.assign(this, { languages, changed });
    this.all = kept.get("glossary", {});
    this.version = 0;
    $("term-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.add();
    });
    $("terms-file").addEventListener("change", ({ target }) => this.read(target));
    $("terms-clear").addEventListener("click", () => {
      this.put([], t("glossary.cleared"));
      $("term").focus();
    });
  }

  get pair() {
    return `${this.languages.likelySource}>${this.languages.to}`;
  }

  get terms() {
    return this.all[this.pair] ?? [];
  }

  /** The terms as the server takes them; undefined for none. */
  request() {
    return this.terms.length ? Object.fromEntries(this.terms) : undefined;
  }

  add() {
    const term = $("term").value.trim();
    if (!term) return;
    const others = this.terms.filter(([one]) => one !== term);
    this.put([[term, $("term-translation").value.trim()], ...others], t("glossary.added", { term }));
    $("term-form").reset();
    $("term").focus();
  }

  async read(input) {
    const [file] = input.files;
    if (!file) return;
    const found = readTerms(await file.text());
    input.value = ""; // the same file may be chosen again
    if (!found.length) {
      this.say(t("glossary.unread"));
      return;
    }
    const merged = new Map([...found, ...this.terms.filter(([one]) => !found.some(([other]) => other === one))]);
    this.put([...merged], t("glossary.read", { n: found.length }));
  }

  put(terms, said) {
    this.all[this.pair] = terms;
    this.version += 1;
    kept.set("glossary", this.all);
    this.show();
    this.say(said);
    this.changed();
  }

  say(text) {
    announce(text);
    $("terms-said").textContent = text;
  }

  /** Shows the terms of the pair that is chosen. */
  show() {
    const { languages, terms } = this;
    $("terms-pair").textContent = t("glossary.pair", {
      source: languages.inside(languages.likelySource),
      target: languages.inside(languages.to),
    });
    const badge = $("terms-count");
    badge.textContent = terms.length;
    badge.hidden = $("terms-clear").hidden = !terms.length;
    const rows = terms.slice(0, SHOWN).map(([term, translation], index) => this.row(term, translation, index));
    const left = terms.length - rows.length;
    const more = left > 0 ? [element("li", { className: "quiet", textContent: t("glossary.more", { n: left }) })] : [];
    $("terms").replaceChildren(...rows, ...more);
  }

  row(term, translation, index) {
    const remove = element("button", { type: "button", className: "icon small", textContent: "×" });
    remove.setAttribute("aria-label", t("glossary.remove", { term }));
    remove.addEventListener("click", () => {
      this.put(this.terms.filter(([one]) => one !== term), t("glossary.removed", { term }));
      // The next term takes its place.
      const left = $("terms").querySelectorAll("button");
      (left[Math.min(index, left.length - 1)] ?? $("term")).focus();
    });
    return element(
      "li",
      {},
      element("span", { dir: "auto", textContent: term }),
      element("span", { className: "arrow", ariaHidden: "true", textContent: "→" }),
      element("span", { dir: "auto", textContent: translation || term, className: translation ? "" : "quiet" }),
      remove,
    );
  }
}
