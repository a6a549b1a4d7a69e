/** The player: one audio element, its button, and the waveform as its slider. */
import { here } from "./api.js";
import { $, say, svg } from "./dom.js";
import { titleOf, clock } from "./words.js";
import { draw, peaks } from "./waveform.js";

/** Small files first: they start sooner, and sound the same here. */
const ORDER = ["mp3", "m4a", "ogg", "flac", "wav"];
const STEP = 5;
const LEAP = 15;
const ICONS = { play: "M8 5v14l11-7z", pause: "M7 5h4v14H7zM14 5h4v14h-4z" };

let loaded = "";
let heard = "";
let wave = null;
let length = 0;
let failures = 0;
/** Seconds to seek to next, while another seek is under way. @type {number|null} */
let waiting = null;
let fetching = new AbortController();

const audio = () => /** @type {HTMLAudioElement} */ ($("#audio"));

/** Wire the controls; once. */
export function wirePlayer() {
  const sound = audio();
  for (const name of ["play", "pause", "ended"]) sound.addEventListener(name, showButton);
  for (const name of ["timeupdate", "seeked", "loadedmetadata"]) sound.addEventListener(name, showTime);
  sound.addEventListener("seeked", () => { if (waiting !== null) seek(waiting); });
  sound.addEventListener("play", tick);
  sound.addEventListener("playing", () => { failures = 0; });
  sound.addEventListener("error", recover);
  $("#play").addEventListener("click", toggle);
  wireSlider($("#wave"));
  new ResizeObserver(redraw).observe($("#canvas"));
  showButton();
}

/** Paint the waveform anew, with today's colours and position. */
export function redraw() {
  draw($("#canvas"), wave, length ? position() / length : 0);
}

/** Show what can be heard of *track*; the same run is loaded once, whatever else changes. */
export function showPlayer(track) {
  const playable = track.audio.filter((file) => audio().canPlayType(file.mime_type));
  const file = ORDER.map((name) => playable.find((each) => each.format === name)).find(Boolean);
  const player = $("#player");
  player.hidden = !file;
  if (!file) return unload();
  const same = `${track.request_id} ${track.run}`;
  if (loaded !== same) {
    unload();
    loaded = same;
    length = track.parameters.duration_seconds;
    audio().src = here(file.href);
    tellSystem(track);
    showTime();
  }
  if (track.status === "completed" && heard !== same) {
    heard = same;
    length = track.sound?.duration_seconds || length;
    fetching = new AbortController();
    // Without peaks the line stays flat, and seeking works all the same.
    peaks(track.links.waveform, fetching.signal).then((found) => { wave = found; redraw(); }, () => {});
    showTime();
  }
}

/** Start from where it stands. */
export function play() {
  return audio().play().catch(() => {}); // the element's own error event says more
}

function unload() {
  if (!loaded) return;
  fetching.abort();
  loaded = heard = "";
  wave = null;
  failures = 0;
  waiting = null;
  audio().removeAttribute("src");
  audio().load();
  say($("#player-error"), "");
  redraw();
}

function toggle() {
  if (audio().paused) void play();
  else audio().pause();
}

/** A signed URL lives 15 minutes: what fails is fetched anew, once, from where it was. */
function recover() {
  const sound = audio();
  if (!loaded || !sound.getAttribute("src")) return;
  failures += 1;
  if (failures > 1) return say($("#player-error"), "The audio cannot be loaded. Reload the page to try again.");
  const [at, going] = [position(), !sound.paused];
  waiting = null;
  sound.load();
  sound.addEventListener("loadedmetadata", () => seek(at), { once: true });
  if (going) void play();
}

/** Where it stands, or will when it has found the place. */
const position = () => waiting ?? audio().currentTime;

/**
 * Go there; only the last of several that come at once counts. One after the other, because
 * Chromium never plays on when a seek to A is overtaken by one to B, and that by one to A again.
 */
function seek(seconds) {
  const to = Math.min(Math.max(0, seconds), Math.max(0, length - 0.01));
  waiting = audio().seeking ? to : null;
  if (waiting === null) audio().currentTime = to;
  showTime();
}

function wireSlider(slider) {
  const to = (event) => {
    const box = slider.getBoundingClientRect();
    seek(((event.clientX - box.left) / box.width) * length);
  };
  slider.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    slider.setPointerCapture(event.pointerId);
    to(event);
  });
  slider.addEventListener("pointermove", (event) => {
    if (slider.hasPointerCapture(event.pointerId)) to(event);
  });
  slider.addEventListener("keydown", (event) => {
    const at = position();
    const moves = {
      ArrowRight: at + STEP, ArrowUp: at + STEP, ArrowLeft: at - STEP, ArrowDown: at - STEP,
      PageUp: at + LEAP, PageDown: at - LEAP, Home: 0, End: length,
    };
    if (event.key === " " || event.key === "Enter") toggle();
    else if (event.key in moves) seek(moves[event.key]);
    else return;
    event.preventDefault();
  });
}

function showButton() {
  const going = !audio().paused && !audio().ended;
  const button = $("#play");
  button.setAttribute("aria-label", going ? "Pause" : "Play");
  const path = svg("path", { d: going ? ICONS.pause : ICONS.play });
  button.replaceChildren(svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" }, path));
}

function showTime() {
  const at = position();
  const slider = $("#wave");
  say($("#elapsed"), clock(at));
  say($("#total"), clock(length));
  slider.setAttribute("aria-valuemax", String(Math.round(length)));
  slider.setAttribute("aria-valuenow", String(Math.round(at)));
  slider.setAttribute("aria-valuetext", `${clock(at)} of ${clock(length)}`);
  redraw();
}

function tick() {
  if (audio().paused) return;
  redraw();
  requestAnimationFrame(tick);
}

function tellSystem(track) {
  if (!("mediaSession" in navigator)) return;
  navigator.mediaSession.metadata = new MediaMetadata({ title: titleOf(track), artist: "Motif" });
}
