/** Send a request so that it makes one track, however often it is sent. */
import { ApiError, post } from "./api.js";

const SLOT = "motif-pending";

/**
 * Submit. The key lives until there is a verdict: a second click, a cut line or a reload sends the
 * same request under the same key.
 * @param {Record<string, any>} body
 * @returns {Promise<any>} the answer to the submit
 */
export async function submit(body) {
  const text = JSON.stringify(body);
  const kept = recall();
  const key = kept?.text === text ? kept.key : fresh();
  keep({ key, text });
  try {
    const answer = await post("/v1/tracks", body, key);
    keep(null);
    return answer;
  } catch (error) {
    if (error instanceof ApiError && error.status < 500) keep(null);
    throw error;
  }
}

/** A seed that the API takes. */
export const anySeed = () => crypto.getRandomValues(new Uint32Array(1))[0] >>> 1;

/** 128 random bits; randomUUID is only there on secure pages. */
function fresh() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `studio-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

function recall() {
  try {
    return JSON.parse(sessionStorage.getItem(SLOT) || "null");
  } catch {
    return null;
  }
}

function keep(pending) {
  try {
    if (pending) sessionStorage.setItem(SLOT, JSON.stringify(pending));
    else sessionStorage.removeItem(SLOT);
  } catch { /* then a reload forgets it */ }
}
