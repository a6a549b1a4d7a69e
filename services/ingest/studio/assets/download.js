/** Save a file: links to another host cannot be told to, so the page fetches it itself. */
import { ApiError, here } from "./api.js";
import { complain } from "./notices.js";

/**
 * Fetch what *link* leads to and hand it to the browser to keep.
 * @param {HTMLAnchorElement} link its `download` is the file's name
 */
export async function save(link) {
  if (link.getAttribute("aria-busy")) return;
  link.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(here(link.href));
    if (!answer.ok) throw new ApiError(answer.status, await answer.json().catch(() => ({})), 0);
    const url = URL.createObjectURL(await answer.blob());
    Object.assign(document.createElement("a"), { href: url, download: link.download }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  } catch (error) {
    // A bucket that names no origins can still be opened.
    if (error instanceof TypeError && navigator.onLine) window.open(link.href, "_blank", "noopener");
    else complain(error);
  } finally {
    link.removeAttribute("aria-busy");
  }
}
