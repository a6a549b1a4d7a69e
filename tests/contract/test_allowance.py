"""The allowance against the emulator: counted by the test, whatever the document says."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from shared.allowance import ALLOWANCES, Allowance
from shared.bucket import UNIT, Level
from shared.errors import CommitUnclear
from shared.gcp.firestore import FirestoreStore

NAME = "model calls"
THREADS = 8
INSTANCES = 4


class LossyStore(FirestoreStore):
    """The real store; the reply to every third commit is lost after the commit has happened."""

    def __init__(self, project: str) -> None:
        super().__init__(project)
        self.commits = self.lost = 0

    def commit(self, *writes: object) -> datetime:
        time = super().commit(*writes)  # type: ignore[arg-type]  # handed on as it came
        self.commits += 1
        if self.commits % 3 == 1:
            self.lost += 1
            raise CommitUnclear("lost")
        return time


@pytest.fixture
def stores(project: str) -> Iterator[list[FirestoreStore]]:
    """One for each instance."""
    made = [FirestoreStore(project) for _ in range(INSTANCES)]
    yield made
    for store in made:
        store.close()


@pytest.fixture
def lossy(project: str) -> Iterator[list[LossyStore]]:
    """The same, with replies that are lost."""
    made = [LossyStore(project) for _ in range(INSTANCES)]
    yield made
    for store in made:
        store.close()


def level(store: FirestoreStore) -> Level:
    found = store.get(ALLOWANCES, NAME).value
    assert found is not None
    return found


def taken_by_all(shares: list[Allowance], seconds: float, amount: float = 1.0) -> int:
    """How often all threads of all instances could take *amount* within so many seconds."""
    gate = threading.Barrier(THREADS * len(shares))

    def one(share: Allowance) -> int:
        count = 0
        gate.wait()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            wait = share.take(amount)
            count += not wait
            time.sleep(min(wait, 0.02))
        return count

    with ThreadPoolExecutor(gate.parties) as pool:
        return sum(pool.map(one, [share for share in shares for _ in range(THREADS)]))


@pytest.mark.parametrize(("left", "per_second", "one_by_one"), [(6, 10, True), (150, 100, False)])
def test_many_instances_never_overrun_it(
    stores: list[FirestoreStore], left: float, per_second: float, one_by_one: bool
) -> None:
    used = 10 * per_second  # what overflows is lost: room for all that flows in ten seconds
    depth = used + left
    first_user, *shares = (
        Allowance(store, NAME, depth=depth, per_second=per_second, one_by_one=one_by_one)
        for store in (stores[0], *stores)
    )
    before = time.monotonic()
    assert first_user.take(used) == 0.0
    first = level(stores[0])
    assert first.left == left * UNIT
    taken = used + taken_by_all(shares, 1.5)
    assert taken <= depth + (time.monotonic() - before) * per_second
    for share in shares:
        share.give_back()
    last = level(stores[0])
    flowed = (last.at - first.at).total_seconds() * per_second
    assert taken * UNIT + last.left == pytest.approx((depth + flowed) * UNIT, abs=1000)


def test_a_first_document_is_made_once(stores: list[FirestoreStore]) -> None:
    shares = [Allowance(store, NAME, depth=3, per_second=0) for store in stores]
    assert taken_by_all(shares, 0.3) == 3
    assert level(stores[0]).left == 0


def test_lost_replies_make_nothing_free_and_lose_nothing(lossy: list[LossyStore]) -> None:
    shares = [Allowance(store, NAME, depth=500, per_second=0) for store in lossy]
    taken = taken_by_all(shares, 0.5, 1.5)
    held = sum(share._held for share in shares)
    assert taken * 1_500_000 + held + level(lossy[0]).left == 500 * UNIT
    for share in shares:
        share.give_back()
    assert taken * 1_500_000 + level(lossy[0]).left == 500 * UNIT
    assert sum(store.lost for store in lossy) >= INSTANCES


def test_a_death_loses_one_block_and_an_ending_none(stores: list[FirestoreStore]) -> None:
    dying, ending = (Allowance(store, NAME, depth=1000, per_second=0) for store in stores[:2])
    for _ in range(50):
        assert dying.take() == ending.take() == 0.0
    ending.give_back()
    lost = 900 - level(stores[0]).left / UNIT
    assert 0 < lost <= 32
