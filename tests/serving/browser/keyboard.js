// The page without a mouse.

import assert from "node:assert/strict";

/** Translates, looks at words, takes another translation, and adds a term, by keys alone. */
export async function keyboard(session) {
  const { page } = session;
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent);
  /** Goes forth until an element has the focus; every stop on the way has to be seen. */
  const reach = async (id, key = "Tab") => {
    for (let step = 0; step < 30; step += 1) {
      if ((await focused()) === id) return;
      await press(key);
      assert.ok(await page.evaluate(isSeen), `${await focused()} has the focus, and it is not seen`);
    }
    assert.fail(`${id} is never reached`);
  };

  await reach("skip", "Shift+Tab");
  await press("Enter");
  assert.equal(await focused(), "source");
  await page.keyboard.type("My brother works in a small village. Where is the kitchen?");
  await session.sentences(2);

  // The caret's word in the text lights up as well.
  await press("Home", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight");
  assert.deepEqual(await session.lit("#mirror"), ["brother"]);
  assert.deepEqual(await session.lit("#output"), ["hermano"]);

  await reach("output");
  assert.deepEqual(await session.lit("#output"), ["Mi"]);
  await press("ArrowRight");
  assert.deepEqual(await session.lit("#mirror"), ["brother"]);
  await session.until(() => document.getElementById("announcement").textContent.startsWith("hermano"));
  await press("ArrowDown");
  const second = await page.locator("#output .sentence").nth(1).innerText();
  assert.equal(await page.locator("#output .here").evaluate((one) => one.parentNode.textContent), second);
  await press("ArrowUp", "Enter");
  await page.waitForSelector("#choices-list li:nth-child(2)");
  await press("Escape");
  assert.equal(await focused(), "output");
  await press("Enter");
  await page.waitForSelector("#choices-list li:nth-child(3)");
  await press("ArrowDown");
  const chosen = await page.evaluate(() => document.activeElement.textContent);
  await press("Enter");
  assert.equal(await focused(), "output");
  assert.equal(await session.text("#output .sentence"), chosen);

  await reach("copy");
  await page.evaluate(() => document.querySelector("#glossary summary").setAttribute("id", "opens"));
  await reach("opens");
  await press("Enter");
  await reach("term");
  await page.keyboard.type("kitchen");
  await press("Tab");
  await page.keyboard.type("sala");
  await press("Enter");
  await session.until(() => document.getElementById("output").textContent.includes("sala"));
  assert.equal(await focused(), "term");
  await reach("terms-file");

  await reach("tab-text", "Shift+Tab");
  await press("ArrowRight");
  assert.equal(await focused(), "tab-files");
  assert.ok(await page.locator("#panel-files").isVisible());
  await reach("choose");
  await reach("theme", "Shift+Tab");
  await press("Space");
  assert.equal(await page.getAttribute("html", "data-theme"), "dark");
}

/** Whether one sees what has the focus: by an outline of its own, or of what stands for it. */
function isSeen() {
  const one = document.activeElement;
  const half = one.closest(".half");
  const ring = half && one.matches(".writing") ? getComputedStyle(half, "::after").borderTopStyle : "none";
  const shown = [one, one.nextElementSibling].filter(Boolean).map((node) => getComputedStyle(node));
  return one === document.body || ring !== "none" ||
    shown.some((style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0);
}
