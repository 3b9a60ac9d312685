// The tab for documents: one after another, each with its progress and its link.

import * as api from "./api.js";
import { $, announce, element } from "./dom.js";
import { percent, size, t } from "./texts.js";

// What people know formats by, the most common first; others follow, and equal ones come once.
const NAMES = new Map([
  ...["docx", "pptx", "xlsx", "odt", "odp", "ods", "epub", "html", "txt"].map((one) => [one, one]),
  ...[["md", "Markdown"], ["srt", "srt"], ["vtt", "vtt"], ["po", "po"], ["xlf", "XLIFF"]],
]);
const SAME = { htm: "html", markdown: "md", text: "txt", lines: "txt", pot: "po", xliff: "xlf", xht: "xhtml", ssa: "ass" };

export class Files {
  /**
   * @param formats Extensions that the server takes, such as ".docx"; none if it takes no files.
   * @param most Most bytes of a file.
   */
  constructor(languages, glossary, formats, most) {
    Object.assign(this, { languages, glossary, formats, most });
    this.jobs = [];
    const choose = $("choose");
    choose.accept = formats.join(",");
    choose.disabled = !formats.length;
    choose.addEventListener("change", () => {
      this.add([...choose.files]);
      choose.value = ""; // the same file may be chosen again
    });
    const drop = $("drop");
    const over = (is) => drop.classList.toggle("over", is);
    // Beside the field, a dropped file would replace the page.
    addEventListener("dragover", (event) => event.preventDefault());
    addEventListener("drop", (event) => event.preventDefault());
    drop.addEventListener("dragenter", () => over(true));
    drop.addEventListener("dragover", () => over(true));
    drop.addEventListener("dragleave", ({ relatedTarget }) => over(drop.contains(relatedTarget)));
    drop.addEventListener("drop", (event) => {
      over(false);
      this.add([...event.dataTransfer.files]);
    });
  }

  add(files) {
    if (!this.formats.length) return;
    for (const file of files) {
      const { from, source, to } = this.languages;
      const job = {
        file,
        // As chosen now: the choice may change while it waits.
        from,
        source: from === "auto" ? null : source,
        to,
        glossary: this.glossary.request(),
        state: "waiting",
        share: 0,
        ...this.parts(),
      };
      const fault = this.fault(file);
      if (fault) Object.assign(job, { state: "failed", message: fault });
      this.jobs.push(job);
      $("jobs").append(job.row);
      this.show(job);
    }
    this.work();
  }

  /** Why a file would be refused, before it is sent; "" if nothing is wrong. */
  fault(file) {
    const kind = /\.[^.]*$/.exec(file.name)?.[0].toLowerCase() ?? file.name;
    if (!this.formats.includes(kind)) return t("files.unknown", { kind });
    if (file.size <= this.most) return "";
    return t("files.toolarge", { size: size(file.size), most: size(this.most) });
  }

  parts() {
    const name = element("span", { className: "name", dir: "auto" });
    const state = element("span", { className: "quiet state" });
    const progress = element("progress", { max: 1 });
    const link = element("a", { className: "button filled", hidden: true });
    const button = element("button", { type: "button", className: "text" });
    const about = element("div", { className: "about" }, name, state, progress);
    return { name, progress, link, button, label: state, row: element("li", { className: "card" }, about, link, button) };
  }

  /** Translates what waits, one at a time: the server would not be faster with several. */
  async work() {
    if (this.isWorking) return;
    this.isWorking = true;
    for (;;) {
      const job = this.jobs.find((one) => one.state === "waiting");
      if (!job) break;
      await this.translate(job);
    }
    this.isWorking = false;
  }

  async translate(job) {
    const fields = { source: job.from, target: job.to };
    if (job.glossary) fields.glossary = JSON.stringify(job.glossary);
    job.state = "uploading";
    this.show(job);
    const uploaded = (share) => {
      job.share = share < 1 ? share : 0;
      if (share >= 1) job.state = "translating";
      this.show(job);
    };
    const translated = (share) => {
      job.share = share;
      this.show(job);
    };
    const sent = api.translateFile(job.file, fields, uploaded, translated);
    job.stop = sent.stop;
    try {
      job.address = await sent.done;
      job.state = "done";
      announce(t("files.ready", { name: job.file.name }));
    } catch (error) {
      job.state = error.name === "AbortError" ? "stopped" : "failed";
      job.message = error.status === 401 ? t("problem.key") : error.message;
      if (job.state === "failed") announce(`${job.file.name}: ${job.message}`);
    }
    this.show(job);
  }

  showAll() {
    const list = formatNames(this.formats.map((one) => one.slice(1))).join(", ");
    $("formats").textContent = this.formats.length
      ? t("files.formats", { formats: list, size: size(this.most) })
      : t("files.off");
    for (const job of this.jobs) this.show(job);
  }

  show(job) {
    const { name } = job.file;
    const isUnderWay = ["waiting", "uploading", "translating"].includes(job.state);
    job.row.dataset.state = job.state;
    job.name.textContent = name;
    job.label.textContent = this.words(job);
    job.progress.hidden = !isUnderWay || job.state === "waiting";
    job.progress.setAttribute("aria-label", name);
    // Without a value it shows that something goes on.
    if (job.state === "translating" && !job.share) job.progress.removeAttribute("value");
    else job.progress.value = job.share;
    job.link.hidden = job.state !== "done";
    if (job.state === "done") {
      job.link.href = job.address;
      job.link.setAttribute("download", "");
      job.link.textContent = t("files.download");
      job.link.setAttribute("aria-label", t("files.downloadname", { name }));
    }
    const act = isUnderWay ? "stop" : "remove";
    job.button.textContent = t(`files.${act}`);
    job.button.setAttribute("aria-label", t(`files.${act}name`, { name }));
    job.button.onclick = () => (isUnderWay ? this.stop(job) : this.remove(job));
  }

  words(job) {
    const target = this.languages.inside(job.to);
    if (job.state === "uploading") return t("files.uploading", { percent: percent(job.share) });
    if (job.state === "failed") return t("files.failed", { message: job.message });
    if (job.state !== "translating") return t(`files.${job.state}`, { target });
    const words =
      job.source === null
        ? t("files.translating.auto", { target })
        : t("files.translating", { source: this.languages.inside(job.source), target });
    return job.share ? t("files.share", { words, percent: percent(job.share) }) : words;
  }

  stop(job) {
    if (job.stop) return job.stop();
    job.state = "stopped";
    return this.show(job);
  }

  remove(job) {
    this.jobs.splice(this.jobs.indexOf(job), 1);
    job.row.remove();
    $("choose").focus();
  }
}

/** Formats by the names that people know, the most common first. */
function formatNames(extensions) {
  const all = [...new Set(extensions.map((one) => SAME[one] ?? one))];
  const known = [...NAMES.keys()].filter((one) => all.includes(one));
  const shown = (name) => (name === name.toLowerCase() ? name.toUpperCase() : name);
  return [...known, ...all.filter((one) => !NAMES.has(one))].map((one) => shown(NAMES.get(one) ?? one));
}
