/** Save a file: the browser does, straight to disk, once the API has said that it is there. */
import { ApiError, Unreachable } from "./api.js";
import { complain } from "./notices.js";

/**
 * Have the browser save what *link* leads to; a refusal is told here, not in place of the page.
 * @param {HTMLAnchorElement} link
 */
export async function save(link) {
  if (link.getAttribute("aria-busy")) return;
  link.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(link.href, { redirect: "manual" }).catch(() => {
      throw new Unreachable("Motif cannot be reached.");
    });
    if (answer.type !== "opaqueredirect") throw new ApiError(answer.status, await answer.json().catch(() => ({})), 0);
    Object.assign(document.createElement("a"), { href: link.href, download: link.download }).click();
  } catch (error) {
    complain(error);
  } finally {
    link.removeAttribute("aria-busy");
  }
}
