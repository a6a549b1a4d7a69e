/** The page: what is opened, followed, played, and what its buttons do. */
import { call, get, here } from "./api.js";
import { fill, refresh, wireCompose } from "./compose.js";
import { confirmed } from "./dialogs.js";
import { $ } from "./dom.js";
import { ended, follow } from "./follow.js";
import * as library from "./shelf.js";
import { complain, connection, notify } from "./notices.js";
import { showTrack, toggleSpectrogram } from "./now.js";
import { play, redraw, wirePlayer } from "./player.js";
import { showProgress } from "./progress.js";
import { loadModels } from "./quote.js";
import { wireSession } from "./session.js";
import { anySeed, submit } from "./submit.js";
import { wireTheme } from "./theme.js";
import { showUsage } from "./usage.js";
import { titleOf } from "./words.js";

const NAME = "Motif Studio";
/** @type {any} */
let current = null;
let stop = () => {};
/** A take that has had no answer: asked for again, it is the same one, not one more. */
let take = { of: "", seed: 0 };

const acts = {
  cancel: () => act("cancel", (track) => call("POST", here(track.links.cancel)), (answer) => {
    if (answer.result === "cancelling") notify("It will stop before the next paid call.");
    if (answer.result === "already_finished") notify("It was finished before the cancel came.");
  }),
  retry: () => act("retry", (track) => call("POST", here(track.links.retry))),
  again: () => act("again", async (track) => {
    if (take.of !== track.request_id) take = { of: track.request_id, seed: anySeed() };
    const answer = await submit({ ...track.parameters, seed: take.seed });
    take = { of: "", seed: 0 };
    return answer;
  }, accepted),
  edit: () => {
    fill(current.parameters);
    $("#compose").scrollIntoView({ block: "start" });
    $("#prompt").focus({ preventScroll: true });
  },
  spectrogram: () => toggleSpectrogram(current),
  remove: async () => {
    const track = current;
    const title = `Delete “${titleOf(track)}”?`;
    if (!(await confirmed(title, "Its files, its texts and all links to it are gone for good."))) return;
    await act("remove", () => call("DELETE", here(track.links.self)), () => {
      library.drop(track.request_id);
      if (current?.request_id === track.request_id) show(null);
      notify("Deleted.");
    });
  },
};

/** Do something with the opened track, look at it again, and never twice at once. */
async function act(name, work, then = (_answer) => {}) {
  const [track, button] = [current, $(`[data-act=${name}]`)];
  if (!track || button?.getAttribute("aria-disabled")) return;
  button?.setAttribute("aria-disabled", "true");
  try {
    then(await work(track));
    if (name === "cancel" || name === "retry") await open(track.request_id);
  } catch (error) {
    complain(error);
  } finally {
    button?.removeAttribute("aria-disabled");
    void showUsage();
  }
}

/** Show a track's snapshot wherever it is seen. */
function show(track) {
  const before = current;
  current = track;
  if (track) library.put(track);
  library.select(track?.request_id || "");
  showTrack(track, acts);
  const percent = track && !ended(track) ? `${Math.round(track.progress * 100)} % · ` : "";
  document.title = track ? `${percent}${titleOf(track)} · ${NAME}` : NAME;
  const hash = track ? `#${track.request_id}` : "";
  if (hash !== location.hash) history.replaceState(null, "", hash || location.pathname);
  const finished = before?.request_id === track?.request_id && before && !ended(before) && ended(track);
  if (finished) void showUsage();
}

/** Open a track by its id, and follow it while there is something to follow. */
async function open(id, { sound = false } = {}) {
  stop();
  const known = library.known(id);
  if (known) show(known);
  try {
    const track = await get(`/v1/tracks/${id}`);
    show(track);
    if (!ended(track)) stop = follow(track, (seen) => current?.request_id === id && show(seen));
    if (sound) await play();
  } catch (error) {
    if (error.status === 404) {
      library.drop(id);
      show(null);
    }
    complain(error);
  }
}

function look(id, how) {
  void open(id, how);
  $("#now").scrollIntoView({ block: "nearest" });
}

function accepted(answer) {
  void open(answer.request_id).then(() => {
    $("#now").focus({ preventScroll: true });
    $("#now").scrollIntoView({ block: "nearest" });
  });
  void showUsage();
}

/** Everything that needs the API; again after each sign-in. */
async function enter() {
  void loadModels().then(refresh);
  void showUsage();
  await library.load();
  const id = location.hash.slice(1);
  if (/^[0-9a-f-]{36}$/.test(id)) void open(id);
}

wireTheme(redraw);
wirePlayer();
wireCompose(accepted);
library.wireLibrary({ open: (id) => look(id), play: (id) => look(id, { sound: true }) });
setInterval(() => current && !ended(current) && showProgress(current), 1000); // an outlook shrinks
addEventListener("online", () => connection(true));
addEventListener("offline", () => connection(false));
void wireSession(() => void enter());
