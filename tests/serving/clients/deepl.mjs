// What DeepL's own program for Node gets from a service: printed as JSON.
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [address, folder] = process.argv.slice(2);
const deepl = createRequire(join(process.env.PYATTN_NODE_CLIENTS, "x"))("deepl-node");
const options = { serverUrl: address, maxRetries: 1 };
const client = new deepl.DeepLClient("secret-1", options);
const lines = ["You are welcome.", "Where is the station?"];
const found = {};

async function failed(promise) {
  try {
    await promise;
  } catch (error) {
    return `${error.constructor.name}: ${error.message}`;
  }
  return null;
}

found.texts = await client.translateText(lines, null, "es");
found.one = await client.translateText(lines[0], "en", "es", {
  splitSentences: "off",
  formality: "prefer_more",
  context: "Somebody thanks.",
});
found.marked = await client.translateText("<p>I am <x>hungry</x>.</p>", "en", "es", {
  tagHandling: "html",
  ignoreTags: ["x", "y"],
});
found.languages = [await client.getSourceLanguages(), await client.getTargetLanguages()];
found.usage = await client.getUsage();
found.pairs = await client.getGlossaryLanguagePairs();

const entries = new deepl.GlossaryEntries({ entries: { station: "terminal", bank: "caja" } });
const glossary = await client.createGlossary("towns", "en", "es", entries);
found.glossary = await client.getGlossary(glossary.glossaryId);
found.entries = (await client.getGlossaryEntries(glossary)).entries();
found.listed = (await client.listGlossaries()).map((one) => one.glossaryId);
found.termed = await client.translateText(lines[1], "en", "es", { glossary });
await client.deleteGlossary(glossary);
found.deleted = await failed(client.getGlossary(glossary.glossaryId));

const pair = { sourceLangCode: "en", targetLangCode: "es" };
const several = await client.createMultilingualGlossary("towns", [{ ...pair, entries }]);
await client.updateMultilingualGlossaryName(several, "cities");
await client.updateMultilingualGlossaryDictionaryWithCsv(several, "en", "es", "station,parada\n");
found.several = await client.getMultilingualGlossary(several.glossaryId);
const read = await client.getMultilingualGlossaryDictionaryEntries(several, "en", "es");
found.severalEntries = read.entries.entries();
found.severalTermed = await client.translateText(lines[1], "en", "es", {
  glossaryIds: [several.glossaryId],
});
const replaced = new deepl.GlossaryEntries({ entries: { a: "b" } });
await client.replaceMultilingualGlossaryDictionary(several, { ...pair, entries: replaced });
found.severalListed = (await client.listMultilingualGlossaries()).map((one) => one.dictionaries);
await client.deleteMultilingualGlossary(several);

const [page, out] = [join(folder, "page.html"), join(folder, "out.html")];
writeFileSync(page, "<p>Where is the <b>station</b>?</p>");
found.status = (await client.translateDocument(page, out, "en", "es")).billedCharacters;
found.document = readFileSync(out, "utf8");
found.noFormat = await failed(
  client.uploadDocument(Buffer.from("a"), "en", "es", { filename: "a.xyz" }),
);
found.wrongKey = await failed(new deepl.DeepLClient("wrong", options).translateText("a", null, "es"));
found.wrongLanguage = await failed(client.translateText("a", null, "xx"));
console.log(JSON.stringify(found));
