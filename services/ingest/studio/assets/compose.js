/** The form: what to compose, what it will cost, and what the API says against it. */
import { ApiError, now } from "./api.js";
import { IDEAS } from "./ideas.js";
import { $, el, say } from "./dom.js";
import { complain, explain } from "./notices.js";
import { wirePicture } from "./picture.js";
import { quote } from "./quote.js";
import { submit } from "./submit.js";
import { FORMATS, STYLES, capital, money } from "./words.js";

const MOST = 500;
const LEAST = 5;
let busy = false;
/** What was seen in the last picture. */
let image = null;
let next = Math.floor(Math.random() * IDEAS.length);

/**
 * Wire the form.
 * @param {(answer: any) => void} accepted
 */
export function wireCompose(accepted) {
  $("#styles").append(...STYLES.map((name) => pill("radio", "style", name, capital(name), name === "instrumental")));
  $("#formats").append(...FORMATS.map((name) => pill("checkbox", "formats", name, name.toUpperCase(), name === "mp3" || name === "wav")));
  $("#ideas").append(...IDEAS.slice(0, 3).map((idea) => el("li", {},
    el("button", { type: "button", class: "idea", onclick: () => suggest(idea) }, idea.prompt))));
  $("#surprise").addEventListener("click", () => suggest(IDEAS[next++ % IDEAS.length]));
  wirePicture((seen) => {
    image = seen;
    suggest(seen);
  });
  $("#length").addEventListener("input", () => { $("#seconds").value = $("#length").value; });
  $("#seconds").addEventListener("input", () => { $("#length").value = $("#seconds").value; });
  $("#compose").addEventListener("input", refresh);
  $("#compose").addEventListener("submit", (event) => {
    event.preventDefault();
    void send(accepted);
  });
  $("#prompt").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("#compose").requestSubmit();
  });
  refresh();
}

function pill(type, name, value, text, checked) {
  return el("label", { class: "pill" }, el("input", { type, name, value, checked }), el("span", {}, text));
}

function suggest(idea) {
  fill({ duration_seconds: Number($("#seconds").value) || 30, ...idea });
  $("#prompt").focus();
}

/** Put a request's parameters into the form. */
export function fill({ prompt, style, tempo, duration_seconds: seconds, ...more }) {
  $("#prompt").value = prompt;
  $(`[name=style][value=${style}]`).checked = true;
  $(`[name=tempo][value=${typeof tempo === "number" ? "bpm" : tempo}]`).checked = true;
  if (typeof tempo === "number") $("#bpm").value = tempo;
  $("#seconds").value = $("#length").value = seconds;
  if (more.formats) for (const box of $("#formats").querySelectorAll("input")) box.checked = more.formats.includes(box.value);
  if ("negative_prompt" in more) {
    $("#negative").value = more.negative_prompt;
    $("#seed").value = more.seed ?? "";
    $("#loop").checked = more.loop;
    $("#depth").value = more.bit_depth;
    $("#title").value = more.metadata?.title || "";
    const loudness = String(more.loudness_lufs);
    if (!$(`#loudness option[value="${loudness}"]`)) {
      $("#loudness").append(el("option", { value: loudness }, `${loudness.replace("-", "−")} LUFS`));
    }
    $("#loudness").value = loudness;
    const usual = more.seed === null && !more.loop && more.bit_depth === 16 && loudness === "-14";
    $("#more").open = Boolean(more.negative_prompt || more.metadata?.title || !usual);
  }
  clear();
  refresh();
}

/** A prompt has no line breaks; here Enter and pasted text make them. */
const inOneLine = (text) => text.replace(/\s+/g, " ").trim();

/** The form as the body of a submit; what cannot be a number is sent as it is, and refused. */
function read() {
  const number = (text) => (text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text));
  const tempo = $("[name=tempo]:checked").value;
  const body = {
    prompt: inOneLine($("#prompt").value),
    style: $("[name=style]:checked").value,
    tempo: tempo === "bpm" ? number($("#bpm").value) : tempo,
    duration_seconds: number($("#seconds").value),
    formats: [...$("#formats").querySelectorAll(":checked")].map((box) => box.value),
    loudness_lufs: JSON.parse($("#loudness").value),
    bit_depth: Number($("#depth").value),
    loop: $("#loop").checked,
  };
  const text = (id) => $(id).value.trim();
  if (text("#negative")) body.negative_prompt = text("#negative");
  if (text("#seed")) body.seed = number(text("#seed"));
  if (text("#limit")) body.max_cost_usd = number(text("#limit"));
  const seen = image?.prompt === body.prompt && Date.parse(image.expires_at) > now();
  if (seen) body.image_id = image.image_id;
  if (text("#title")) body.metadata = { title: text("#title") };
  return body;
}

/** What follows from the fields: counter, quote, the number beside BPM. */
export function refresh() {
  const letters = [...inOneLine($("#prompt").value)].length;
  const count = $("#prompt-count");
  say(count, `${letters} / ${MOST}`);
  count.classList.toggle("over", letters > MOST || (letters > 0 && letters < LEAST));
  $("#bpm").hidden = $("[name=tempo]:checked").value !== "bpm";
  const price = quote(Number($("#seconds").value), $("#loop").checked);
  const clips = price && `${price.clips} ${price.clips === 1 ? "clip" : "clips"} × ${money(price.each)}`;
  say($("#quote"), price ? `${clips} = ${money(price.total)}` : "");
}

async function send(accepted) {
  if (busy) return; // the first click counts
  busy = true;
  clear();
  const button = $("#send");
  button.setAttribute("aria-disabled", "true");
  say(button, "Sending…");
  try {
    accepted(await submit(read()));
  } catch (error) {
    refuse(error);
  } finally {
    busy = false;
    button.removeAttribute("aria-disabled");
    say(button, "Compose");
  }
}

function clear() {
  for (const line of $("#compose").querySelectorAll(".error")) say(line, "");
  for (const input of $("#compose").querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
}

/** Each refusal beside its field; the first one gets the focus. */
function refuse(error) {
  if (!(error instanceof ApiError)) return complain(error);
  let first = null;
  for (const { field, detail, cure } of error.fields) {
    const place = $(`[data-field="${field}"]`, $("#compose"));
    if (!place) continue;
    if (place.closest("details")) place.closest("details").open = true;
    say($(".error", place), [detail.replace(`${field}: `, ""), cure].filter(Boolean).map(sentence).join(" "));
    const inputs = [...place.querySelectorAll("input, textarea, select")].filter((input) => !input.hidden);
    inputs.forEach((input) => input.setAttribute("aria-invalid", "true"));
    first ??= inputs.find((input) => input.checked) || inputs[0];
  }
  if (first) first.focus();
  else if (error.status !== 401) say($("#form-error"), explain(error));
}

function sentence(text) {
  const begun = capital(text);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
