// The choice of languages: what can be translated into what, detection, and swapping.

import { $, announce, element, kept } from "./dom.js";
import { languageInside, languageName, t } from "./texts.js";

export const AUTO = "auto";

export class Languages {
  /**
   * @param known The server's languages: code, name and targets of each.
   * @param first The pair to begin with.
   * @param changed Called when another pair is chosen.
   * @param shown Called when the pair may be another one, also by detection.
   */
  constructor(known, first, changed, shown) {
    this.known = new Map(known.map((one) => [one.code, one]));
    Object.assign(this, { changed, shown });
    this.detected = null;
    const before = kept.get("pair", {});
    this.from = before.from === AUTO || this.known.has(before.from) ? before.from : AUTO;
    this.to = this.known.has(before.to) ? before.to : first.target.code;
    this.usual = first;
    $("from").addEventListener("change", () => this.choose($("from").value, this.to));
    $("to").addEventListener("change", () => this.choose(this.from, $("to").value));
  }

  /** The language of the text: as chosen, else as detected, else null. */
  get source() {
    return this.from === AUTO ? this.detected : this.from;
  }

  /** The source that a glossary is for, also while nothing was detected. */
  get likelySource() {
    return this.source ?? (this.can(this.usual.source.code, this.to) ? this.usual.source.code
      : this.sourcesOf(this.to)[0] ?? this.usual.source.code);
  }

  can(source, target) {
    return source !== target && Boolean(this.known.get(source)?.targets.includes(target));
  }

  sourcesOf(target) {
    return [...this.known.keys()].filter((code) => this.can(code, target));
  }

  targetsOf(source) {
    return [...this.known.keys()].filter((code) => this.can(source, code));
  }

  /** The name of a language, for a sentence of the page. */
  inside(code) {
    return languageInside(code, this.known.get(code)?.name);
  }

  name(code) {
    return languageName(code, this.known.get(code)?.name);
  }

  choose(from, to) {
    if (from !== this.from) this.detected = null;
    this.from = from;
    // A source that cannot be translated into the target takes the first that it can be.
    if (from !== AUTO && !this.can(from, to)) to = this.targetsOf(from)[0] ?? to;
    this.to = to;
    kept.set("pair", { from: this.from, to: this.to });
    this.show();
    this.changed();
  }

  /** Takes note of the language that the text is in; null for none. */
  found(code) {
    if (code === this.detected) return;
    const before = this.detected ?? this.usual.source.code;
    this.detected = code;
    // A text in the target's language goes the other way.
    if (code !== null && code === this.to && this.targetsOf(code).length) {
      this.to = this.can(code, before) ? before : this.targetsOf(code)[0];
    }
    this.show();
  }

  get canSwap() {
    return this.source !== null && this.can(this.to, this.source);
  }

  swap() {
    const [source, target] = [this.source, this.to];
    this.choose(target, source);
    announce(t("languages.swapped", { source: this.inside(target), target: this.inside(source) }));
  }

  /** Shows the choice, in the page's language. */
  show() {
    const codes = [...this.known.keys()];
    const byName = (one, other) => this.name(one).localeCompare(this.name(other));
    const option = (code, text) => element("option", { value: code, textContent: text });
    const auto = this.detected === null
      ? t("languages.detect")
      : t("languages.detected", { language: this.name(this.detected) });
    const sources = codes.filter((code) => this.targetsOf(code).length).sort(byName);
    const from = this.from === AUTO ? null : this.from;
    const targets = codes
      .filter((code) => (from ? this.can(from, code) : this.sourcesOf(code).length))
      .sort(byName);
    $("from").replaceChildren(
      option(AUTO, auto),
      ...sources.map((code) => option(code, this.name(code))),
    );
    $("to").replaceChildren(...targets.map((code) => option(code, this.name(code))));
    $("from").value = this.from;
    $("to").value = this.to;
    const swap = $("swap");
    swap.disabled = !this.canSwap;
    // Why it cannot be pressed.
    const source = this.source ?? this.likelySource;
    swap.title = this.canSwap || this.can(this.to, source)
      ? t("languages.swap")
      : t("languages.noswap", { source: this.inside(this.to), target: this.inside(source) });
    this.shown();
  }
}
