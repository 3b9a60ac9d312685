// Every page of the site, at 360 and 1,280 pixels, light and dark: nothing is wider than the window
// but what scrolls in a box of its own, and no script fails.
//
//     node site_widths.js CHROMIUM FOLDER-OF-PAGES [FOLDER-FOR-SCREENSHOTS]
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { chromium } = require("playwright-core");

const WIDTHS = [360, 1280];
const SCHEMES = ["light", "dark"];
const NO_PAGES = /^(genindex|search|py-modindex|_static|_sources)/;

// In the page: what reaches over the right edge and scrolls in no box.
function tooWide() {
  const width = document.documentElement.clientWidth;
  const scrolls = (element) => ["auto", "scroll", "hidden"].includes(getComputedStyle(element).overflowX);
  const inBox = (element) => {
    for (let one = element; one && one !== document.body; one = one.parentElement) {
      if (scrolls(one) || (one !== element && one.tagName === "svg")) return true;
    }
    return false;
  };
  const found = [...document.querySelectorAll("article *")].filter((element) => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.right > width + 1 && !inBox(element);
  });
  const names = found.slice(0, 3).map((one) => `${one.tagName} ${one.textContent.slice(0, 40)}`);
  if (document.documentElement.scrollWidth > width) names.push("the page scrolls sideways");
  return names;
}

async function main() {
  const [, , executable, folder, pictures] = process.argv;
  const pages = fs
    .readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(".html") && !NO_PAGES.test(name))
    .sort();
  const browser = await chromium.launch({ executablePath: executable, args: ["--no-sandbox"] });
  const faults = [];
  for (const width of WIDTHS) {
    for (const colorScheme of SCHEMES) {
      const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
      const page = await context.newPage();
      page.setDefaultTimeout(180_000); // machines may be busy
      page.on("pageerror", (error) => faults.push(`${page.url()}: ${error}`));
      for (const name of pages) {
        await page.goto(`file://${path.resolve(folder, name)}`);
        for (const fault of await page.evaluate(tooWide)) faults.push(`${width} ${name}: ${fault}`);
        if (pictures) {
          const picture = `${name.replace(/\//g, "-")}-${width}-${colorScheme}.png`;
          await page.screenshot({ path: path.join(pictures, picture), fullPage: true });
        }
      }
      await context.close();
    }
  }
  await browser.close();
  console.log(`site: ${pages.length} pages in Chromium, ${faults.length} faults`);
  for (const fault of faults) console.error(fault);
  process.exitCode = pages.length && !faults.length ? 0 : 1;
}

main();
