/** What a track will cost: clips times price, as the API counts them. */
import { get } from "./api.js";

/** @type {any} */
let model = null;

/** Fetch the models once; without an answer there is no quote, and nothing else is missing. */
export async function loadModels() {
  const found = await get("/v1/models").catch(() => null);
  model = found?.models?.find((each) => each.default) || found?.models?.[0] || null;
  return model;
}

/**
 * Clips and price of a track; null while no price is known.
 * @param {number} seconds
 * @param {boolean} loop
 * @returns {{clips: number, each: number, total: number}|null}
 */
export function quote(seconds, loop) {
  const each = model?.price_usd_per_clip;
  if (!(each >= 0) || !(seconds >= 1 && seconds <= 300)) return null;
  const { sample_rate: rate, overlap_seconds: join, loop_seconds: more } = model;
  const clip = Math.round(model.clip_seconds * rate);
  const beyond = Math.round((seconds + (loop ? more : 0)) * rate) - clip;
  const clips = 1 + Math.max(0, Math.ceil(beyond / (clip - join * rate)));
  return { clips, each, total: clips * each };
}
