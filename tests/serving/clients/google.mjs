// What Google's own program for Node gets from a service: printed as JSON. It knows addresses with
// https only, unless a variable of the environment names another.
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.PYATTN_NODE_CLIENTS, "x"));
const { Translate } = require("@google-cloud/translate").v2;
const client = new Translate({ key: "secret-1" });
const lines = ["You are welcome.", "Where is the station?"];
const found = {};

async function failed(promise) {
  try {
    await promise;
  } catch (error) {
    return { code: error.code, message: error.message };
  }
  return null;
}

found.texts = (await client.translate(lines, "es"))[0];
found.one = (await client.translate(lines[0], { from: "en", to: "es", format: "text" }))[0];
found.marked = (await client.translate("<p>I am <code>hungry</code>.</p>", "es"))[0];
found.detected = (await client.detect(lines))[0];
found.languages = (await client.getLanguages())[0];
found.wrongLanguage = await failed(client.translate("a", "xx"));
found.wrongKey = await failed(new Translate({ key: "wrong" }).translate("a", "es"));
console.log(JSON.stringify(found));
