// Sends requests to the backend. A refusal becomes a Refused with the backend's message, no answer an Unreachable.

const PREFIX = "/api/v1/";
const TIMEOUT_MS = 8000;
const LONG_MS = 600_000; // for files

export class Refused extends Error {}
export class Unreachable extends Error {}

let secret = "";
let askForSecret = async () => null;

// Tells how a person is asked for the secret of clients: a function that returns it, or null.
export function setLogin(login) {
  askForSecret = login;
}

export const get = (path) => ask("GET", path);
export const post = (path, content) => ask("POST", path, content && JSON.stringify(content), "application/json");
export const text = (path) => ask("GET", path, undefined, "", (answer) => answer.text());
export const upload = (method, path, content, type) => ask(method, path, content, type, asJson, LONG_MS);
export const remove = (path) => ask("DELETE", path);

const asJson = (answer) => answer.json();

// `content` is sent as `type`; `read` reads the answer's body, a refusal is JSON always.
async function ask(method, path, content, type, read = asJson, timeout = TIMEOUT_MS) {
  let answer;
  let body;
  try {
    answer = await fetch(PREFIX + path, {
      method, body: content, cache: "no-store", signal: AbortSignal.timeout(timeout),
      headers: { ...(secret && { Authorization: `Bearer ${secret}` }), ...(content && { "Content-Type": type }) },
    });
    body = await (answer.ok ? read(answer) : answer.json());
  } catch {
    throw new Unreachable("The backend does not answer.");
  }
  if (answer.status === 401) {
    secret = (await askForSecret(secret !== "")) ?? "";
    if (secret) return ask(method, path, content, type, read, timeout);
  }
  if (!answer.ok) {
    throw refused(body, answer.status);
  }
  return body;
}

function refused(body, status) {
  const error = new Refused(body?.error?.message ?? body?.reason ?? `The backend answers ${status}.`);
  error.more = (body?.error?.details?.issues ?? []).map((issue) => issue.message ?? String(issue));
  return error;
}
