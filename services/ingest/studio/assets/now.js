/** The opened track: everything that is known of it, and everything that can be done with it. */
import { here } from "./api.js";
import { paint } from "./art.js";
import { $, el, say } from "./dom.js";
import { save } from "./download.js";
import { showPlayer } from "./player.js";
import { showProgress } from "./progress.js";
import { quote } from "./quote.js";
import { OPEN, STATUS, about, ago, money, size, titleOf } from "./words.js";

let drawn = "";

/**
 * Show *track*, or the empty stand.
 * @param {any|null} track
 * @param {Record<string, () => void>} acts what the buttons do
 */
export function showTrack(track, acts) {
  $("#now-empty").hidden = Boolean(track);
  $("#track").hidden = !track;
  $("#now").setAttribute("aria-labelledby", track ? "now-title" : "now-empty-title");
  const before = drawn;
  drawn = track ? `${track.request_id} ${track.run} ${track.status}` : "";
  if (!track) return showPlayer({ audio: [] });
  if (!before.startsWith(track.request_id)) head(track);
  say($("#now-chip"), STATUS[track.status]);
  $("#now-chip").dataset.status = track.status;
  say($("#now-meta"), `${about(track.parameters)} · ${ago(track.timings.created_at)}`);
  showProgress(track);
  problem(track);
  showPlayer(track);
  files(track);
  // Buttons keep their place, and the focus, as long as they mean the same.
  if (before !== drawn) {
    facts(track);
    actions(track, acts);
  }
}

function head(track) {
  paint($("#now-art"), track.request_id, track.parameters.style);
  const title = titleOf(track);
  say($("#now-title"), title);
  const prompt = track.parameters.prompt;
  say($("#now-prompt"), prompt);
  $("#now-prompt").hidden = !prompt || prompt.toLowerCase() === title.toLowerCase();
  $("#spectrogram").hidden = true;
  $("#spectrogram-image").removeAttribute("src");
  $("#files").replaceChildren();
}

function problem(track) {
  const { error } = track;
  const box = $("#problem");
  box.hidden = !error || track.status === "cancelled";
  say($("#problem-text"), error?.message || "");
  say($("#problem-cure"), error?.cure || "");
}

function files(track) {
  const list = $("#files");
  if (list.children.length === track.audio.length) return;
  list.replaceChildren(...track.audio.map((file) => {
    const name = `motif-${track.request_id}.${file.format}`;
    const words = [el("b", {}, file.format.toUpperCase()), el("span", {}, size(file.size_bytes))];
    const label = `Download ${file.format.toUpperCase()}, ${size(file.size_bytes)}`;
    const onclick = (event) => {
      event.preventDefault();
      void save(event.currentTarget);
    };
    return el("li", {}, el("a", { href: `${here(file.href)}?download=1`, download: name, "aria-label": label, onclick }, ...words));
  }));
}

function facts(track) {
  const { sound, parameters, cost } = track;
  const rows = sound ? [
    ["Loudness", sound.loudness_lufs === null ? null : `${level(sound.loudness_lufs)} LUFS${sound.loudness_limited ? " (limited)" : ""}`],
    ["True peak", sound.true_peak_dbtp === null ? null : `${level(sound.true_peak_dbtp)} dBTP`],
    ["Tempo", sound.tempo && `${Math.round(sound.tempo.bpm)} BPM`],
    ["Key", sound.key && `${sound.key.name} (estimated)`],
    ["Seed", sound.seed === null ? null : String(sound.seed)],
    ["Sound", `${sound.sample_rate / 1000} kHz · ${sound.bit_depth} bit${parameters.loop ? " · loop" : ""}`],
    ["Cost", money(cost.billed_usd)],
  ] : [];
  const shown = rows.filter(([, value]) => value);
  $("#facts").replaceChildren(...shown.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

/** With a real minus sign. */
const level = (decibels) => String(decibels).replace("-", "−");

function actions(track, acts) {
  const { status, parameters, error } = track;
  const price = quote(parameters.duration_seconds, parameters.loop);
  const cost = price ? ` · ${money(price.total)}` : "";
  const made = status === "completed";
  const again = made ? "Another take" : "Compose again";
  const offered = OPEN.includes(status) ? [["cancel", "Cancel", "secondary"]] : [
    error?.retryable && ["failed", "expired"].includes(status) && ["retry", "Retry", "primary"],
    ["again", `${again}${cost}`, "secondary"],
    ["edit", "Edit a copy", "secondary"],
    made && ["spectrogram", "Spectrogram", "secondary"],
    ["remove", "Delete", "secondary away"],
  ];
  const buttons = offered.filter(Boolean).map(([name, text, kind]) => {
    const attributes = { type: "button", class: kind, "data-act": name };
    if (name === "spectrogram") attributes["aria-expanded"] = "false";
    if (name === "again") attributes.title = "The same request with another seed: a track of its own";
    return el("button", { ...attributes, onclick: () => acts[name]() }, text);
  });
  const held = $("#actions").contains(document.activeElement);
  $("#actions").replaceChildren(...buttons);
  if (held) $("#now").focus({ preventScroll: true });
}

/** Show or hide the picture; it is fetched when it is first asked for. */
export function toggleSpectrogram(track) {
  const figure = $("#spectrogram");
  const image = $("#spectrogram-image");
  if (!image.hasAttribute("src")) image.src = here(track.links.spectrogram);
  figure.hidden = !figure.hidden;
  $("[data-act=spectrogram]").setAttribute("aria-expanded", String(!figure.hidden));
}
