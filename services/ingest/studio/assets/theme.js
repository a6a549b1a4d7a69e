/** The switch between dark and light; without a choice, the page follows the system. */
import { $ } from "./dom.js";

const KEY = "motif-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

const dark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : system.matches;
};

/**
 * Wire the switch.
 * @param {() => void} changed called when the colours have changed, for what is painted by hand
 */
export function wireTheme(changed) {
  const button = $("#theme");
  const show = () => {
    button.setAttribute("aria-pressed", String(dark()));
    changed();
  };
  button.addEventListener("click", () => {
    const next = dark() ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem(KEY, next);
    } catch { /* it holds for this page, then */ }
    show();
  });
  system.addEventListener("change", show);
  show();
}
