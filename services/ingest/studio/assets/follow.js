/** Follow one track to its ending: Server-Sent Events, or polling where these do not work. */
import { Unreachable, get, here } from "./api.js";
import { connection } from "./notices.js";
import { OPEN } from "./words.js";

const POLLS = 10;
const PAUSE = 2000;

/** Whether nothing more will happen to this run of the track. */
export const ended = (track) => !OPEN.includes(track.status);

/**
 * Call *tell* with each snapshot until the track has ended.
 * @param {{links: Record<string, string>}} track
 * @param {(track: any) => void} tell
 * @returns {() => void} stops it
 */
export function follow(track, tell) {
  const self = here(track.links.self);
  const events = track.links.events && here(track.links.events);
  const gone = new AbortController();
  /** @type {EventSource|null} */
  let source = null;

  const stop = () => {
    gone.abort();
    source?.close();
  };
  const see = (seen) => {
    if (gone.signal.aborted) return;
    connection(true);
    if (ended(seen)) stop();
    tell(seen);
  };
  const listen = () => {
    if (gone.signal.aborted) return;
    if (!events) return void poll(Infinity);
    source = new EventSource(events);
    source.onopen = () => connection(true);
    source.onmessage = (message) => see(JSON.parse(message.data));
    source.onerror = () => {
      if (gone.signal.aborted) return;
      // The browser connects again by itself, unless the server has said no.
      if (source.readyState === EventSource.CLOSED) void poll(POLLS).then(listen);
      else get(self, gone.signal).then(see, (error) => connection(!(error instanceof Unreachable)));
    };
  };
  const poll = async (times) => {
    for (let left = times; left > 0 && !gone.signal.aborted; left -= 1) {
      try {
        see(await get(`${self}?wait=2`, gone.signal));
      } catch (error) {
        if (error.status === 404 || error.status === 401) return stop();
        if (error instanceof Unreachable) connection(false);
      }
      await new Promise((done) => setTimeout(done, events ? PAUSE / 4 : PAUSE));
    }
  };
  listen();
  return stop;
}
