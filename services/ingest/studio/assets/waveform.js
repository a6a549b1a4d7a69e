/** The waveform: peaks drawn on a canvas, in two colours. */
import { get, here } from "./api.js";

const BAR = 3;
const GAP = 2;
const QUIET = 0.04;

/**
 * Peaks as parts of the loudest, one for each pixel of the audiowaveform document.
 * @param {string} link
 * @param {AbortSignal} signal
 * @returns {Promise<Float32Array>}
 */
export async function peaks(link, signal) {
  const { data, length } = await get(here(link), signal);
  const found = new Float32Array(length);
  let most = 1;
  for (let i = 0; i < length; i += 1) {
    found[i] = Math.max(-data[2 * i], data[2 * i + 1]);
    most = Math.max(most, found[i]);
  }
  return found.map((peak) => peak / most);
}

/**
 * Draw; without peaks a quiet line stands for them.
 * @param {HTMLCanvasElement} canvas
 * @param {Float32Array|null} wave
 * @param {number} played 0 to 1
 */
export function draw(canvas, wave, played) {
  const ratio = devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (!w || !h) return;
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  const paint = canvas.getContext("2d");
  paint.setTransform(ratio, 0, 0, ratio, 0, 0);
  paint.clearRect(0, 0, width, height);
  // Custom properties come unresolved (light-dark()); of real ones the browser tells the colour.
  const style = getComputedStyle(canvas);
  const bars = Math.max(1, Math.floor((width + GAP) / (BAR + GAP)));
  for (let i = 0; i < bars; i += 1) {
    const tall = Math.max(BAR, loudest(wave, i / bars, (i + 1) / bars) * (height - 4));
    paint.fillStyle = (i + 0.5) / bars <= played ? style.caretColor : style.color;
    paint.beginPath();
    paint.roundRect(i * (BAR + GAP), (height - tall) / 2, BAR, tall, BAR / 2);
    paint.fill();
  }
}

function loudest(wave, from, to) {
  if (!wave?.length) return QUIET;
  let most = 0;
  const end = Math.max(from * wave.length + 1, to * wave.length);
  for (let i = Math.floor(from * wave.length); i < end && i < wave.length; i += 1) {
    if (wave[i] > most) most = wave[i];
  }
  return Math.max(QUIET, most);
}
