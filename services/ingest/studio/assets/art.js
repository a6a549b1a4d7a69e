/** Each track's own motif: seven notes on a staff, drawn from its id. */
import { svg } from "./dom.js";

const NOTES = 7;

/**
 * Paint a track's motif into *place*; style sheets colour it by style.
 * @param {Element} place
 * @param {string} id
 * @param {string} style
 */
export function paint(place, id, style) {
  place.dataset.style = style;
  const digits = [...id.replaceAll("-", "")].map((digit) => parseInt(digit, 16) || 0);
  const lines = svg("path", { class: "staff", d: "M0 20h80M0 30h80M0 40h80M0 50h80M0 60h80" });
  const points = Array.from({ length: NOTES }, (_, i) => ({
    x: 10 + i * 10,
    y: 60 - (digits[i * 3] % 9) * 5,
    r: 2.6 + (digits[i * 3 + 1] % 4) * 0.7,
  }));
  const tune = svg("polyline", { class: "tune", points: points.map(({ x, y }) => `${x},${y}`).join(" ") });
  const notes = points.map(({ x, y, r }) => svg("circle", { cx: x, cy: y, r }));
  place.replaceChildren(
    svg("svg", { viewBox: "0 0 80 80", "aria-hidden": "true", focusable: "false" }, lines, tune, ...notes),
  );
}
