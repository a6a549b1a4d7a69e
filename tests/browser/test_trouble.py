"""What goes wrong, and what the Studio says and offers then."""

import re

from playwright.sync_api import Route, expect

from tests.support.rig import Rig
from tests.support.studio import Studio
from tests.support.waiting import wait_for


def test_a_wrong_field_is_told_beside_it(studio: Studio) -> None:
    studio.expected.add("status of 400 ")
    studio.compose("abc")
    prompt = studio.page.get_by_label("Prompt")
    expect(studio.page.locator("#prompt-error")).to_contain_text("Describe the music in 5 to 500")
    expect(prompt).to_be_focused()
    expect(prompt).to_have_attribute("aria-invalid", "true")
    prompt.fill("A prompt that is long enough")
    studio.page.get_by_text("More", exact=True).click()
    studio.page.get_by_label("Seed").fill("many")
    studio.page.get_by_text("More", exact=True).click()
    studio.send.click()
    expect(studio.page.locator("#seed-error")).not_to_be_empty()
    expect(studio.page.get_by_label("Seed")).to_be_focused()
    expect(studio.page.locator("#prompt-error")).to_be_empty()


def test_a_price_above_the_limit_is_refused(studio: Studio) -> None:
    studio.expected.add("status of 4")
    studio.page.get_by_text("More", exact=True).click()
    studio.page.get_by_label("Costs at most").fill("0.01")
    studio.compose("Too dear for a penny")
    expect(studio.page.locator("#limit-error, #form-error").filter(has_text="0.06")).to_be_visible()


def test_a_download_that_is_refused_is_told_and_the_page_stays(studio: Studio, rig: Rig) -> None:
    track_id = studio.made("A song that somebody else erases")
    page = studio.page.url
    studio.expected.add("status of 404 ")
    rig.http.delete(f"{rig.info['api']}/v1/tracks/{track_id}", timeout=30).raise_for_status()
    studio.page.get_by_role("link", name="Download WAV").click()
    expect(studio.page.locator("#notices")).to_contain_text("There is no such track")
    assert studio.page.url == page


def test_a_cancel_ends_the_track(studio: Studio, rig: Rig) -> None:
    rig.fault("vertex", {"match": {"prompt": "never heard"}, "action": {"delay": 4}, "count": -1})
    studio.compose("A song that was never heard", seconds=60)
    expect(studio.page.locator("#steps [aria-current=step]")).to_have_text("Generating")
    studio.act("Cancel").click()
    studio.is_now("Cancelled")
    assert rig.get(studio.opened)["status"] == "cancelled"
    expect(studio.act("Compose again")).to_be_visible()


def test_a_failure_shows_its_cure_and_a_retry_mends_it(studio: Studio, rig: Rig) -> None:
    prompt = "A tune that everybody knows"
    rig.fault(
        "vertex", {"match": {"prompt": prompt}, "action": {"error": "recitation"}, "count": 3}
    )
    studio.compose(prompt)
    studio.is_now("Failed")
    track = rig.get(studio.opened)
    assert track["error"]["code"] == "prompt_recitation"
    assert rig.fired("vertex") == 3
    expect(studio.page.locator("#problem")).to_contain_text(track["error"]["cure"])
    studio.act("Retry").click()
    studio.is_now("Finished")
    expect(studio.page.locator("#problem")).to_be_hidden()
    assert rig.get(studio.opened)["run"] == 2


def test_what_cannot_be_retried_can_be_edited(studio: Studio, rig: Rig) -> None:
    prompt = "Something that the model will not have"
    rig.fault("vertex", {"match": {"prompt": prompt}, "action": {"error": "safety_flag"}})
    studio.compose(prompt)
    studio.is_now("Failed")
    expect(studio.act("Retry")).to_have_count(0)
    studio.page.get_by_label("Prompt").fill("")
    studio.act("Edit a copy").click()
    expect(studio.page.get_by_label("Prompt")).to_have_value(prompt)
    expect(studio.page.get_by_label("Prompt")).to_be_focused()


