// The tab for texts: translates while one types.

import { received, replaced } from "./alignment.js";
import * as api from "./api.js";
import { Choices } from "./choices.js";
import { $, announce, debounced, element } from "./dom.js";
import { hasWords, pageLanguage, t } from "./texts.js";
import { View } from "./view.js";

// Pause after which a text is translated.
const PAUSE = 300;
// Lines of a request. Its sentences are translated as one batch, of which each line is shown once
// it is done; a server may take fewer texts.
const LINES = 64;
// Lines of the first, which are to be there at once.
const FIRST_LINES = 8;
// Lines that are remembered.
const REMEMBERED = 2000;
// What is needed to detect a language.
const HEAD = 1000;
// Longest translation that is read out.
const READ_OUT = 300;

export class Writing {
  /** @param limits The server's: characters, texts and alternatives. */
  constructor(languages, glossary, limits) {
    Object.assign(this, { languages, glossary, limits });
    this.entries = new Map();
    this.heads = new Map();
    this.choices = new Choices(limits.alternatives);
    this.view = new View((...place) => this.open(...place));
    this.later = debounced(PAUSE, () => this.run());
    this.source = $("source");
    this.source.addEventListener("input", () => this.typed());
    $("clear").addEventListener("click", () => {
      this.setText("");
      this.source.focus();
    });
    $("copy").addEventListener("click", () => this.copy());
    $("again").addEventListener("click", () => this.run());
    this.typed();
  }

  setText(text) {
    this.source.value = text;
    this.typed();
  }

  /** The text of the other side becomes the text. */
  swap() {
    const made = this.view.text();
    this.languages.swap();
    if (made.trim()) this.setText(made);
  }

  /** Translates again, after a change of languages or terms. */
  refresh() {
    this.typed();
    this.later.cancel();
    this.run();
  }

  /** Counts and words of the page, which change with its language. */
  showCounts() {
    const count = [...this.source.value].length;
    const most = this.limits.characters;
    $("count").textContent = count ? t("text.count", { n: count, most }) : "";
    this.showWarnings();
  }

  typed() {
    this.control?.abort();
    this.choices.close();
    this.view.setLines(this.source.value.split("\n"));
    this.showRows();
    this.showCounts();
    $("clear").hidden = !this.source.value;
    this.later();
  }

  async run() {
    this.control?.abort();
    this.later.cancel();
    const control = (this.control = new AbortController());
    this.problem("");
    const text = this.source.value;
    const waiting = setTimeout(() => this.busy(true), 150);
    try {
      if (text.trim()) await this.translate(text, control.signal);
      else if (this.languages.from === "auto") this.languages.found(null);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.problem(error.status === 401 ? t("problem.key") : error.message);
    } finally {
      clearTimeout(waiting);
      if (control === this.control) this.busy(false);
    }
  }

  async translate(text, signal) {
    const characters = [...text].length;
    const most = this.limits.characters;
    if (characters > most) throw new api.Refusal(t("text.toolong", { n: characters, most }));
    await this.detect(text, signal);
    const { languages } = this;
    const [source, target] = [languages.likelySource, languages.to];
    if (!languages.can(source, target)) {
      this.showNothing();
      const names = { source: languages.inside(source), target: languages.inside(target) };
      throw new api.Refusal(
        source === target
          ? t("languages.same", { language: names.source })
          : t("languages.nopair", names),
      );
    }
    this.view.languages = [source, target];
    this.source.lang = source; // for the browser's spelling
    this.showRows();
    const missing = [...new Set(text.split("\n"))].filter((line) => this.entry(line) === undefined);
    let fault = null;
    for (let size = FIRST_LINES; missing.length; size = LINES) {
      const texts = missing.splice(0, Math.min(size, this.limits.texts));
      await api.translateEach({ ...this.request(), texts }, signal, ({ index, ...answer }) => {
        if (answer.error) fault ??= answer.error; // the other lines go on
        else this.remember(texts[index], answer);
        this.showSoon();
      });
    }
    this.showRows();
    this.showWarnings();
    if (fault) throw new api.Refusal(fault.message, fault.status);
    this.tell();
  }

  async detect(text, signal) {
    if (this.languages.from !== "auto") return;
    const head = text.trim().slice(0, HEAD);
    if (!this.heads.has(head)) {
      const code = await api.detect(head, signal);
      if (this.heads.size > REMEMBERED) this.heads.clear();
      this.heads.set(head, code);
    }
    this.languages.found(this.heads.get(head));
  }

  request() {
    const { likelySource: source, to: target } = this.languages;
    return { source, target, details: true, glossary: this.glossary.request() };
  }

  name(line) {
    const { likelySource, to } = this.languages;
    return `${likelySource}>${to} ${this.glossary.version} ${line}`;
  }

  /** What is known of a line: null for one without words, undefined if it is not translated. */
  entry(line) {
    return line.trim() ? this.entries.get(this.name(line)) : null;
  }

  remember(line, answer) {
    // The oldest go first.
    while (this.entries.size >= REMEMBERED) this.entries.delete(this.entries.keys().next().value);
    this.entries.set(this.name(line), { translation: received(line, answer), version: 0 });
  }

  showRows() {
    const lines = this.source.value.split("\n");
    const entries = lines.map((line) => this.entry(line));
    const used = new Set(entries);
    entries.forEach((entry, index) => {
      this.view.show(index, entry, used.has(this.view.entryAt(index)));
    });
    $("copy").hidden = !this.view.text().trim();
  }

  showNothing() {
    this.view.rows.forEach((_, index) => this.view.show(index, null));
    $("copy").hidden = true;
  }

  /** Shows what has come, once in a frame. */
  showSoon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.showRows();
    });
  }

  showWarnings() {
    const found = [];
    this.view.rows.forEach((row, index) => {
      for (const code of row.entry?.translation.warnings ?? []) {
        const key = hasWords(`warning.${code}`) ? `warning.${code}` : "warning.other";
        found.push(t("warning.line", { line: index + 1, fault: t(key) }));
      }
    });
    const list = $("warnings");
    list.replaceChildren(...found.map((text) => element("li", { textContent: text })));
    list.hidden = !found.length;
  }

  /** Reads the translation out, or says that it is there. */
  tell() {
    const text = this.view.text().trim();
    const lines = this.view.rows.filter((row) => row.entry).length;
    announce(
      text.length <= READ_OUT ? t("text.done", { text }) : t("text.donelong", { n: lines }),
    );
  }

  open(index, number, node) {
    const entry = this.view.entryAt(index);
    const { source, text, sentences } = entry.translation;
    const sentence = sentences[number];
    const asked = {
      request: this.request(),
      node,
      source: source.slice(...sentence.source),
      target: text.slice(...sentence.target),
    };
    this.choices.open(asked, (chosen) => {
      entry.translation = replaced(entry.translation, number, chosen);
      entry.version += 1;
      this.showRows();
      this.view.focus();
    });
  }

  async copy() {
    const text = this.view.text();
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      copyOld(text); // pages that came without TLS from another machine have no clipboard
    }
    const button = $("copy");
    button.textContent = t("text.copied");
    announce(t("text.copied"));
    setTimeout(() => {
      button.textContent = t("text.copy");
    }, 1500);
  }

  busy(is) {
    $("busy").hidden = !is;
    $("output").setAttribute("aria-busy", String(is));
  }

  problem(text) {
    $("problem").hidden = !text;
    $("problem-text").textContent = text;
    $("problem-text").lang = pageLanguage();
  }
}

function copyOld(text) {
  const area = element("textarea", { value: text, className: "unseen" });
  const before = document.activeElement;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
  before?.focus();
}
