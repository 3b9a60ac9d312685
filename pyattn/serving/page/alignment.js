// Translations as the page has them: with words, and which of them belong together.
//
// The server counts characters, JavaScript counts UTF-16 units: 😀 is one of the first and two of the
// second. Everything here is in units.

// A word whose probability is below is marked. On the included model, one word in five is below
// the first, and most of its wrong words are.
export const DOUBTFUL = 0.3;
export const VERY_DOUBTFUL = 0.1;

/** A function from the number of a character to the number of its first unit. */
export function unitsOf(text) {
  if (!/[\ud800-\udbff]/.test(text)) return (place) => place;
  const units = [];
  let unit = 0;
  for (const character of text) {
    units.push(unit);
    unit += character.length;
  }
  units.push(unit);
  return (place) => units[Math.min(place, units.length - 1)];
}

/**
 * A translation of the server, in units.
 *
 * @returns {{source: string, text: string, sentences: Array, tokens: Array, warnings: string[]}}
 *   Sentences and tokens have spans `source` and `target`, [begin, end].
 */
export function received(source, answer) {
  const left = unitsOf(source);
  const right = unitsOf(answer.text);
  const spans = (one) => ({
    ...one,
    source: one.source.map(left),
    target: one.target.map(right),
  });
  return {
    source,
    text: answer.text,
    sentences: (answer.pieces ?? []).map(spans),
    tokens: (answer.tokens ?? []).map(spans),
    warnings: answer.warnings ?? [],
  };
}

/**
 * The same translation with another one of a sentence.
 *
 * @param whole What `received` returned, or this function.
 * @param index The number of the sentence.
 * @param part What `received` returned for the sentence alone.
 */
export function replaced(whole, index, part) {
  const sentence = whole.sentences[index];
  const [begin, end] = sentence.target;
  const grown = part.text.length - (end - begin);
  const moved = (span, by) => [span[0] + by, span[1] + by];
  const isInside = (token) => token.target[0] >= begin && token.target[1] <= end;
  return {
    ...whole,
    text: whole.text.slice(0, begin) + part.text + whole.text.slice(end),
    sentences: whole.sentences.map((one, place) =>
      place < index
        ? one
        : place === index
          ? { ...one, target: [begin, end + grown] }
          : { ...one, target: moved(one.target, grown) },
    ),
    tokens: [
      ...whole.tokens.filter((one) => !isInside(one) && one.target[0] < end),
      ...part.tokens.map((one) => ({
        ...one,
        source: moved(one.source, sentence.source[0]),
        target: moved(one.target, begin),
      })),
      ...whole.tokens
        .filter((one) => !isInside(one) && one.target[0] >= end)
        .map((one) => ({ ...one, target: moved(one.target, grown) })),
    ],
  };
}

/** The spans of the words of a text. */
export function wordsOf(text, language) {
  const segments = segmenter(language).segment(text);
  return Array.from(segments)
    .filter((one) => one.isWordLike)
    .map((one) => [one.index, one.index + one.segment.length]);
}

/**
 * Which words belong together.
 *
 * @returns {{source: Array, target: Array}} Words on both sides: `span`, `links` (numbers of words
 *   on the other side) and, in the translation, `probability` (null if it was copied).
 */
export function linked(translation, sourceLanguage, targetLanguage) {
  const blank = (span) => ({ span, links: new Set(), probability: null });
  const source = wordsOf(translation.source, sourceLanguage).map(blank);
  const target = wordsOf(translation.text, targetLanguage).map(blank);
  const copies = translation.sentences.filter((one) => one.copied);
  const copied = copies.map((one) => ({ ...one, score: null, whole: true }));
  const links = [...translation.tokens, ...copied].sort((a, b) => a.target[0] - b.target[0]);
  let first = 0;
  target.forEach((word, index) => {
    let score = null;
    while (first < links.length && links[first].target[1] <= word.span[0]) first += 1;
    for (let place = first; place < links.length; place += 1) {
      const link = links[place];
      if (link.target[0] >= word.span[1]) break;
      if (!meet(link.target, word.span)) continue;
      if (link.score !== null) score = (score ?? 0) + link.score;
      // Inside of a copy, a word comes from its own place.
      const by = link.source[0] - link.target[0];
      const span = link.whole ? word.span.map((unit) => unit + by) : link.source;
      for (const other of within(source, span)) {
        word.links.add(other);
        source[other].links.add(index);
      }
    }
    if (score !== null) word.probability = Math.exp(score);
  });
  return { source, target };
}

/** The class of a word of this probability: "", "doubtful" or "doubtful very". */
export function doubt(probability) {
  if (probability === null || probability >= DOUBTFUL) return "";
  return probability < VERY_DOUBTFUL ? "doubtful very" : "doubtful";
}

/** Numbers of the words, sorted by place, that have a unit in a span. */
function within(words, span) {
  let low = 0;
  let high = words.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (words[middle].span[1] <= span[0]) low = middle + 1;
    else high = middle;
  }
  const found = [];
  for (; low < words.length && meet(words[low].span, span); low += 1) found.push(low);
  return found;
}

const meet = (one, other) => Math.max(one[0], other[0]) < Math.min(one[1], other[1]);

const segmenters = new Map();

function segmenter(language) {
  if (!segmenters.has(language)) {
    let made;
    try {
      made = new Intl.Segmenter(language, { granularity: "word" });
    } catch {
      made = new Intl.Segmenter(undefined, { granularity: "word" }); // an unusual code
    }
    segmenters.set(language, made);
  }
  return segmenters.get(language);
}