def test_a_restart_of_the_server_is_survived(studio: Studio, rig: Rig) -> None:
    studio.expected |= {"net::ERR_", "status of 5"}
    rig.fault("vertex", {"match": {"prompt": "restart"}, "action": {"delay": 6}})
    studio.compose("A restart in the middle of the bridge")
    expect(studio.page.locator("#steps [aria-current=step]")).to_have_text("Generating")
    rig.stack.restart("ingest")
    studio.is_now("Finished")
    expect(studio.page.locator("#connection")).to_be_hidden()


def test_without_events_it_asks_again_and_again(studio: Studio, rig: Rig) -> None:
    studio.expected.add("status of 503 ")
    refused: list[str] = []

    def refuse(route: Route) -> None:
        refused.append("events")
        route.fulfill(status=503, body="{}")

    studio.page.route("**/events", refuse)
    studio.made("Nobody streams this one")
    assert refused


def test_lost_audio_is_fetched_anew_from_where_it_was(studio: Studio, rig: Rig) -> None:
    studio.made("An hour later it still plays", seconds=20)
    studio.page.get_by_role("button", name="Play", exact=True).click()
    wait_for(lambda: studio.at() > 0.3)
    before = studio.at()
    studio.page.evaluate("document.querySelector('audio').dispatchEvent(new Event('error'))")
    wait_for(lambda: studio.at() >= before)
    expect(studio.page.locator("#player-error")).to_be_empty()


def test_offline_is_said_and_passes(studio: Studio) -> None:
    studio.expected.add("net::ERR_INTERNET_DISCONNECTED")
    line = studio.page.locator("#connection")
    studio.page.context.set_offline(True)
    expect(line).to_have_text(re.compile("You are offline"))
    studio.page.context.set_offline(False)
    expect(line).to_be_hidden()


def test_who_may_use_the_page(studio: Studio, rig: Rig) -> None:
    page, dialog = studio.page, studio.page.get_by_role("dialog", name="Sign in")
    sign_out = page.get_by_role("button", name="Sign out")
    studio.expected.add("status of 401 ")
    page.reload()
    expect(page.locator("#rows")).to_have_attribute("aria-busy", "false")
    expect(dialog).to_be_hidden()
    sign_out.click()
    expect(dialog).to_be_visible()
    page.get_by_label("API key").fill("mk_local_nobody_knows")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#key-error")).to_contain_text("This key is not accepted.")
    for _ in range(3):
        page.keyboard.press("Escape")
        expect(dialog).to_be_visible()
    page.get_by_label("API key").fill(rig.info["api_key"])
    page.get_by_role("button", name="Sign in").click()
    expect(dialog).to_be_hidden()
    studio.made("Only for those with a key")


def test_a_take_whose_answer_was_lost_is_made_once(studio: Studio, rig: Rig) -> None:
    studio.expected |= {"ERR_CONNECTION_RESET", "net::ERR"}
    page, first = studio.page, studio.made("A refrain that is taken once more")
    bodies: list[str | None] = []

    def lose(route: Route) -> None:
        if route.request.method == "POST":
            bodies.append(route.request.post_data)
            route.fetch()
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/v1/tracks", lose)
    studio.act("Another take").click()
    expect(page.locator("#notices")).to_contain_text("Motif does not answer")
    page.unroute("**/v1/tracks")
    with page.expect_request(lambda one: one.method == "POST") as again:
        studio.act("Another take").click()
    assert set(bodies) == {again.value.post_data}
    expect(page).not_to_have_url(re.compile(first))
    studio.is_now("Finished")


def test_a_copy_hides_nothing_of_what_it_copies(studio: Studio, rig: Rig) -> None:
    made = rig.submit(prompt="A loop at another level", loop=True, loudness_lufs=-20).id
    rig.ended(made)
    studio.page.goto(f"{studio.info['studio']}/#{made}")
    studio.page.reload()
    studio.act("Edit a copy").click()
    expect(studio.page.get_by_label("Loudness")).to_have_value("-20")
    expect(studio.page.get_by_text("Loop: the end runs into the start")).to_be_visible()
