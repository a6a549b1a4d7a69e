"""Places for images that are being read: who sends slowly takes none from others."""

from contextlib import ExitStack

import pytest

from services.ingest.prompts.uploads import PLACES, SHARE, Uploads
from shared.problems import Problem


def test_a_tenant_has_its_share_and_no_more() -> None:
    uploads = Uploads(patience=0.01)
    with ExitStack() as slow:
        for _ in range(SHARE):
            slow.enter_context(uploads.place("slow"))
        with pytest.raises(Problem) as caught, uploads.place("slow"):
            pass
        assert (caught.value.status, caught.value.code) == (503, "too_many_uploads")
        with uploads.place("other"), uploads.place("another"):
            pass
    with uploads.place("slow"):
        pass


def test_all_together_have_so_many_places() -> None:
    uploads = Uploads(patience=0.01)
    with ExitStack() as held:
        for number in range(PLACES):
            held.enter_context(uploads.place(f"t-{number}"))
        with pytest.raises(Problem), uploads.place("one more"):
            pass
    with uploads.place("one more"):
        pass


def test_it_takes_as_many_tenants_as_there_are_places_to_hold_them_all() -> None:
    uploads = Uploads(patience=0.01)
    with ExitStack() as held:
        for number in range(PLACES - 1):
            held.enter_context(uploads.place(f"slow-{number}"))
            with pytest.raises(Problem), uploads.place(f"slow-{number}"):
                pass
        with uploads.place("other"):
            pass


def test_what_fails_leaves_its_place() -> None:
    uploads = Uploads(patience=0.01)
    for _ in range(2 * PLACES):
        with pytest.raises(ValueError, match="no image"), uploads.place("t"):
            raise ValueError("no image")
