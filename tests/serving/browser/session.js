// A browser whose every request and message is held against what the page promises.

import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";

import { chromium } from "playwright-core";

// Chromium itself is to ask nobody either.
const ARGUMENTS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
const AXE = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const browse = (executablePath) => chromium.launch({ executablePath, args: ARGUMENTS });

export class Session {
  /** Opens the page; `options` as for Playwright's contexts, `refused` if answers of 4xx are meant. */
  static async open(browser, address, { refused = false, ...options } = {}) {
    const session = new Session();
    Object.assign(session, { address, faults: [], requests: [], refused });
    session.context = await browser.newContext({
      viewport: { width: 1280, height: 800 },
      locale: "en-US",
      ...options,
    });
    session.page = await session.context.newPage();
    session.watch();
    await session.page.goto(address);
    await session.page.waitForSelector("#to option", { state: "attached" });
    return session;
  }

  watch() {
    const { origin } = new URL(this.address);
    this.page.on("request", (request) => {
      this.requests.push(request);
      const url = new URL(request.url());
      if (url.origin !== origin && url.protocol !== "data:") this.faults.push(`left: ${url}`);
    });
    this.page.on("pageerror", (error) => this.faults.push(`error: ${error.stack}`));
    this.page.on("console", (message) => {
      if (!["error", "warning"].includes(message.type())) return;
      if (this.refused && message.text().startsWith("Failed to load resource")) return;
      this.faults.push(`console: ${message.text()}`);
    });
  }

  /** Ends the session; fails if a request left, or something was wrong in the console. */
  async close() {
    assert.ok(this.requests.length > 10);
    assert.deepEqual(this.faults, []);
    await this.context.close();
  }

  /** Types a text and waits for so many sentences of its translation. */
  async write(text, sentences) {
    await this.page.fill("#source", text);
    await this.sentences(sentences);
  }

  async sentences(count) {
    await this.until(
      (wanted) =>
        document.querySelectorAll("#output .sentence").length === wanted &&
        !document.querySelector("#output .stale") &&
        document.querySelector("#busy").hidden,
      count,
    );
  }

  until(fact, argument) {
    return this.page.waitForFunction(fact, argument, { timeout: 15_000 });
  }

  text(selector) {
    return this.page.locator(selector).first().innerText();
  }

  lit(side) {
    return this.page.locator(`${side} .lit`).allInnerTexts();
  }

  /** Fails with what axe-core finds. */
  async accessible(state) {
    await this.page.evaluate(AXE);
    const found = await this.page.evaluate(() =>
      globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }),
    );
    const shown = found.violations.map(({ id, nodes }) => ({
      id,
      nodes: nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`),
    }));
    assert.deepEqual(shown, [], state);
    assert.ok(found.passes.length > 20);
  }

  /** Fails if something is wider than the window. */
  async fits(state) {
    const [wide, room] = await this.page.evaluate(() => [
      document.documentElement.scrollWidth,
      document.documentElement.clientWidth,
    ]);
    assert.ok(wide <= room, `${state}: ${wide} px, expected at most ${room}`);
  }
}
