import { Observable } from "./observable.js";

const KEY = "portevoix.key";

/** The API key of this session, "" when there is none; forgotten when the window closes. */
export const apiKey = new Observable(sessionStorage.getItem(KEY) ?? "");

apiKey.subscribe((key) => {
  if (key) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
});

/** What the server refused or could not do, in its own words. */
export class Refusal extends Error {
  /** `content` is all that the server answered. */
  constructor(message, status, code, content = {}) {
    super(message);
    Object.assign(this, { status, code, content });
  }
}

/** Ask the server; `body` is sent as JSON unless it is a form or a text. Throws a `Refusal`. */
export async function ask(method, path, { body, signal, type } = {}) {
  const headers = {};
  if (apiKey.value) headers.Authorization = `Bearer ${apiKey.value}`;
  const isPlain = body === undefined || body instanceof FormData || typeof body === "string";
  if (!isPlain) headers["Content-Type"] = "application/json";
  else if (type) headers["Content-Type"] = type;
  const answer = await fetch(path, { method, headers, signal, body: isPlain ? body : JSON.stringify(body) });
  if (answer.ok) return answer;
  throw await refusal(answer);
}

/** Return the JSON that the server answers with. */
export async function read(path, options) {
  return (await ask("GET", path, options)).json();
}

async function refusal(answer) {
  const content = await answer.json().catch(() => null);
  const error = content?.error ?? {};
  return new Refusal(error.message ?? `HTTP ${answer.status}`, answer.status, error.code ?? "", content ?? {});
}
