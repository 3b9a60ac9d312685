// The text and its translation side by side: a row for each line, and words that light up together.
//
// The text itself is in a textarea. Its words lie in a mirror of the same size behind it, whose
// letters cannot be seen, and which also makes the textarea as high as its text.

import { doubt, linked } from "./alignment.js";
import { $, announce, element } from "./dom.js";
import { percent, t } from "./texts.js";

export class View {
  /** @param opened Called with the number of a line, of a sentence, and its element. */
  constructor(opened) {
    this.opened = opened;
    this.rows = [];
    this.lit = [];
    this.current = null; // {row, word} that arrow keys have come to
    this.languages = [undefined, undefined];
    this.listen();
  }

  /** Shows the lines of the text in the mirror; rows keep what they have until `show`. */
  setLines(lines) {
    this.unlight();
    this.current = null;
    while (this.rows.length > lines.length) {
      const row = this.rows.pop();
      row.line.remove();
      row.made.remove();
    }
    lines.forEach((text, index) => {
      const row = (this.rows[index] ??= this.addRow(index));
      if (row.text === text) return;
      row.text = text;
      row.line.textContent = text;
      row.words = null;
    });
  }

  /**
   * Shows the translation of a line.
   *
   * @param entry An object with `translation` and `version`; null for a line without words;
   *   undefined while it is under way, which keeps what is there, paler.
   * @param isElsewhere Whether what is there belongs to another line by now.
   */
  show(index, entry, isElsewhere = false) {
    const row = this.rows[index];
    if (entry === undefined) {
      row.made.classList.add("stale");
      if (isElsewhere) this.clear(row);
      return;
    }
    row.made.classList.remove("stale");
    if (entry === null) {
      this.clear(row);
    } else if (row.entry !== entry || row.version !== entry.version || !row.words) {
      this.fill(row, entry);
    }
  }

  entryAt(index) {
    return this.rows[index]?.entry;
  }

  /** All of the translation as text. */
  text() {
    return this.rows.map((row) => row.entry?.translation.text ?? row.made.textContent).join("\n");
  }

  focus() {
    $("output").focus();
  }

  addRow(index) {
    const line = element("div");
    const made = element("p", { dir: "auto" });
    line.row = made.row = index;
    $("mirror").append(line);
    $("output").append(made);
    return { line, made, text: null, entry: null, version: 0, words: null };
  }

  clear(row) {
    row.made.replaceChildren();
    row.entry = null;
    row.words = null;
  }

  fill(row, entry) {
    const { translation } = entry;
    Object.assign(row, { entry, version: entry.version });
    row.words = linked(translation, ...this.languages);
    row.made.lang = this.languages[1] ?? "";
    const { source, target } = row.words;
    row.line.replaceChildren(...nodes(translation.source, source, [0, translation.source.length]));
    const children = [];
    let end = 0;
    translation.sentences.forEach((sentence, number) => {
      children.push(...nodes(translation.text, target, [end, sentence.target[0]]));
      const inside = nodes(translation.text, target, sentence.target);
      end = sentence.target[1];
      if (sentence.copied) return children.push(...inside);
      const made = element("span", { className: "sentence" }, ...inside);
      made.number = number;
      return children.push(made);
    });
    children.push(...nodes(translation.text, target, [end, translation.text.length]));
    row.made.replaceChildren(...children);
    for (const word of target) word.node?.classList.add(...doubt(word.probability).split(" ").filter(Boolean));
  }

  /** Lights up a word and those that belong to it; says so below the translation. */
  light(index, side, number) {
    const row = this.rows[index];
    const word = row?.words?.[side][number];
    if (!word) return "";
    this.unlight();
    const other = side === "source" ? "target" : "source";
    const others = [...word.links].sort((a, b) => a - b).map((place) => row.words[other][place]);
    this.lit = [word, ...others].map((one) => one.node).filter(Boolean);
    for (const node of this.lit) node.classList.add("lit");
    const text = this.describe(row, side, word, others);
    $("detail").textContent = text;
    return text;
  }

  describe(row, side, word, others) {
    const { source, text } = row.entry.translation;
    const cut = (whole, words) => words.map(({ span }) => whole.slice(...span)).join(" ");
    const [left, right] = side === "source"
      ? [cut(source, [word]), cut(text, others)]
      : [cut(source, others), cut(text, [word])];
    if (!left || !right) return left || right;
    const shown = t("detail.word", { source: left, target: right });
    const made = side === "target" ? word : others[0];
    if (made.probability === null || (side === "source" && others.length > 1)) return shown;
    return t("detail.score", { word: shown, percent: percent(made.probability) });
  }

  unlight() {
    for (const node of this.lit) node.classList.remove("lit", "here");
    this.lit = [];
    $("detail").textContent = "";
  }

