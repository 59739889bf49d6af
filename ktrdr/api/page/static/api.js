// Sends requests to the backend. A refusal becomes a Refused with the backend's message, no answer an Unreachable.

const PREFIX = "/api/v1/";
const TIMEOUT_MS = 8000;

export class Refused extends Error {}
export class Unreachable extends Error {}

let secret = "";
let askForSecret = async () => null;

// Tells how a person is asked for the secret of clients: a function that returns it, or null.
export function setLogin(login) {
  askForSecret = login;
}

export const get = (path) => ask("GET", path);
export const post = (path) => ask("POST", path);
export const remove = (path) => ask("DELETE", path);

async function ask(method, path) {
  let answer;
  let body;
  try {
    answer = await fetch(PREFIX + path, {
      method, cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: secret ? { Authorization: `Bearer ${secret}` } : {},
    });
    body = await answer.json();
  } catch {
    throw new Unreachable("The backend does not answer.");
  }
  if (answer.status === 401) {
    secret = (await askForSecret(secret !== "")) ?? "";
    if (secret) return ask(method, path);
  }
  if (!answer.ok) {
    throw new Refused(body?.error?.message ?? body?.reason ?? `The backend answers ${answer.status}.`);
  }
  return body;
}
