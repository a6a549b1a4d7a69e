"""From a prompt to music, as a user of the Studio sees and hears it."""

import re
from typing import Any

from playwright.sync_api import Download, Route, expect

from shared.models import MODELS
from tests.support.rig import Rig
from tests.support.studio import Studio
from tests.support.waiting import wait_for

SECONDS = 8


def drawn(studio: Studio) -> bool:
    """Whether bars of very different height stand there, not the flat line."""
    return sum(studio.inked().values()) > 3000


def test_a_prompt_becomes_music_that_plays(studio: Studio) -> None:
    page = studio.page
    studio.compose("Slow strings over a distant drum, and a horn", seconds=SECONDS)
    expect(page.locator("#steps [aria-current=step]")).to_have_text("Generating")
    expect(page.get_by_role("progressbar", name="Progress").first).to_be_visible()
    expect(page.locator("#eta")).to_have_text(re.compile(r"\w"))
    studio.is_now("Finished")
    expect(page.locator("#told")).to_have_text("Slow strings over a distant drum: Finished")
    expect(page.locator("#making")).to_be_hidden()

    wait_for(lambda: drawn(studio))
    (waiting,) = studio.inked()
    page.get_by_role("button", name="Play", exact=True).click()
    wait_for(lambda: studio.at() > 0.5)
    page.get_by_role("button", name="Pause").click()
    assert len(studio.inked()) > 1, "the played part has no colour of its own"
    page.get_by_role("slider", name="Position in the track").click(position={"x": 5, "y": 20})
    wait_for(lambda: studio.at() < 0.5)
    box = page.locator("#wave").bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + 20)
    wait_for(lambda: abs(studio.at() - SECONDS * 0.75) < 0.2)
    assert studio.inked()[waiting] > 0


def test_progress_moves_while_somebody_looks(studio: Studio, rig: Rig) -> None:
    told: list[float] = []

    def tell(value: float) -> None:  # Playwright marks what it is given, and a method takes no mark
        told.append(value)

    studio.page.expose_function("told", tell)
    studio.page.evaluate(
        """new MutationObserver(() => told(document.querySelector('#bar').value))
            .observe(document.querySelector('#track'), { subtree: true, attributes: true })"""
    )
    studio.made("Four clips of a long walk", seconds=70)
    assert told == sorted(told)
    assert len({value for value in told if 0 < value < 1}) >= 2


def test_facts_and_files_are_the_apis(studio: Studio, rig: Rig) -> None:
    track_id = studio.made("A tuba and a triangle")
    track = rig.get(track_id)
    facts = studio.page.locator("#facts").inner_text()
    assert str(track["sound"]["seed"]) in facts
    assert f"{track['sound']['loudness_lufs']:g} LUFS".replace("-", "\u2212") in facts
    for file in track["audio"]:
        link = studio.page.get_by_role("link", name=f"Download {file['format'].upper()}")
        with studio.page.expect_download() as found:
            link.click()
        download: Download = found.value
        assert download.suggested_filename == f"motif-{track_id}.{file['format']}"
        assert download.path().stat().st_size == file["size_bytes"]
    studio.act("Spectrogram").click()
    wait_for(
        lambda: studio.page.evaluate("document.querySelector('#spectrogram img').naturalWidth")
    )


def test_the_quote_is_what_the_api_would_say(studio: Studio) -> None:
    studio.page.get_by_text("More", exact=True).click()
    model = MODELS["lyria-002"]
    for seconds, loop in ((1, False), (32, False), (32.5, True), (33, False), (300, False)):
        studio.page.get_by_label("Length", exact=True).fill(f"{seconds:g}")
        studio.page.get_by_role("checkbox", name="Loop").set_checked(loop)
        clips = model.clips(seconds, loop=loop)
        words = f"{clips} clip{'s' if clips > 1 else ''} \u00d7 $0.06"
        total = model.quote_usd(seconds, loop=loop)
        expect(studio.page.locator("#quote")).to_have_text(f"{words} = ${total:.2f}")


def test_a_reload_keeps_library_and_track(studio: Studio) -> None:
    track_id = studio.made("Bells in the fog, and a slow tide")
    studio.page.reload()
    expect(studio.row(track_id)).to_contain_text("Bells in the fog")
    studio.is_now("Finished")
    wait_for(lambda: drawn(studio))
    studio.row(track_id).get_by_role("button", name="Play Bells in the fog").click()
    wait_for(lambda: studio.at() > 0.2)


def test_a_double_click_makes_one_track(studio: Studio, rig: Rig) -> None:
    studio.page.get_by_label("Prompt").fill("Twice is once with castanets")
    studio.send.dblclick()
    studio.is_now("Finished")
    assert of_prompt(rig, "Twice is once with castanets") == 1


def test_a_lost_answer_makes_one_track(studio: Studio, rig: Rig) -> None:
    studio.expected.add("net::ERR_FAILED")
    lost: list[int] = []

    def lose(route: Route) -> None:
        if route.request.method == "POST" and not lost:
            lost.append(route.fetch().status)
            route.abort()
        else:
            route.continue_()

    studio.page.route("**/v1/tracks", lose)
    studio.compose("An answer that gets lost in the hills")
    studio.is_now("Finished")
    assert lost == [202]
    assert of_prompt(rig, "An answer that gets lost in the hills") == 1


def of_prompt(rig: Rig, prompt: str) -> int:
    """How many tracks have this prompt."""
    found: list[dict[str, Any]] = rig.http.get(
        f"{rig.info['api']}/v1/tracks?limit=100", timeout=30
    ).json()["tracks"]
    return sum(track["parameters"]["prompt"] == prompt for track in found)


def test_another_take_is_another_track(studio: Studio, rig: Rig) -> None:
    first = studio.made("The same again, with other dice")
    studio.act("Another take").click()
    studio.page.wait_for_function("id => location.hash.slice(1) !== id", arg=first)
    second = studio.opened
    studio.is_now("Finished")
    seeds = {rig.get(track)["sound"]["seed"] for track in (first, second)}
    assert len(seeds) == 2


def test_what_was_deleted_is_gone(studio: Studio, rig: Rig) -> None:
    track_id = studio.made("Footprints in wet sand")
    studio.act("Delete").click()
    studio.page.get_by_role("dialog").get_by_role("button", name="Keep it").click()
    expect(studio.row(track_id)).to_be_visible()
    studio.act("Delete").click()
    studio.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(studio.row(track_id)).to_have_count(0)
    expect(studio.page.locator("#now-empty")).to_be_visible()
    answer = rig.http.get(f"{rig.info['api']}/v1/tracks/{track_id}", timeout=30)
    assert answer.status_code == 404


def test_lines_of_a_prompt_are_one(studio: Studio, rig: Rig) -> None:
    prompt = studio.page.get_by_label("Prompt")
    prompt.fill("A slow waltz,")
    prompt.press("End")
    prompt.press("Enter")
    prompt.press_sequentially("then silence")
    expect(studio.page.locator("#prompt-count")).to_have_text("26 / 500")
    studio.send.click()
    studio.is_now("Finished")
    assert rig.get(studio.opened)["parameters"]["prompt"] == "A slow waltz, then silence"
