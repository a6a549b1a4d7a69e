"""The list of tracks in the Studio: pages, filters, what happens elsewhere."""

import pytest
from playwright.sync_api import Route, expect

from tests.support.rig import Rig
from tests.support.studio import Studio

PAGE = 20


@pytest.fixture
def many(rig: Rig) -> list[str]:
    """More tracks than one page has, most of them cancelled, newest last."""
    made = [rig.submit(prompt=f"Number {i} of many, quietly").id for i in range(PAGE + 3)]
    for track_id in made:
        rig.post(track_id, "cancel")
    rig.ended(made[-1])
    return made


def test_it_has_pages(many: list[str], studio: Studio) -> None:
    rows = studio.page.locator("#rows .row")
    expect(rows).to_have_count(PAGE)
    expect(studio.row(many[-1])).to_be_visible()
    expect(studio.row(many[0])).to_have_count(0)
    studio.page.get_by_role("button", name="Older tracks").click()
    expect(studio.row(many[0])).to_be_visible()
    ids = rows.evaluate_all("rows => rows.map(row => row.dataset.id)")
    assert ids[: len(many)] == many[::-1]
    expect(rows.nth(PAGE).locator(".row-open")).to_be_focused()


def test_filters_leave_out_the_rest(studio: Studio, rig: Rig) -> None:
    rock = rig.submit(prompt="Nothing that the filter lets through", style="rock").id
    jazz = rig.submit(prompt="A rare jazz track for the filter", style="jazz").id
    rig.ended(jazz)
    page = studio.page
    page.get_by_label("Style", exact=True).last.select_option("jazz")
    expect(studio.row(jazz)).to_be_visible()
    expect(studio.row(rock)).to_have_count(0)
    expect(page.locator("#rows .row").filter(has_not_text="Jazz")).to_have_count(0)
    page.get_by_label("Status").select_option("expired")
    expect(page.locator("#library-state")).to_have_text("No track is like that.")


def test_what_others_submit_appears_while_something_is_made(studio: Studio, rig: Rig) -> None:
    rig.fault("vertex", {"match": {"prompt": "patience"}, "action": {"delay": 8}})
    studio.compose("A piece that takes patience")
    other = rig.submit(prompt="From another desk, meanwhile").id
    expect(studio.row(other)).to_contain_text("From another desk")
    rig.post(studio.opened, "cancel")


def test_what_is_composed_here_stands_on_top(studio: Studio, many: list[str]) -> None:
    page, rows = studio.page, studio.page.locator("#rows .row")
    made: list[tuple[str, str]] = []
    for number in range(3):
        prompt = f"The composition of number {number}"
        studio.compose(prompt, seconds=2)
        expect(page.locator("#now-title")).to_have_text(prompt)
        studio.is_now("Finished")
        made.insert(0, (studio.opened, prompt))
    assert studio.listed()[:3] == made
    before = rows.count()
    page.get_by_role("button", name="Older tracks").click()
    expect(rows.nth(before).locator(".row-open")).to_be_focused()
    page.reload()
    expect(page.locator("#rows")).to_have_attribute("aria-busy", "false")
    assert studio.listed()[:3] == made


def test_what_is_composed_while_the_list_is_fetched_stays(studio: Studio) -> None:
    page = studio.page
    held: list[Route] = []
    page.route("**/v1/tracks?*", lambda route: held.append(route))  # noqa: PLW0108 - it is marked
    page.get_by_label("Style", exact=True).last.select_option("instrumental")
    expect(page.locator("#rows")).to_have_attribute("aria-busy", "true")
    track_id = studio.made("Sooner there than the list")
    expect(studio.row(track_id)).to_be_visible()
    page.unroute("**/v1/tracks?*")  # and those that are held go on
    assert held
    expect(page.locator("#rows")).to_have_attribute("aria-busy", "false")
    expect(studio.row(track_id)).to_contain_text("Finished")
    assert studio.listed()[0][0] == track_id
