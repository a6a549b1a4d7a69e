/** A picture instead of words: dropped on the form, chosen, or pasted. */
import { ApiError, Unreachable, upload } from "./api.js";
import { $, say } from "./dom.js";
import { complain } from "./notices.js";

let busy = false;

/**
 * Wire the form for pictures.
 * @param {(seen: any) => void} show what to do with what was seen
 */
export function wirePicture(show) {
  const form = $("#compose");
  const file = $("#picture-file");
  $("#picture").addEventListener("click", () => file.click());
  file.addEventListener("change", () => {
    void look(file.files[0], show);
    file.value = ""; // so that the same one can be chosen again
  });
  form.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    form.classList.add("over");
  });
  form.addEventListener("dragleave", (event) => {
    if (!form.contains(event.relatedTarget)) form.classList.remove("over");
  });
  form.addEventListener("drop", (event) => {
    form.classList.remove("over");
    const dropped = event.dataTransfer.files[0];
    if (!dropped) return;
    event.preventDefault();
    void look(dropped, show);
  });
  $("#prompt").addEventListener("paste", (event) => {
    const pasted = event.clipboardData.files[0];
    if (!pasted) return;
    event.preventDefault();
    void look(pasted, show);
  });
}

async function look(file, show) {
  if (!file || busy) return;
  busy = true;
  const button = $("#picture");
  button.setAttribute("aria-disabled", "true");
  say($("#picture-told"), "Looking at the picture…");
  say($("#picture-error"), "");
  try {
    const seen = await upload("/v1/prompts", "image", file);
    show(seen);
    say($("#picture-told"), `The picture looks ${seen.mood}: ${seen.palette.join(", ")}.`);
  } catch (error) {
    say($("#picture-told"), "");
    refuse(error);
  } finally {
    busy = false;
    button.removeAttribute("aria-disabled");
  }
}

function refuse(error) {
  if (error.status === 401) return; // the sign-in says it
  if (!(error instanceof ApiError || error instanceof Unreachable)) complain(error);
  const words = [error.message.replace("image: ", "This picture cannot be used: "), error.cure];
  say($("#picture-error"), words.filter(Boolean).join(" "));
}
