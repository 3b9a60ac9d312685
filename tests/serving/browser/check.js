// What the page does in a browser.
//
//     node check.js CHROMIUM ADDRESS ADDRESS-WITH-KEYS-AND-ROOT-PATH FOLDER-FOR-SCREENSHOTS

import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";

import { browse, Session } from "./session.js";

const [, , executable, given, closed, folder] = process.argv;
const address = `${given.trim()}/`;
const TEXT =
  "She told me that the meeting had been postponed until next Friday. Can you help me find the " +
  "nearest train station?\n\nMy brother works as a teacher in a small village. 😀 Do not open the " +
  "door before the bell has rung twice.";

const CHECKS = {
  async "texts are translated while one types, and their words light up"(browser) {
    const session = await Session.open(browser, address);
    const { page } = session;
    await session.write(TEXT, 4);
    assert.equal(await page.locator("#output > p").count(), 3);
    assert.match(await page.locator("#from option").first().innerText(), /^English \(auto\)$/);
    assert.ok(await page.locator("#output .doubtful").count());
    const word = page.locator("#output .word", { hasText: /^hermano$/ });
    await word.hover();
    assert.deepEqual(await session.lit("#output"), ["hermano"]);
    assert.deepEqual(await session.lit("#mirror"), ["brother"]);
    assert.match(await session.text("#detail"), /^hermano ← brother · \d+%$/);
    // The same from the text's side, behind the emoji, where characters and units differ.
    const box = await page.locator("#mirror .word", { hasText: /^door$/ }).boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await session.until(() => document.querySelector("#mirror .lit")?.textContent === "door");
    assert.deepEqual(await session.lit("#output"), ["puerta"]);
    // The mirror lies exactly behind the text.
    const [mirror, source] = await page.evaluate(() =>
      ["mirror", "source"].map((id) => document.getElementById(id).getBoundingClientRect().toJSON()));
    assert.deepEqual(mirror, source);
    await session.close();
  },

  async "a sentence gets another translation"(browser) {
    const session = await Session.open(browser, address);
    const { page } = session;
    await session.write(TEXT, 4);
    const second = page.locator("#output .sentence").nth(1);
    const before = await second.innerText();
    await second.locator(".word").first().click();
    await page.waitForSelector("#choices-list li:nth-child(2)");
    assert.equal(await session.text("#choices-source"), "Can you help me find the nearest train station?");
    const choice = page.locator("#choices-list button").nth(1);
    const chosen = await choice.innerText();
    await choice.click();
    assert.notEqual(chosen, before);
    assert.equal(await second.innerText(), chosen);
    // Its words are linked as those before.
    const links = await page.evaluate(() => {
      const found = [];
      for (const word of document.querySelectorAll("#output .sentence")[1].children) {
        word.dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
        found.push([...document.querySelectorAll("#mirror .lit")].map((one) => one.textContent));
      }
      return found.flat();
    });
    for (const word of ["help", "find", "nearest"]) assert.ok(links.includes(word), word);
    for (const word of ["meeting", "brother"]) assert.ok(!links.includes(word), word);
    // It stays while the text goes on.
    await session.write(`${TEXT}\nThank you.`, 5);
    assert.equal(await second.innerText(), chosen);
    await session.close();
  },

  async "languages are swapped, and a text in the target's language goes the other way"(browser) {
    const session = await Session.open(browser, address);
    const { page } = session;
    await session.write("My brother works as a teacher in a small village.", 1);
    const made = await session.text("#output > p");
    await page.click("#swap");
    await session.until(() => document.getElementById("to").value === "en");
    assert.equal(await page.inputValue("#from"), "es");
    assert.equal(await page.inputValue("#source"), made);
    await session.until((text) => document.querySelector("#output p").textContent === text, made.toUpperCase());
    await page.selectOption("#from", "auto");
    await session.write("My brother works as a teacher in a small village.", 1);
    await session.until(() => document.getElementById("to").value !== "en");
    await session.close();
  },

  async "a translation from right to left is shown so"(browser) {
    const session = await Session.open(browser, address);
    const { page } = session;
    await page.selectOption("#to", "he");
    await session.write("Where is the kitchen?", 1);
    const made = page.locator("#output > p").first();
    assert.equal(await made.evaluate((one) => getComputedStyle(one).direction), "rtl");
    assert.equal(await made.getAttribute("lang"), "he");
    await session.close();
  },

  async "terms are used, read from a file, and kept"(browser) {
    const session = await Session.open(browser, address);
    const { page } = session;
    await session.write("The meeting is in the kitchen.", 1);
    await page.click("#glossary summary");
    await page.fill("#term", "meeting");
    await page.fill("#term-translation", "asamblea");
    await page.keyboard.press("Enter");
    await session.until(() => document.getElementById("output").textContent.includes("asamblea"));
    const file = { name: "terms.tsv", mimeType: "text/tab-separated-values", buffer: Buffer.from("kitchen\tsala\n") };
    await page.setInputFiles("#terms-file", file);
    await session.until(() => document.getElementById("output").textContent.includes("sala"));
    await page.reload();
    await page.waitForSelector("#terms-count:not([hidden])");
    assert.equal(await session.text("#terms-count"), "2");
    await page.click("#glossary summary");
    await page.locator("#terms button").first().click();
    assert.equal(await session.text("#terms-count"), "1");
    await page.click("#terms-clear");
    assert.ok(await page.locator("#terms-count").isHidden());
    await session.close();
  },

  async "documents are translated and fetched"(browser) {
    const session = await Session.open(browser, address);
    const { page } = session;
    await page.click("#tab-files");
    await page.setInputFiles("#choose", FILES);
    await session.until(() => document.querySelectorAll('#jobs [data-state="done"]').length === 2);
    assert.match(await session.text('#jobs [data-state="failed"] .state'), /\.png/);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.locator('#jobs [data-state="done"] a').nth(1).click(),
    ]);
    assert.equal(download.suggestedFilename(), "page_es.html");
    assert.match(fs.readFileSync(await download.path(), "utf8"), /<b>[^<]+<\/b>/);
    await session.close();
  },

  async "a document shows how much of it is translated, and is stopped"(browser) {
    const session = await Session.open(browser, address);
    const { page } = session;
    const lines = Array.from({ length: 20000 }, (_, n) => `I have ${n} cats and ${n + 1} dogs.\n`);
    await page.click("#tab-files");
    await page.setInputFiles("#choose", { name: "long.txt", mimeType: "text/plain", buffer: Buffer.from(lines.join("")) });
    await session.until(() => {
      const { value } = document.querySelector("#jobs progress");
      const state = document.querySelector("#jobs .state").textContent;
      return 0 < value && value < 1 && /^Translating .*, [1-9]\d?%$/.test(state);
    });
    await page.locator("#jobs button").click();
    await page.waitForSelector('#jobs [data-state="stopped"]');
    await session.close();
  },

  async "older requests are given up"(browser) {
    const session = await Session.open(browser, address);
    const { page } = session;
    let first = true;
    await page.route("**/v1/translate", async (route) => {
      const isFirst = first;
      first = false;
      if (isFirst) await new Promise((resolve) => setTimeout(resolve, 1500));
      await route.continue().catch(() => {});
    });
    const failed = page.waitForEvent("requestfailed");
    await Promise.all([page.waitForRequest("**/v1/translate"), page.fill("#source", "Where is the cat?")]);
    await page.fill("#source", "Where is the kitchen?");
    assert.match((await failed).failure().errorText, /ABORTED/);
    await session.sentences(1);
    assert.match(await session.text("#output"), /cocina/);
    await session.close();
  },

  async "text is never taken for markup"(browser) {
    const session = await Session.open(browser, address);
    const { page } = session;
    await session.write("<img src=x onerror=alert(1)> & <b>house</b>", 1);
    await page.locator("#output .sentence .word").first().click();
    await page.waitForSelector("#choices-list li");
    assert.equal(await page.locator("#output img, #output b, #choices img, #mirror img").count(), 0);
    await session.close();
  },

  async "errors are shown as the server words them, and tried again"(browser) {
    const session = await Session.open(browser, address, { refused: true });
    const { page } = session;
    const busy = { status: 503, json: { error: { status: 503, message: "the service is busy" } } };
    await page.route("**/v1/translate", (route) => route.fulfill(busy));
    await page.fill("#source", "Where is the kitchen?");
    await page.waitForSelector("#problem:not([hidden])");
    assert.equal(await session.text("#problem-text"), "the service is busy");
    await page.unroute("**/v1/translate");
    await page.click("#again");
    await session.sentences(1);
    assert.ok(await page.locator("#problem").isHidden());
    // A stream that ends too early.
    await page.route("**/v1/translate", (route) => route.fulfill({ body: "event: translation\n" }));
    await page.fill("#source", "Where is the station?");
    await page.waitForSelector("#problem:not([hidden])");
    assert.match(await session.text("#problem-text"), /cannot be reached/);
    await session.close();
  },

  async "a translation is copied"(browser) {
    const session = await Session.open(browser, address, { permissions: ["clipboard-read", "clipboard-write"] });
    const { page } = session;
    await session.write(TEXT, 4);
    await page.click("#copy");
    await session.until(() => document.getElementById("copy").textContent === "Copied");
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.equal(copied.split("\n").length, 3);
    assert.equal(copied, await page.evaluate(() => [...document.querySelectorAll("#output p")].map((one) => one.textContent).join("\n")));
    await session.close();
  },

  async "the page speaks the browser's language, and the one that is chosen"(browser) {
    const session = await Session.open(browser, address, { locale: "es-MX" });
    const { page } = session;
    assert.equal(await page.getAttribute("html", "lang"), "es");
    assert.equal(await session.text("#tab-files"), "Archivos");
    await page.selectOption("#page-language", "en");
    await session.until(() => document.documentElement.lang === "en");
    await page.reload();
    await session.until(() => document.getElementById("tab-files").textContent === "Files");
    await session.close();
  },

  async "everything can be done with the keyboard"(browser) {
    const session = await Session.open(browser, address);
    await (await import("./keyboard.js")).keyboard(session);
    await session.close();
  },

  async "a key is asked for, under the path of a proxy"(browser) {
    const proxy = await proxied(new URL(closed.trim()));
    const session = await Session.open(browser, `${proxy.address}/words/`, { refused: true });
    const { page } = session;
    await page.fill("#source", "Where is the kitchen?");
    await page.waitForSelector("#problem:not([hidden])");
    await page.fill("#key", "wrong");
    await page.keyboard.press("Enter");
    await session.until(() => document.getElementById("problem-text").textContent.includes("nvalid"));
    await page.fill("#key", "secret");
    await page.keyboard.press("Enter");
    await session.sentences(1);
    await page.click("#tab-files");
    await page.setInputFiles("#choose", FILES.slice(0, 1));
    await page.waitForSelector('#jobs [data-state="done"]');
    const got = await page.evaluate(async () => (await fetch(document.querySelector("#jobs a").href)).status);
    assert.equal(got, 200);
    // Without its last slash, addresses would lead elsewhere.
    await page.goto(`${proxy.address}/words`);
    assert.equal(page.url(), `${proxy.address}/words/`);
    await session.close();
    proxy.close();
  },

  async "axe-core finds nothing, and nothing is too wide"(browser) {
    for (const width of [360, 1280, 1600]) {
      for (const colorScheme of ["light", "dark"]) {
        const viewport = { width, height: width < 800 ? 780 : 860 };
        const session = await Session.open(browser, address, {
          viewport, colorScheme, locale: width === 1600 ? "es-ES" : "en-US",
        });
        await pictures(session, `${width}-${colorScheme}`);
        await session.close();
      }
    }
  },
};

