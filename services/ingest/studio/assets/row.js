/** One row of the library. */
import { paint } from "./art.js";
import { $, el, say, svg } from "./dom.js";
import { OPEN, STATUS, about, ago, titleOf } from "./words.js";

/**
 * A list item for *track*, and the function that brings it up to date.
 * @param {any} track
 * @param {{open: (id: string) => void, play: (id: string) => void}} acts
 */
export function makeRow(track, acts) {
  const id = track.request_id;
  const art = el("span", { class: "art" });
  paint(art, id, track.parameters.style);
  const words = el("span", { class: "row-words" }, el("b", { class: "row-title" }), el("span", { class: "row-meta" }));
  const open = el("button", { type: "button", class: "row-open", onclick: () => acts.open(id) }, art, words);
  const chip = el("span", { class: "chip" });
  const bar = el("progress", { max: 1, "aria-label": "Progress", hidden: true });
  const icon = svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" }, svg("path", { d: "M8 5v14l11-7z" }));
  const play = el("button", { type: "button", class: "row-play", onclick: () => acts.play(id) }, icon);
  const node = el("li", { class: "row", "data-id": id }, open, bar, chip, play);

  const update = (seen) => {
    const title = titleOf(seen);
    say($(".row-title", node), title);
    say($(".row-meta", node), `${about(seen.parameters)} · ${ago(seen.timings.created_at)}`);
    say(chip, STATUS[seen.status]);
    chip.dataset.status = seen.status;
    bar.hidden = !OPEN.includes(seen.status);
    bar.value = seen.progress;
    play.hidden = !seen.audio.length;
    play.setAttribute("aria-label", `Play ${title}`);
  };
  update(track);
  return { node, update };
}