  listen() {
    const output = $("output");
    output.addEventListener("pointerover", (event) => {
      const word = event.target.closest(".word");
      if (word) this.light(rowOf(word), "target", word.number);
    });
    output.addEventListener("pointerleave", () => this.unlight());
    output.addEventListener("click", (event) => {
      const sentence = event.target.closest(".sentence");
      // Whoever selects text wants no window over it.
      if (sentence && getSelection().isCollapsed) {
        this.opened(rowOf(sentence), sentence.number, sentence);
      }
    });
    output.addEventListener("keydown", (event) => this.key(event));
    output.addEventListener("focus", () => {
      if (output.matches(":focus-visible")) this.go(this.current ?? this.next(null, 1));
    });
    output.addEventListener("blur", () => this.unlight());

    const source = $("source");
    let waits = false;
    source.addEventListener("pointermove", ({ clientX, clientY }) => {
      if (waits) return;
      waits = true;
      requestAnimationFrame(() => {
        waits = false;
        const under = document.elementsFromPoint(clientX, clientY);
        const word = under.find((one) => one.className.startsWith?.("word") && $("mirror").contains(one));
        if (word) this.light(rowOf(word), "source", word.number);
        else this.unlight();
      });
    });
    source.addEventListener("pointerleave", () => this.unlight());
    source.addEventListener("blur", () => this.unlight());
    source.addEventListener("keyup", (event) => {
      if (/^(Arrow|Home|End|Page)/.test(event.key)) this.lightAtCaret(source);
    });
  }

  /** Lights up the word of the text that the caret is at. */
  lightAtCaret(source) {
    const before = source.value.slice(0, source.selectionStart);
    const index = before.split("\n").length - 1;
    const place = before.length - before.lastIndexOf("\n") - 1;
    const words = this.rows[index]?.words?.source ?? [];
    const number = words.findIndex(({ span }) => span[0] <= place && place <= span[1]);
    if (number < 0) this.unlight();
    else this.light(index, "source", number);
  }

  /** Arrow keys go from word to word, Enter opens the sentence. */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = this.current;
    const right = at && getComputedStyle(this.rows[at.row].made).direction === "rtl" ? -1 : 1;
    const steps = {
      ArrowRight: () => this.next(at, right),
      ArrowLeft: () => this.next(at, -right),
      ArrowDown: () => this.nextSentence(at, 1),
      ArrowUp: () => this.nextSentence(at, -1),
      Home: () => this.next(null, 1),
      End: () => this.next(null, -1),
    };
    if (event.key in steps) {
      event.preventDefault();
      this.go(steps[event.key]() ?? at);
    } else if ((event.key === "Enter" || event.key === " ") && at) {
      event.preventDefault();
      const sentence = this.node(at)?.closest(".sentence");
      if (sentence) this.opened(at.row, sentence.number, sentence);
    }
  }

  go(place) {
    this.current = place;
    if (!place) return;
    const text = this.light(place.row, "target", place.word);
    const node = this.node(place);
    node?.classList.add("here");
    node?.scrollIntoView({ block: "nearest" });
    announce(text);
  }

  node({ row, word }) {
    return this.rows[row]?.words?.target[word]?.node;
  }

  /** The word after a place, or before it; the first or the last one for null. */
  next(place, step) {
    let row = place ? place.row : step > 0 ? 0 : this.rows.length - 1;
    let word = place ? place.word + step : null;
    for (; row >= 0 && row < this.rows.length; row += step, word = null) {
      const count = this.rows[row].words?.target.length ?? 0;
      word ??= step > 0 ? 0 : count - 1;
      if (word >= 0 && word < count) return { row, word };
    }
    return null;
  }

  /** The first word of another sentence. */
  nextSentence(place, step) {
    const own = place && this.node(place)?.parentNode;
    let found = this.next(place, step);
    while (found && place && this.node(found).parentNode === own) found = this.next(found, step);
    if (!found || step > 0) return found;
    const parent = this.node(found).parentNode;
    for (let before = found; before && this.node(before).parentNode === parent; ) {
      found = before;
      before = this.next(before, -1);
    }
    return found;
  }
}

/** A part of a text as nodes: an element for each word, of which the words take note. */
function nodes(text, words, [begin, end]) {
  const made = [];
  let place = begin;
  words.forEach((word, number) => {
    if (word.span[0] < place || word.span[1] > end) return;
    if (word.span[0] > place) made.push(text.slice(place, word.span[0]));
    word.node = element("span", { className: "word", textContent: text.slice(...word.span) });
    word.node.number = number;
    place = word.span[1];
    made.push(word.node);
  });
  if (place < end) made.push(text.slice(place, end));
  return made;
}

function rowOf(node) {
  return node.closest("#output > p, #mirror > div").row;
}