const FILES = [
  { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("Hello, my friend.\n") },
  { name: "page.html", mimeType: "text/html", buffer: Buffer.from("<p>I went to <b>Paris</b>.</p>") },
  { name: "photo.png", mimeType: "image/png", buffer: Buffer.from("no picture") },
];

/** The states of the page: each is looked through by axe-core and photographed. */
async function pictures(session, name) {
  const { page } = session;
  const take = async (state) => {
    await page.waitForTimeout(200); // until transitions are over
    await session.fits(`${name} ${state}`);
    await session.accessible(`${name} ${state}`);
    await page.screenshot({ path: path.join(folder, `${state}-${name}.png`), fullPage: state !== "choices" });
  };
  await take("empty");
  await session.write(TEXT, 4);
  await page.locator("#output .word").nth(6).hover();
  await take("text");
  await page.locator("#output .word").nth(6).click();
  await page.waitForSelector("#choices-list li:nth-child(2)");
  await take("choices");
  await page.keyboard.press("Escape");
  await page.click("#glossary summary");
  for (const [term, translation] of [["meeting", "junta"], ["Friday", ""]]) {
    await page.fill("#term", term);
    await page.fill("#term-translation", translation);
    await page.keyboard.press("Enter");
  }
  await session.sentences(4);
  await take("glossary");
  await page.click("#glossary summary");
  await page.click("#tab-files");
  await page.setInputFiles("#choose", FILES);
  await session.until(() => document.querySelectorAll('#jobs [data-state="done"]').length === 2);
  await take("files");
}

/** A proxy that offers a service under its root path, and nothing else. */
async function proxied(target) {
  const server = http.createServer((request, response) => {
    const inside = request.url.replace(/^\/words(?=\/|$)/, "");
    if (inside === request.url) return response.writeHead(404).end();
    const { method, headers } = request;
    const options = { host: target.hostname, port: target.port, path: inside || "/", method, headers };
    if (!inside) return response.writeHead(308, { location: "/words/" }).end();
    return request.pipe(
      http.request(options, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      }).on("error", () => response.destroy()),
    );
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => { server.close(); server.closeAllConnections(); };
  return { address: `http://127.0.0.1:${server.address().port}`, close };
}

const browser = await browse(executable);
let failed = 0;
for (const [name, check] of Object.entries(CHECKS)) {
  try {
    await check(browser);
    console.log(`ok    ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}\n${error.stack}`);
  }
}
await browser.close();
process.exit(failed ? 1 : 0);
