/** Short messages, and whether the server can be reached. */
import { ApiError, Unreachable } from "./api.js";
import { $, el, say } from "./dom.js";

const LIFE = 8000;

/**
 * Show a message; errors stay until they are dismissed.
 * @param {string} text
 * @param {{stays?: boolean}} [how]
 */
export function notify(text, { stays = false } = {}) {
  const close = el("button", { type: "button", class: "quiet", "aria-label": "Dismiss" }, "×");
  const notice = el("div", { class: stays ? "notice bad" : "notice" }, el("p", {}, text), close);
  close.addEventListener("click", () => notice.remove());
  if (!stays) setTimeout(() => notice.remove(), LIFE);
  const place = $("#notices");
  place.append(notice);
  while (place.children.length > 3) place.firstElementChild.remove();
}

/** An error and its cure, as one text. */
export function explain(error) {
  if (error instanceof Unreachable) {
    return navigator.onLine
      ? "Motif does not answer. Try again in a moment."
      : "You are offline. Try again when the connection is back.";
  }
  if (!(error instanceof ApiError)) return "Something went wrong in this page. Reload it.";
  const later = error.status === 429 && error.retryAfter ? `Try again in ${error.retryAfter} s.` : "";
  return [error.message, error.cure || later].filter(Boolean).join(" ");
}

/** Show what went wrong; the sign-in dialog speaks for itself. */
export function complain(error) {
  if (error.name === "AbortError" || error.status === 401) return;
  if (!(error instanceof ApiError || error instanceof Unreachable)) console.error(error);
  notify(explain(error), { stays: true });
}

/** The line on top while the server cannot be reached. */
export function connection(fine) {
  const line = $("#connection");
  line.hidden = fine;
  say(line, fine ? "" : navigator.onLine
    ? "Motif does not answer. The page keeps trying; nothing that was sent is lost."
    : "You are offline. The page goes on when the connection is back.");
}
