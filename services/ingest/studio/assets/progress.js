/** How far a track is: stages, bar, outlook. */
import { $, el, say } from "./dom.js";
import { OPEN, STATUS, outlook, titleOf } from "./words.js";

const STAGES = ["queued", "generating", "mastering", "storing"];
const NAMES = ["Queued", "Generating", "Mastering", "Storing"];

let shown = "";

/** Show *track*; the announced words change only with its stage. */
export function showProgress(track) {
  const making = OPEN.includes(track.status);
  $("#making").hidden = !making;
  announce(track, making);
  if (!making) return;
  const at = Math.max(track.status === "queued" ? 0 : 1, STAGES.indexOf(track.stage));
  const steps = $("#steps");
  if (!steps.children.length) steps.append(...NAMES.map((name) => el("li", {}, name)));
  [...steps.children].forEach((step, i) => {
    step.className = i < at ? "done" : i === at ? "current" : "";
    if (i === at) step.setAttribute("aria-current", "step");
    else step.removeAttribute("aria-current");
  });
  const bar = $("#bar");
  bar.value = track.progress;
  bar.setAttribute("aria-valuetext", `${Math.round(track.progress * 100)} %`);
  say($("#eta"), outlook(track));
}

function announce(track, making) {
  const at = Math.max(track.status === "queued" ? 0 : 1, STAGES.indexOf(track.stage));
  const words = making ? NAMES[at] : STATUS[track.status];
  const same = `${track.request_id} ${track.run}`;
  // Only what changes while somebody looks: an opened track is read by its heading.
  if (shown && shown.startsWith(same) && shown !== `${same} ${words}`) {
    say($("#told"), `${titleOf(track)}: ${words}`);
  } else if (!shown.startsWith(same)) say($("#told"), "");
  shown = `${same} ${words}`;
}
