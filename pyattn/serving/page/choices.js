// Other translations of a sentence, in a small window below it.

import { received, wordsOf } from "./alignment.js";
import * as api from "./api.js";
import { $, announce, element } from "./dom.js";
import { t } from "./texts.js";

// How many are asked for; equal ones are left out.
const MOST = 5;

export class Choices {
  /** @param most Most alternatives that the server gives. */
  constructor(most) {
    this.count = Math.min(MOST, most);
    this.window = $("choices");
    this.window.addEventListener("toggle", (event) => {
      if (event.newState === "closed") this.closed();
    });
    this.window.addEventListener("keydown", (event) => this.key(event));
    this.window.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget && !this.window.contains(relatedTarget)) this.close();
    });
  }

  /**
   * Opens the window.
   *
   * @param asked The request without texts, `node` that it belongs to, `source` and `target`, the
   *   sentence and its translation.
   * @param taken Called with the translation that is chosen, as `received` returns it.
   */
  async open({ request, node, source, target }, taken) {
    if (!this.count) return;
    this.close();
    const control = (this.control = new AbortController());
    this.node = node;
    node.classList.add("open");
    $("choices-source").textContent = source;
    $("choices-list").replaceChildren();
    $("choices-state").textContent = t("choices.loading");
    this.window.showPopover();
    this.place();
    try {
      const asked = { ...request, texts: [source], alternatives: this.count };
      const [answer] = await api.translate(asked, control.signal);
      if (answer.error) throw new api.Refusal(answer.error.message);
      const all = [answer, ...(answer.others ?? [])].map((one) => received(source, one));
      this.show(all, target, request.target, taken);
    } catch (error) {
      if (error.name === "AbortError") return;
      $("choices-state").textContent = error.message;
    }
    this.place();
  }

  show(all, current, language, taken) {
    const others = all.filter((one) => one.text !== current);
    const own = all.find((one) => one.text === current);
    const known = new Set(wordsOf(current, language).map((span) => current.slice(...span)));
    const rows = [own ?? { text: current }, ...others].map((one, index) => {
      const button = element("button", { type: "button", dir: "auto", lang: language });
      button.append(...differences(one.text, known, language));
      if (index === 0) {
        button.setAttribute("aria-current", "true");
        button.append(" ", element("span", { className: "badge", textContent: t("choices.current") }));
      }
      button.addEventListener("click", () => {
        this.close();
        if (index === 0) return;
        taken(one);
        announce(t("choices.taken", { text: one.text }));
      });
      return element("li", {}, button);
    });
    $("choices-list").replaceChildren(...rows);
    $("choices-state").textContent = others.length ? "" : t("choices.none");
    rows[Math.min(1, rows.length - 1)].firstChild.focus();
  }

  /** Below the sentence, or above it where there is more room. */
  place() {
    const edge = 12;
    const around = this.node.getBoundingClientRect();
    const { width, height } = this.window.getBoundingClientRect();
    const { clientWidth, clientHeight } = document.documentElement;
    const left = Math.max(edge, Math.min(around.left, clientWidth - width - edge));
    const isBelow = around.bottom + height + edge < clientHeight || around.top < height + edge;
    const top = isBelow ? around.bottom + 6 : around.top - height - 6;
    this.window.style.left = `${left + scrollX}px`;
    this.window.style.top = `${top + scrollY}px`;
    this.window.scrollIntoView({ block: "nearest" });
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const buttons = [...this.window.querySelectorAll("button")];
    const place = buttons.indexOf(document.activeElement) + step;
    buttons[(place + buttons.length) % buttons.length]?.focus();
  }

  close() {
    if (this.window.matches(":popover-open")) this.window.hidePopover();
  }

  closed() {
    this.control?.abort();
    this.node?.classList.remove("open");
  }
}

/** A translation with the words marked that the one shown does not have. */
function differences(text, known, language) {
  const made = [];
  let place = 0;
  for (const [begin, end] of wordsOf(text, language)) {
    const word = text.slice(begin, end);
    if (known.has(word)) continue;
    made.push(text.slice(place, begin), element("strong", { textContent: word }));
    place = end;
  }
  made.push(text.slice(place));
  return made;
}
