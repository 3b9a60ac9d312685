// Facts about the page's modules that need no browser.

import assert from "node:assert/strict";
import { test } from "node:test";

import { doubt, linked, received, replaced, unitsOf, wordsOf } from "./page/alignment.js";
import { readTerms } from "./page/terms.js";

// "😀 I run. Go!" -> "😀 Corro. ¡Ve!", in characters as the server counts them.
const SOURCE = "😀 I run. Go!";
const ANSWER = {
  text: "😀 Corro. ¡Ve!",
  pieces: [
    { source: [0, 2], target: [0, 2], copied: true },
    { source: [2, 8], target: [2, 8], copied: false },
    { source: [8, 9], target: [8, 9], copied: true },
    { source: [9, 12], target: [9, 13], copied: false },
  ],
  tokens: [
    { source: [4, 7], target: [2, 5], score: Math.log(0.5) },
    { source: [3, 7], target: [5, 7], score: Math.log(0.4) },
    { source: [7, 8], target: [7, 8], score: 0 },
    { source: [11, 12], target: [9, 10], score: 0 },
    { source: [9, 11], target: [10, 12], score: Math.log(0.05) },
    { source: [11, 12], target: [12, 13], score: 0 },
  ],
};
const words = (text, list) => list.map(({ span }) => text.slice(...span));

test("characters beyond the first plane count as two units", () => {
  assert.deepEqual([0, 1, 2, 3].map(unitsOf("a😀b")), [0, 1, 3, 4]);
  assert.deepEqual([0, 2].map(unitsOf("ab")), [0, 2]);
});

test("words are linked through the tokens that they share characters with", () => {
  const translation = received(SOURCE, ANSWER);
  const { source, target } = linked(translation, "en", "es");
  assert.deepEqual(words(SOURCE, source), ["I", "run", "Go"]);
  assert.deepEqual(words(ANSWER.text, target), ["Corro", "Ve"]);
  assert.deepEqual(target.map(({ links }) => [...links]), [[1], [2]]);
  assert.deepEqual(source.map(({ links }) => [...links]), [[], [0], [1]]);
});

test("the probability of a word is the product of its tokens'", () => {
  const { target } = linked(received(SOURCE, ANSWER), "en", "es");
  assert.ok(Math.abs(target[0].probability - 0.2) < 1e-9);
  assert.deepEqual(target.map(({ probability }) => doubt(probability)), ["doubtful", "doubtful very"]);
  assert.equal(doubt(null), "");
  assert.equal(doubt(0.3), "");
});

test("a copied word comes from its own place", () => {
  const answer = { text: "x y", pieces: [{ source: [1, 4], target: [0, 3], copied: true }], tokens: [] };
  const { target } = linked(received("-x y", answer), "en", "es");
  assert.deepEqual(target.map(({ links, probability }) => [[...links], probability]), [
    [[0], null],
    [[1], null],
  ]);
});

test("another translation of a sentence moves what comes after it", () => {
  const part = received("I run.", {
    text: "Yo corro 😀.",
    pieces: [{ source: [0, 6], target: [0, 11], copied: false }],
    tokens: [
      { source: [0, 1], target: [0, 2], score: 0 },
      { source: [2, 5], target: [3, 8], score: 0 },
    ],
  });
  const whole = replaced(received(SOURCE, ANSWER), 1, part);
  assert.equal(whole.text, "😀 Yo corro 😀. ¡Ve!");
  const { target } = linked(whole, "en", "es");
  assert.deepEqual(words(whole.text, target), ["Yo", "corro", "Ve"]);
  assert.deepEqual(target.map(({ links }) => [...links]), [[0], [1], [2]]);
  const last = whole.sentences.at(-1);
  assert.equal(whole.text.slice(...last.target), "¡Ve!");
});

test("a translation without tokens has words without links", () => {
  const { target } = linked(received("a", { text: "b" }), "en", "xx-not-a-code-at-all");
  assert.deepEqual(target.map(({ links }) => links.size), [0]);
});

test("languages without spaces have words", () => {
  assert.ok(wordsOf("私は学生です。", "ja").length > 2);
});

for (const [name, text, expected] of [
  ["TSV", "house\tcasa\nsea\t\n", [["house", "casa"], ["sea", ""]]],
  ["TSV with a heading and a mark", "\ufeffSource\tTarget\r\nhouse\tcasa\r\n", [["house", "casa"]]],
  ["TSV has no quotes", '"a\tb"\n', [['"a', 'b"']]],
  ["CSV with quotes", 'term,translation\n"a, b","say ""c"""\nd,e', [["a, b", 'say "c"'], ["d", "e"]]],
  ["CSV with semicolons", "a;b\nc;d", [["a", "b"], ["c", "d"]]],
  ["CSV with a line break in quotes", 'a,"b\nc"\n', [["a", "b\nc"]]],
  ["the last of equal terms", "a,b\na,c", [["a", "c"]]],
  ["one column", "a\nb\n", []],
  ["nothing", "", []],
]) {
  test(`terms: ${name}`, () => assert.deepEqual(readTerms(text), expected));
}
