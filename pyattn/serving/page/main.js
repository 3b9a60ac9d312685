// Puts the page together.

import * as api from "./api.js";
import { $, announce, kept } from "./dom.js";
import { Files } from "./files.js";
import { Glossary } from "./glossary.js";
import { Languages } from "./languages.js";
import { firstLanguage, pageLanguage, speak, t, whenWordsChange } from "./texts.js";
import { Writing } from "./writing.js";

const root = document.documentElement;

await speak(firstLanguage());
root.dataset.ready = "";
preferences();
tabs();
try {
  await start();
} catch (error) {
  $("problem").hidden = false;
  $("problem-text").textContent = error.message;
  $("again").addEventListener("click", () => location.reload());
}

async function start() {
  const [settings, known, { limits }] = await Promise.all([
    api.settings(),
    api.languages(),
    api.models(),
  ]);
  const languages = new Languages(
    known,
    settings.language,
    () => writing.refresh(),
    () => glossary.show(),
  );
  const glossary = new Glossary(languages, () => writing.refresh());
  const writing = new Writing(languages, glossary, limits);
  const files = new Files(languages, glossary, settings.supportedFilesFormat, limits.file_bytes);

  function showAll() {
    languages.show();
    files.showAll();
    writing.showCounts();
  }
  $("swap").addEventListener("click", () => writing.swap());
  whenWordsChange(showAll);
  showAll();
  if (settings.keyRequired) askForKey(() => writing.refresh());
  if (!$("panel-text").hidden && matchMedia("(hover: hover)").matches) $("source").focus();
}

/** A key is asked for where the server wants one. */
function askForKey(changed) {
  const form = $("key-form");
  form.hidden = false;
  $("key").value = api.apiKey();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    api.useKey($("key").value.trim());
    announce(t("key.saved"));
    changed();
  });
}

/** The language of the page, and dark or light. */
function preferences() {
  const language = $("page-language");
  language.value = pageLanguage();
  language.addEventListener("change", async () => {
    kept.set("language", language.value);
    await speak(language.value);
  });

  const system = matchMedia("(prefers-color-scheme: dark)");
  let theme = kept.get("theme", null); // null: as the system has it
  const isDark = () => (theme ?? (system.matches ? "dark" : "light")) === "dark";
  const show = () => {
    if (theme === null) delete root.dataset.theme;
    else root.dataset.theme = theme;
    $("theme").setAttribute("aria-pressed", String(isDark()));
  };
  $("theme").addEventListener("click", () => {
    theme = isDark() ? "light" : "dark";
    kept.set("theme", theme);
    show();
  });
  system.addEventListener("change", show);
  show();
}

/** Tabs, with arrow keys as people who use the keyboard expect them. */
function tabs() {
  const all = [$("tab-text"), $("tab-files")];
  const choose = (chosen) => {
    for (const tab of all) {
      const is = tab === chosen;
      tab.setAttribute("aria-selected", String(is));
      tab.tabIndex = is ? 0 : -1;
      $(tab.getAttribute("aria-controls")).hidden = !is;
    }
  };
  all.forEach((tab, index) => {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      const places = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: -1 };
      if (!(event.key in places)) return;
      event.preventDefault();
      const next = all.at(places[event.key] % all.length);
      choose(next);
      next.focus();
    });
  });
}
