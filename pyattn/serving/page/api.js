// What the page asks of the server. All addresses are relative to the page's own.

import { t } from "./texts.js";

/** A refusal, with the server's own words. */
export class Refusal extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

// How often progress is asked for.
const EVERY_MS = 700;

// A tab's own: gone when it is closed.
const KEY = "pyattn.key";

export function apiKey() {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

export function useKey(key) {
  try {
    sessionStorage.setItem(KEY, key);
  } catch {
    // The key has to be entered again for the next page.
  }
}

export const settings = () => asked("frontend/settings");
export const languages = () => asked("languages");
export const models = () => asked("v1/models");

/** The language of a text, or null. */
export async function detect(text, signal) {
  const [found] = await asked("detect", { q: text }, signal);
  return found && found.confidence > 0 ? found.language : null;
}

/** Translates texts at once. */
export async function translate(request, signal) {
  return (await asked("v1/translate", request, signal)).translations;
}

/**
 * Translates texts, and calls `act` with each translation as soon as it is done.
 *
 * The answer is a stream of server-sent events; EventSource cannot send a body, so they are read
 * here.
 */
export async function translateEach(request, signal, act) {
  const answer = await sent("v1/translate", { ...request, stream: true }, signal);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read().catch((error) => {
      if (error.name === "AbortError") throw error;
      return { done: true }; // the connection broke
    });
    if (done) throw new Refusal(t("problem.network"));
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const kind = /^event: (.*)$/m.exec(event)?.[1];
      const data = JSON.parse(/^data: (.*)$/m.exec(event)?.[1] ?? "{}");
      if (kind === "done") return;
      if (kind === "error") throw new Refusal(data.error.message, data.error.status);
      act(data);
    }
  }
}

/**
 * Sends a document.
 *
 * @param fields What goes with it.
 * @param uploaded Called with the share of it that was sent; 1 when the server has all of it.
 * @param translated Called from then on with the share of it that is translated.
 * @returns {{done: Promise<string>, stop: () => void}} The relative address of the translation.
 */
export function translateFile(file, fields, uploaded, translated) {
  // fetch does not say how much was sent.
  const request = new XMLHttpRequest();
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  // Nobody else can guess it.
  const id = [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
  form.append("progress_id", id);
  form.append("file", file, file.name);
  let timer;
  const ask = async () => {
    // Without an answer, only the bar does not move.
    const { share } = await asked(`v1/progress/${id}`).catch(() => ({}));
    if (request.readyState === XMLHttpRequest.DONE) return;
    if (share !== undefined) translated(share);
    timer = setTimeout(ask, EVERY_MS);
  };
  const done = new Promise((resolve, reject) => {
    request.open("POST", "translate_file");
    for (const [name, value] of Object.entries(authorization())) {
      request.setRequestHeader(name, value);
    }
    request.responseType = "json";
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) uploaded(event.loaded / event.total);
    };
    request.upload.onload = () => {
      uploaded(1);
      timer = setTimeout(ask, EVERY_MS);
    };
    request.onloadend = () => clearTimeout(timer);
    request.onerror = () => reject(new Refusal(t("problem.network")));
    request.onabort = () => reject(new DOMException("stopped", "AbortError"));
    request.onload = () => {
      const body = request.response;
      if (request.status !== 200) return reject(refusal(body, request.status));
      // The server may be known by another name here: only the last part of its address counts.
      return resolve(`download_file/${body.translatedFileUrl.split("/").pop()}`);
    };
    request.send(form);
  });
  return { done, stop: () => request.abort() };
}

async function asked(path, body, signal) {
  return (await sent(path, body, signal)).json();
}

async function sent(path, body, signal) {
  const options = { signal, headers: authorization() };
  if (body !== undefined) {
    options.method = "POST";
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(t("problem.network"));
  }
  if (answer.ok) return answer;
  throw refusal(await answer.json().catch(() => null), answer.status);
}

function refusal(body, status) {
  const error = body?.error;
  const message = typeof error === "string" ? error : error?.message;
  return new Refusal(message ?? t("problem.status", { status: String(status) }), status);
}

function authorization() {
  const key = apiKey();
  return key ? { Authorization: `Bearer ${key}` } : {};
}
