/** The public API, as the page calls it. */

/** An answer that is no success: problem+json, with its cure. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {{code?: string, detail?: string, cure?: string, field?: string, errors?: any[]}} problem
   * @param {number} retryAfter seconds; 0 if the server does not say
   */
  constructor(status, problem, retryAfter) {
    super(problem.detail || `The server answered ${status}.`);
    this.status = status;
    this.code = problem.code || "";
    this.cure = problem.cure || "";
    this.retryAfter = retryAfter;
    const own = { field: problem.field, detail: this.message, cure: problem.cure };
    /** @type {{field: string, detail: string, cure?: string}[]} */
    this.fields = problem.errors?.length ? problem.errors : problem.field ? [own] : [];
  }
}

/** No answer at all. */
export class Unreachable extends Error {}

const REPEATS = [600, 1500, 4000];
const LONGEST_PAUSE = 15;

let csrf = "";
let skew = 0;
let lost = () => {};

/** The token that writes carry while a session is open. */
export function useCsrf(token) {
  csrf = token || "";
}

/** What to do when an answer says that the session is over. */
export function whenSignedOut(act) {
  lost = act;
}

/** Milliseconds since 1970 by the server's clock; the caller's own may be wrong. */
export const now = () => Date.now() + skew;

/**
 * A link of the API, on the host that this page came from: cookie and CSP know no other.
 * @param {string} link
 */
export function here(link) {
  const url = new URL(link, location.href);
  return url.pathname + url.search;
}

/**
 * One call.
 * @param {string} method
 * @param {string} path
 * @param {{body?: any, form?: FormData, key?: string, signal?: AbortSignal}} [given] *key*: of
 *   idempotency
 * @returns {Promise<any>} the JSON body; null for 204
 * @throws {ApiError|Unreachable}
 */
export async function call(method, path, { body, form, key, signal } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  if (csrf && method !== "GET") headers["X-CSRF-Token"] = csrf;
  const sent = { method, headers, signal, body: form || (body === undefined ? undefined : JSON.stringify(body)) };
  const answer = await fetch(path, sent).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new Unreachable("Motif cannot be reached.");
  });
  const date = Date.parse(answer.headers.get("Date") || "");
  if (date) skew = date - Date.now();
  const json = answer.status === 204 ? null : await answer.json().catch(() => ({}));
  if (answer.ok) return json;
  if (answer.status === 401) lost();
  throw new ApiError(answer.status, json, Number(answer.headers.get("Retry-After")) || 0);
}

/** A read. */
export const get = (path, signal) => call("GET", path, { signal });

/**
 * Send a file, as a form does.
 * @param {string} path
 * @param {string} name of the part
 * @param {File} file
 */
export function upload(path, name, file) {
  const form = new FormData();
  form.append(name, file, file.name || name);
  return call("POST", path, { form });
}

/**
 * A write that may be repeated, because its key makes it one: repeated while nobody answers.
 * @param {string} path
 * @param {any} body
 * @param {string} key
 */
export async function post(path, body, key) {
  for (const pause of [...REPEATS, 0]) {
    try {
      return await call("POST", path, { body, key });
    } catch (error) {
      const passing = error instanceof Unreachable || error.status === 503;
      const wait = Math.max(pause, (error.retryAfter || 0) * 1000);
      if (!passing || !pause || wait > LONGEST_PAUSE * 1000) throw error;
      await new Promise((done) => setTimeout(done, wait));
    }
  }
}
