// Glossaries in TSV and CSV, as `pyattn` reads them: a term and its translation in each row; an
// empty translation keeps the term; a first row "source", "target" is a heading.

const HEADINGS = new Set(["source,target", "term,translation"]);

/**
 * The terms in a file.
 *
 * @param text What is in it.
 * @returns {Array<[string, string]>} Terms and translations; of equal terms the last counts.
 */
export function readTerms(text) {
  const plain = text.replace(/^\ufeff/, "");
  const firstLine = plain.slice(0, plain.search(/[\r\n]|$/));
  const rows = firstLine.includes("\t")
    ? plain.split(/\r?\n/).map((line) => line.split("\t"))
    : readCsv(plain, !firstLine.includes(",") && firstLine.includes(";") ? ";" : ",");
  const terms = new Map();
  rows.forEach((row, number) => {
    const [term, translation] = row.map((field) => field.trim());
    if (!term || translation === undefined) return;
    if (number === 0 && HEADINGS.has(`${term},${translation}`.toLowerCase())) return;
    terms.set(term, translation);
  });
  return [...terms];
}

/** The rows of a table whose fields may be in quotes (RFC 4180). */
function readCsv(text, separator) {
  const rows = [];
  let row = [];
  let field = "";
  let quoted = false;
  const endRow = () => {
    rows.push([...row, field]);
    row = [];
    field = "";
  };
  for (let place = 0; place < text.length; place += 1) {
    const sign = text[place];
    if (quoted) {
      if (sign !== '"') field += sign;
      else if (text[place + 1] === '"') field += text[(place += 1)];
      else quoted = false;
    } else if (sign === '"' && field === "") {
      quoted = true;
    } else if (sign === separator) {
      row.push(field);
      field = "";
    } else if (sign === "\n") {
      endRow();
    } else if (sign !== "\r") {
      field += sign;
    }
  }
  if (field || row.length) endRow();
  return rows;
}
