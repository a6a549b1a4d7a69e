/** Numbers and states in words. */
import { now } from "./api.js";

export const STYLES = ["instrumental", "ambient", "classical", "rock", "electronic", "jazz"];
export const FORMATS = ["wav", "flac", "mp3", "ogg", "m4a"];
export const OPEN = ["queued", "running"];
export const STATUS = {
  queued: "Queued",
  running: "In the making",
  completed: "Finished",
  failed: "Failed",
  cancelled: "Cancelled",
  expired: "Expired",
};

const WAITS = {
  quota: "Waiting for the model's next free call",
  slot: "Waiting for a free worker",
  budget: "Waiting: this round's time is used up, the next one goes on from here",
  fault: "The model stumbled; it will be asked again",
  stopped: "Moving to another worker",
};

/** @param {string} text */
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** 75.4 -> 1:15 */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds || 0));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** Seconds -> "20 seconds", "3 minutes". */
export function span(seconds) {
  if (seconds < 8) return "a few seconds";
  if (seconds < 55) return `${Math.ceil(seconds / 5) * 5} seconds`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 2) return "a minute";
  if (minutes < 90) return `${minutes} minutes`;
  return `${Math.round(minutes / 60)} hours`;
}

/** @param {number} bytes */
export function size(bytes) {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** @param {number} usd */
export function money(usd) {
  const digits = Math.abs(usd * 100 - Math.round(usd * 100)) < 1e-6 ? 2 : 3;
  return `$${usd.toFixed(digits)}`;
}

/** @param {string} iso */
export function ago(iso) {
  const seconds = Math.max(0, (now() - Date.parse(iso)) / 1000);
  if (seconds < 45) return "just now";
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  if (seconds < 3600) return words.format(-Math.round(seconds / 60), "minute");
  if (seconds < 86400) return words.format(-Math.round(seconds / 3600), "hour");
  return words.format(-Math.round(seconds / 86400), "day");
}

/** What a track is called: its title, else the beginning of its prompt. */
export function titleOf(track) {
  const { prompt, metadata } = track.parameters;
  if (metadata?.title) return metadata.title;
  if (!prompt) return "Untitled";
  const first = prompt.split(/[,.;:\n]/)[0].trim() || prompt;
  return capital(first.length > 60 ? `${first.slice(0, 58).trimEnd()}…` : first);
}

/** "Jazz · 96 BPM · 1:15" */
export function about(parameters) {
  const { style, tempo, duration_seconds: seconds } = parameters;
  const pace = typeof tempo === "number" ? `${tempo} BPM` : capital(tempo);
  return `${capital(style)} · ${pace} · ${clock(seconds)}`;
}

/** What an open track waits for, and when it will be there. */
export function outlook(track) {
  const parts = [];
  if (track.waiting_for) parts.push(WAITS[track.waiting_for] || "Waiting");
  const eta = track.eta;
  const before = eta?.queue_position;
  if (track.status === "queued" && before >= 0) parts.push(before ? `${before} before it in line` : "Next in line");
  if (eta?.p50) parts.push(ready(eta));
  return parts.join(" · ") || (track.status === "queued" ? "Waiting for a worker" : "Working");
}

function ready(eta) {
  const [likely, latest] = [eta.p50, eta.p90].map((iso) => (Date.parse(iso) - now()) / 1000);
  if (latest < 1) return "Any moment now";
  if (likely < 1) return `Any moment now, most likely within ${span(latest)}`;
  const [soon, late] = [span(likely), span(latest)];
  const about = soon === "a few seconds" ? soon : `about ${soon}`;
  return soon === late ? `Ready in ${about}` : `Ready in ${about}, most likely within ${late}`;
}
