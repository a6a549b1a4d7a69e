"""The rule that everything rests on: condition and swap are one step, whoever races."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from deploy.local.storage import buckets, objects
from deploy.local.storage.drafts import Draft
from deploy.local.storage.problems import Problem
from deploy.local.storage.state import State

RACERS = 16


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State(tmp_path)
    buckets.create(state, {"name": "output"})
    yield state
    state.close()


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads take turns so often that a missing lock shows."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def race(state: State, name: str, generation: int) -> list[str]:
    """Finalize RACERS drafts at once over one generation; the winners' generations."""
    together = Barrier(RACERS)

    def finalize(number: int) -> str | None:
        file = state.new_file()
        file.write_bytes(b"%d" % number)
        draft = Draft("output", name, {}, file)
        together.wait()
        try:
            made = objects.finalize(state, draft, {"ifGenerationMatch": generation})
        except Problem as problem:
            if problem.status != 412:
                raise
            return None
        return str(made["generation"])

    with ThreadPoolExecutor(RACERS) as pool:
        return [won for won in pool.map(finalize, range(RACERS)) if won is not None]


def test_one_of_many_racing_writers_wins(state: State, hasty: None) -> None:
    for attempt in range(10):
        (created,) = race(state, f"clips/{attempt}", 0)
        (replaced,) = race(state, f"clips/{attempt}", int(created))
        assert int(replaced) > int(created)


def test_a_draft_that_lost_leaves_no_file(state: State, tmp_path: Path) -> None:
    race(state, "a", 0)
    assert len(list((tmp_path / "blobs").iterdir())) == 1
