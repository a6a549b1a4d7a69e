/** Filters the calls by any word of theirs; without this file the page is whole all the same. */

const field = /** @type {HTMLInputElement} */ (document.getElementById("filter"));
const found = document.getElementById("found");
const entries = [...document.querySelectorAll("[data-entry]")];
const calls = new Map(
  entries.map((entry) => [entry, document.getElementById(entry.getAttribute("data-entry"))]),
);

/** Show the calls that hold every word of the field, here and in the contents. */
function filter() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const [entry, call] of calls) {
    const text = call.textContent.toLowerCase();
    const shown = words.every((word) => text.includes(word));
    entry.hidden = !shown;
    call.hidden = !shown;
    count += shown ? 1 : 0;
  }
  for (const group of document.querySelectorAll("[data-group]")) {
    group.hidden = !group.querySelector("[data-entry]:not([hidden])");
  }
  found.textContent = words.length ? `${count} of ${calls.size} calls` : "";
}

field.addEventListener("input", filter);
document.addEventListener("keydown", (event) => {
  const typing = event.target instanceof HTMLInputElement;
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    field.focus();
  }
});
window.addEventListener("hashchange", () => {
  const target = document.getElementById(location.hash.slice(1));
  if (target?.hidden) {
    field.value = "";
    filter();
    target.scrollIntoView();
  }
});
