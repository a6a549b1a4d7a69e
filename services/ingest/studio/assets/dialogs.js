/** Questions that stand in front of the page. */
import { $, say } from "./dom.js";

/**
 * Ask before something cannot be undone.
 * @param {string} title
 * @param {string} text
 * @returns {Promise<boolean>}
 */
export function confirmed(title, text) {
  const dialog = $("#confirm");
  say($("#confirm-title"), title);
  say($("#confirm-text"), text);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((answer) => {
    dialog.addEventListener("close", () => answer(dialog.returnValue === "yes"), { once: true });
  });
}
