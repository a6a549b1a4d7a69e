/** Past and present tracks, newest first: pages, filters, and what changes elsewhere. */
import { Unreachable, get } from "./api.js";
import { $, el, say } from "./dom.js";
import { explain } from "./notices.js";
import { makeRow } from "./row.js";
import { OPEN, STYLES, capital } from "./words.js";

const PAGE = 20;
const BEAT = 4000;
const SINGLES = 5;

/** @type {Map<string, {track: any, row: any}>} */
const shown = new Map();
let acts;
let next = "";
let chosen = "";
let loading = new AbortController();

/**
 * Wire the list.
 * @param {{open: (id: string) => void, play: (id: string) => void}} given
 */
export function wireLibrary(given) {
  acts = given;
  $("#by-style").append(...STYLES.map((style) => el("option", { value: style }, capital(style))));
  for (const filter of ["#by-status", "#by-style"]) $(filter).addEventListener("change", load);
  $("#older").addEventListener("click", older);
  setInterval(beat, BEAT);
}

/** Begin anew with the first page. */
export async function load() {
  loading.abort();
  loading = new AbortController();
  shown.clear();
  $("#rows").replaceChildren(...[1, 2, 3].map(() => el("li", { class: "row ghost", "aria-hidden": "true" })));
  $("#older").hidden = true;
  say($("#library-state"), "");
  await page("", afresh);
}

/** An empty list, but for what was put in while the page was on its way. */
function afresh() {
  const since = [...shown.values()].map(({ track }) => track);
  shown.clear();
  $("#rows").replaceChildren();
  since.forEach(put);
}

/** A track as it is now: its row, or a new one where it belongs. */
export function put(track) {
  const id = track.request_id;
  const known = shown.get(id);
  if (!fits(track)) return drop(id);
  if (known) {
    known.track = track;
    known.row.update(track);
    return;
  }
  const row = makeRow(track, acts);
  const older = [...shown.values()].filter((each) => sorted(each) && made(each.track) < made(track));
  const after = older.reduce((best, each) => (best && made(best.track) > made(each.track) ? best : each), null);
  shown.set(id, { track, row });
  $("#rows").insertBefore(row.node, after && after.row.node);
  mark();
  state();
}

/** Whether the list knows this track, and how. */
export const known = (id) => shown.get(id)?.track;

/** Take a row away. */
export function drop(id) {
  shown.get(id)?.row.node.remove();
  shown.delete(id);
  state();
}

/** Mark the row of the opened track. */
export function select(id) {
  chosen = id;
  mark();
}

const made = (track) => Date.parse(track.timings.created_at);
const sorted = (entry) => entry.row.node.parentNode === $("#rows");

function fits(track) {
  const [status, style] = [$("#by-status").value, $("#by-style").value];
  return (!status || track.status === status) && (!style || track.parameters.style === style);
}

function query(after) {
  const asked = { limit: PAGE, status: $("#by-status").value, style: $("#by-style").value, after };
  const given = Object.entries(asked).filter(([, value]) => value);
  return `/v1/tracks?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
}

async function page(after, before) {
  const { signal } = loading;
  const list = $("#rows");
  list.setAttribute("aria-busy", "true");
  try {
    const found = await get(query(after), signal);
    if (signal.aborted) return;
    before();
    found.tracks.forEach(put);
    next = found.has_more ? found.next : "";
    $("#older").hidden = !next;
    state();
  } catch (error) {
    if (signal.aborted) return;
    before();
    failed(error, after);
  } finally {
    if (!signal.aborted) list.setAttribute("aria-busy", "false");
  }
}

function failed(error, after) {
  const again = el("button", { type: "button", class: "link", onclick: () => (after ? older() : load()) }, "Try again");
  $("#library-state").replaceChildren(`The library cannot be shown. ${explain(error)} `, again);
}

async function older() {
  const last = $("#rows").lastElementChild;
  await page(next, () => {});
  // The button may be gone: whoever used it goes on with the first track that it brought.
  const first = last?.nextElementSibling ?? $("#rows").lastElementChild;
  if (document.activeElement === document.body || document.activeElement?.id === "older") $(".row-open", first)?.focus();
}

/** Ask for what is still open, once for all rows. */
async function beat() {
  const open = [...shown.values()].filter(({ track }) => OPEN.includes(track.status));
  if (document.hidden || !open.length) return;
  const { signal } = loading;
  try {
    const { tracks } = await get(query(""), signal);
    const seen = new Set(tracks.map((track) => track.request_id));
    const rest = open.map(({ track }) => track.request_id).filter((id) => !seen.has(id)).slice(0, SINGLES);
    const singles = await Promise.all(rest.map((id) => get(`/v1/tracks/${id}`, signal).catch(() => null)));
    if (!signal.aborted) [...tracks, ...singles.filter(Boolean)].forEach(put);
  } catch (error) {
    if (!signal.aborted && !(error instanceof Unreachable || error.status)) throw error;
  }
}

function mark() {
  for (const [id, { row }] of shown) {
    const button = $(".row-open", row.node);
    if (id === chosen) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

function state() {
  const filtered = $("#by-status").value || $("#by-style").value;
  const empty = filtered ? "No track is like that." : "Your tracks will be kept here.";
  say($("#library-state"), shown.size ? "" : empty);
}
