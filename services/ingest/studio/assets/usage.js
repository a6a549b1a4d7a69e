/** What was spent today, and what is left. */
import { get } from "./api.js";
import { $, say } from "./dom.js";
import { money } from "./words.js";

/** Show today's usage; where the API does not tell, nothing is shown. */
export async function showUsage() {
  const found = await get("/v1/usage?days=1").catch(() => null);
  const today = found?.days?.[0];
  $("#usage").hidden = !today;
  if (!today) return;
  const spent = (today.billed_usd || 0) + (today.reserved_usd || 0);
  const cap = today.cap_usd ?? found.cap_usd;
  say($("#usage-text"), cap ? `${money(spent)} of ${money(cap)} today` : `${money(spent)} today`);
  const meter = $("#usage-meter");
  meter.hidden = !cap;
  if (cap) Object.assign(meter, { max: cap, value: spent });
}
