/** Who uses the page: a session of the API, opened with a key where keys are on. */
import { ApiError, call, get, useCsrf, whenSignedOut } from "./api.js";
import { $, say } from "./dom.js";
import { complain, explain } from "./notices.js";

const PATH = "/studio/session";
let entered = () => {};
let signedIn = false;

/**
 * Look whether the page may be used; ask for a key where it may not yet.
 * @param {() => void} enter called each time when a session is there, or none is needed
 */
export async function wireSession(enter) {
  entered = enter;
  whenSignedOut(ask);
  $("#sign-in-form").addEventListener("submit", (event) => {
    event.preventDefault();
    void signIn();
  });
  // Without a session there is nothing behind the dialog; browsers let a second Escape through.
  $("#sign-in").addEventListener("cancel", (event) => event.preventDefault());
  $("#sign-in").addEventListener("close", () => !signedIn && ask());
  $("#sign-out").addEventListener("click", () => void signOut());
  adopt(await get(PATH).catch(absent));
}

/** An API without sessions has no keys either; whatever else happened, the calls will tell. */
function absent(error) {
  if (!(error instanceof ApiError)) complain(error);
  return { auth: "off", signed_in: false, tenant: null, csrf: null };
}

function adopt(session) {
  useCsrf(session.csrf);
  $("#sign-out").hidden = !session.signed_in;
  if (session.auth === "on" && !session.signed_in) ask();
  else entered();
}

function ask() {
  signedIn = false;
  const dialog = $("#sign-in");
  if (!dialog.open) dialog.showModal();
}

async function signIn() {
  const field = $("#key");
  say($("#key-error"), "");
  field.removeAttribute("aria-invalid");
  try {
    const session = await call("POST", PATH, { body: { key: field.value.trim() } });
    field.value = "";
    signedIn = true;
    $("#sign-in").close();
    adopt(session);
  } catch (error) {
    say($("#key-error"), error.status === 401
      ? "This key is not accepted. Use one that was not revoked; a new one is good after half a minute at the latest."
      : explain(error));
    field.setAttribute("aria-invalid", "true");
    field.focus();
  }
}

async function signOut() {
  try {
    await call("DELETE", PATH);
    location.replace("/"); // nothing of the last user stays in memory
  } catch (error) {
    complain(error);
  }
}
