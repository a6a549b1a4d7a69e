import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.allowance import ALLOWANCES, Allowance, of_quota
from shared.bucket import MEMORY, UNIT, Level, millionths
from shared.clock import StoreClock, seconds
from shared.errors import CommitUnclear, StoreUnavailable
from shared.ports import Collection, Delete, Snapshot, T, Update, Write

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NAME = "a"


class Calendar(StoreClock):
    """A clock that the test sets."""

    def __init__(self) -> None:
        super().__init__()
        self.time = START

    def now(self) -> datetime:
        return self.time


class Shelf:
    """A store of one document in memory, whose answers the test may lose."""

    def __init__(self) -> None:
        self.calendar = Calendar()
        self.clock: StoreClock = self.calendar
        self.level: Level | None = None
        self.version: datetime | None = None
        self.gets = self.commits = 0
        self.answers: list[str] = []
        """Of the next commits: "" as it is, "lost" done but unclear, "refused" not done."""
        self.before_get: Callable[[], None] = lambda: None

    def get(self, collection: Collection[T], doc_id: str) -> Snapshot[T]:
        assert (collection, doc_id) == (ALLOWANCES, NAME)
        self.before_get()
        self.gets += 1
        return Snapshot(doc_id, self.level, self.version, self.clock.now())  # type: ignore[arg-type]  # T is Level

    def commit(self, *writes: Write) -> datetime:
        (write,) = writes
        assert not isinstance(write, Delete)
        answer = self.answers.pop(0) if self.answers else ""
        expected = write.version if isinstance(write, Update) else None
        if answer == "refused" or expected != self.version:
            raise CommitUnclear
        self.commits += 1
        self.level = write.value
        self.version = START + timedelta(microseconds=self.commits)
        if answer == "lost":
            raise CommitUnclear
        return self.version

    def pass_by(self, time: float) -> None:
        self.calendar.time += seconds(time)


@pytest.fixture(autouse=True)
def pauses() -> Iterator[list[float]]:
    """Pauses are kept, not made."""
    made: list[float] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shared.allowance.time.sleep", made.append)
        yield made


def share(
    shelf: Shelf, depth: float, per_second: float = 0, *, one_by_one: bool = False
) -> Allowance:
    return Allowance(shelf, NAME, depth=depth, per_second=per_second, one_by_one=one_by_one)


def left(shelf: Shelf) -> float:
    assert shelf.level is not None
    return shelf.level.left / UNIT


@pytest.mark.parametrize("amount", [0, -1, 1e-9, inf, -inf, float("nan")])
def test_no_amount_is_refused(amount: float) -> None:
    with pytest.raises(ValueError, match="amount"):
        share(Shelf(), amount)
    with pytest.raises(ValueError, match="amount"):
        share(Shelf(), 1).take(amount)


@pytest.mark.parametrize("rate", [-1, inf, float("nan")])
def test_a_rate_is_a_number(rate: float) -> None:
    with pytest.raises(ValueError, match="a second"):
        share(Shelf(), 1, rate)


def test_small_amounts_add_up_exactly() -> None:
    cap = share(Shelf(), 0.6)
    assert [cap.take(0.06) for _ in range(11)] == [0.0] * 10 + [inf]


# Taking.


def test_a_new_bucket_is_full_and_then_fills_at_its_rate() -> None:
    shelf = Shelf()
    quota = share(shelf, 2, 0.5, one_by_one=True)
    assert [quota.take(), quota.take()] == [0.0, 0.0]
    assert quota.take() == pytest.approx(2.0)
    shelf.pass_by(1.5)
    assert quota.take() == pytest.approx(0.5)
    shelf.pass_by(0.5)
    assert quota.take() == 0.0
    assert quota.take() == pytest.approx(2.0)


@given(st.floats(0.01, 100), st.floats(0.001, 1))
def test_what_is_not_there_is_there_after_the_time_that_was_told(rate: float, part: float) -> None:
    shelf = Shelf()
    quota = share(shelf, 1, rate)
    assert quota.take(1) == 0.0
    wait = quota.take(part)
    assert wait > 0
    shelf.pass_by(wait * 0.9)
    assert quota.take(part) > 0
    shelf.pass_by(wait * 0.1 + 2e-6 + 2e-6 / rate)
    assert quota.take(part) == 0.0


def test_what_can_never_be_there_is_told_so() -> None:
    shelf = Shelf()
    assert share(shelf, 2, 1).take(2.1) == inf
    assert shelf.gets == 0
    cap = share(shelf, 2)
    assert [cap.take(2), cap.take()] == [0.0, inf]


def test_a_refusal_writes_nothing() -> None:
    shelf = Shelf()
    quota = share(shelf, 1, 1)
    quota.take()
    assert [quota.take() > 0 for _ in range(5)] == [True] * 5
    assert (shelf.commits, shelf.gets) == (1, 6)


def test_blocks_grow_with_what_is_spent_and_are_spent_in_memory() -> None:
    shelf = Shelf()
    quota = share(shelf, 10_000)
    written = []
    for _ in range(200):
        assert quota.take() == 0.0
        written.append(shelf.commits)
    # 1, 1, 2, 4 ... 64 add up to 128; the next block is 128.
    assert written[-1] == 9
    assert written[127:130] == [8, 9, 9]


def test_a_block_is_at_most_a_tenth_of_what_remains() -> None:
    shelf = Shelf()
    quota = share(shelf, 100)
    before = 100 * UNIT
    while quota.take() == 0.0:
        assert shelf.level
        assert before - shelf.level.left <= max(UNIT, before // 10)
        before = shelf.level.left
    assert (before, quota._held) == (0, 0)


def test_blocks_shrink_when_less_is_spent() -> None:
    shelf = Shelf()
    quota = share(shelf, 10_000)
    for _ in range(128):
        quota.take()
    shelf.pass_by(10)
    before = left(shelf)
    quota.take()
    assert before - left(shelf) == 1


def test_one_by_one_nothing_is_reserved() -> None:
    shelf = Shelf()
    quota = share(shelf, 1000, one_by_one=True)
    for taken in range(1, 40):
        quota.take()
        assert left(shelf) == 1000 - taken


def test_the_last_of_it_can_be_spent_whoever_holds_the_rest() -> None:
    shelf = Shelf()
    cap = share(shelf, 20)
    for _ in range(9):
        assert cap.take() == 0.0
    assert cap.take(1.5) == 0.0
    assert cap.take(0.5) == 0.0
    assert cap.take(20 - 11) == 0.0
    assert left(shelf) == 0
    assert cap.take(0.01) == inf


@pytest.mark.parametrize(
    ("per_minute", "depth", "one_by_one"),
    [
        (1, 2, True),
        (10, 2, True),
        (15, 3, True),
        (60, 12, True),
        (61, 12.2, False),
        (600, 120, False),
    ],
)
def test_the_governors_numbers(per_minute: int, depth: float, one_by_one: bool) -> None:
    shelf = Shelf()
    quota = of_quota(shelf, NAME, per_minute)
    assert quota._one_by_one is one_by_one
    taken, ahead = 0, False
    while not (wait := quota.take()):
        taken += 1
        ahead = ahead or left(shelf) < depth - taken - 0.001
    assert (taken, ahead) == (int(depth), not one_by_one)
    lacking = 1 - (depth - taken)
    assert wait == pytest.approx(lacking * 60 / per_minute)


@pytest.mark.parametrize("per_minute", [0, -1])
def test_no_quota_is_none(per_minute: int) -> None:
    with pytest.raises(ValueError, match="quota"):
        of_quota(Shelf(), NAME, per_minute)


# Lost answers, rivals, a store that is away.


def test_a_lost_answer_is_taken_once() -> None:
    shelf = Shelf()
    quota = share(shelf, 3, one_by_one=True)
    shelf.answers = ["lost"] * 3
    assert [quota.take() for _ in range(4)] == [0.0, 0.0, 0.0, inf]
    assert shelf.commits == 3


def test_a_lost_answer_that_nobody_can_tell_any_more_counts_as_taken() -> None:
    shelf = Shelf()
    ours, rival = (share(shelf, 100, one_by_one=True) for _ in range(2))
    shelf.answers = ["lost"]
    shelf.before_get = after_get(shelf, 1, lambda: [rival.take() for _ in range(MEMORY)])
    assert ours.take() == 0.0
    assert left(shelf) == 100 - MEMORY - 2


def test_a_lost_answer_is_understood_behind_rivals_writes() -> None:
    shelf = Shelf()
    ours, rival = (share(shelf, 100, one_by_one=True) for _ in range(2))
    shelf.answers = ["lost"]
    shelf.before_get = after_get(shelf, 1, lambda: [rival.take() for _ in range(MEMORY - 1)])
    assert ours.take() == 0.0
    assert left(shelf) == 100 - MEMORY


def test_rivals_are_outwaited_and_in_the_end_given_way(pauses: list[float]) -> None:
    shelf = Shelf()
    quota = share(shelf, 3, one_by_one=True)
    shelf.answers = ["refused"] * 3
    assert quota.take() == 0.0
    assert len(pauses) == 3
    shelf.answers = ["refused"] * 100
    with pytest.raises(StoreUnavailable, match="quiet"):
        quota.take()
    assert 88 <= len(shelf.answers) < 100
    assert all(0 <= pause <= 0.5 for pause in pauses)
    assert len(set(pauses)) == len(pauses)
    shelf.answers = []
    assert (quota.take(), left(shelf)) == (0.0, 1)


def test_a_store_that_is_away_is_said_so() -> None:
    shelf = Shelf()
    quota = share(shelf, 3)
    shelf.before_get = away
    with pytest.raises(StoreUnavailable):
        quota.take()
    shelf.before_get = lambda: None
    assert quota.take() == 0.0


def away() -> None:
    raise StoreUnavailable("away")


def after_get(shelf: Shelf, count: int, then: Callable[[], object]) -> Callable[[], None]:
    """Do *then* once, before the get that follows *count* gets."""

    def act() -> None:
        if shelf.gets == count:
            shelf.before_get = lambda: None
            then()

    return act


# Giving back.


def spent(quota: Allowance, count: int) -> None:
    for _ in range(count):
        assert quota.take() == 0.0


def test_what_is_unspent_goes_back_once() -> None:
    shelf = Shelf()
    quota = share(shelf, 1000)
    spent(quota, 70)
    assert left(shelf) < 930
    quota.give_back()
    assert left(shelf) == 930
    quota.give_back()
    assert (left(shelf), quota._held) == (930, 0)


def test_nothing_to_give_back_touches_nothing() -> None:
    shelf = Shelf()
    share(shelf, 10).give_back()
    assert (shelf.gets, shelf.commits) == (0, 0)


def test_what_goes_back_does_not_flow_over() -> None:
    shelf = Shelf()
    quota = share(shelf, 1000, 100)
    spent(quota, 70)
    shelf.pass_by(3600)
    quota.give_back()
    assert left(shelf) == 1000


@pytest.mark.parametrize("answers", [["lost"], ["refused"], ["refused", "lost"], ["lost", "lost"]])
def test_a_lost_answer_gives_nothing_twice(answers: list[str]) -> None:
    shelf = Shelf()
    quota = share(shelf, 1000)
    spent(quota, 70)
    shelf.answers = answers
    quota.give_back()
    assert left(shelf) == 930


@pytest.mark.parametrize(
    ("answer", "rivals", "back"),
    [
        ("lost", MEMORY - 1, True),
        ("lost", MEMORY, True),
        ("refused", MEMORY - 1, True),
        ("refused", MEMORY, False),
    ],
)
def test_what_may_be_back_already_is_not_given_again(
    caplog: pytest.LogCaptureFixture, answer: str, rivals: int, back: bool
) -> None:
    shelf = Shelf()
    quota, rival = share(shelf, 1000), share(shelf, 1000, one_by_one=True)
    spent(quota, 70)
    held = 930 - left(shelf)
    assert held > 0
    shelf.answers = [answer]
    shelf.before_get = after_get(shelf, shelf.gets + 1, lambda: spent(rival, rivals))
    quota.give_back()
    assert left(shelf) == 930 - rivals - (0 if back else held)
    doubted = rivals == MEMORY
    assert ("allowance lost" in caplog.text) == doubted


def test_a_first_document_counts_its_writers_too() -> None:
    # A document that had no writer when the rest went back: its whole list is later than that.
    shelf = Shelf()
    quota = share(shelf, 10)
    spent(quota, 1)
    shelf.level = Level(left=9 * UNIT, at=START)
    quota._held = UNIT
    shelf.answers = ["refused"]
    quota.give_back()
    assert left(shelf) == 10


def test_a_store_that_is_away_stops_no_ending(caplog: pytest.LogCaptureFixture) -> None:
    shelf = Shelf()
    quota = share(shelf, 1000)
    spent(quota, 70)
    before = left(shelf)
    shelf.before_get = away
    quota.give_back()
    assert "allowance lost" in caplog.text
    assert (left(shelf), quota._held) == (before, 0)


STEPS = st.one_of(
    st.tuples(st.just("take"), st.integers(0, 2), st.floats(0.01, 3)),
    st.tuples(st.just("give"), st.integers(0, 2), st.just(0.0)),
    st.tuples(st.just("wait"), st.just(0), st.floats(-20, 20)),
    st.tuples(st.sampled_from(["lost", "refused"]), st.just(0), st.just(0.0)),
)


@given(
    st.lists(STEPS, min_size=20, max_size=60),
    st.floats(3, 50),
    st.sampled_from([0.0, 0.1, 5.0]),
    st.booleans(),
)
def test_whatever_happens_it_is_never_overrun(
    steps: list[tuple[str, int, float]], depth: float, rate: float, one_by_one: bool
) -> None:
    shelf = Shelf()
    shares = [share(shelf, depth, rate, one_by_one=one_by_one) for _ in range(3)]
    share(shelf, depth, rate).take(depth)  # made at START; from here on it only fills
    taken, latest = millionths(depth), START
    for what, who, number in steps:
        if what == "take":
            taken += millionths(number) if shares[who].take(number) == 0.0 else 0
        elif what == "give":
            shares[who].give_back()
        elif what == "wait":
            shelf.pass_by(number)
            latest = max(latest, shelf.clock.now())
        else:
            shelf.answers.append(what)
        used = taken + sum(one._held for one in shares)
        assert shelf.level
        there = shelf.level.left
        flowed = (latest - START).total_seconds() * rate * UNIT
        assert used + there <= millionths(depth) + flowed * (1 + 1e-12)
        if not rate:
            assert used + there == millionths(depth)


# Threads.


class Door:
    """A lock that tells how many have come to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = threading.Condition()
        self._came = 0

    def __enter__(self) -> None:
        with self._count:
            self._came += 1
            self._count.notify_all()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def wait_for(self, count: int) -> None:
        with self._count:
            assert self._count.wait_for(lambda: self._came >= count, 30)


CROWD = 20
AWAY = -1.0


def crowd(
    shelf: Shelf, quota: Allowance, and_then: Callable[[], None] = lambda: None
) -> list[float]:
    """What CROWD threads get that all come while the first of them looks at the store."""
    door = Door()
    quota._lock = door  # type: ignore[assignment]  # a lock for all that matters here

    def wait() -> None:
        door.wait_for(CROWD)
        and_then()

    shelf.before_get = wait

    def one(_: int) -> float:
        try:
            return quota.take()
        except StoreUnavailable:
            return AWAY

    with ThreadPoolExecutor(CROWD) as pool:
        return list(pool.map(one, range(CROWD)))


def test_a_crowd_is_served_from_few_blocks() -> None:
    shelf = Shelf()
    assert crowd(shelf, share(shelf, 1000)) == [0.0] * CROWD
    assert shelf.commits == shelf.gets == 6  # 1, 1, 2, 4, 8, 16
    assert left(shelf) == 1000 - 32


def test_a_crowd_is_refused_by_few_looks() -> None:
    shelf = Shelf()
    got = crowd(shelf, share(shelf, 2, 0.5, one_by_one=True))
    assert sorted(got) == [0.0] * 2 + [2.0] * (CROWD - 2)
    assert (shelf.commits, shelf.gets) == (2, 2)


def test_a_crowd_waits_for_a_store_that_is_away_at_most_twice() -> None:
    shelf = Shelf()
    looks = []

    def fail() -> None:
        looks.append(1)
        away()

    quota = share(shelf, 2, one_by_one=True)
    quota.take()
    assert crowd(shelf, quota, fail) == [AWAY] * CROWD
    assert len(looks) in (1, 2)


def test_who_has_waited_counts_what_is_held_by_now() -> None:
    shelf = Shelf()
    quota = share(shelf, 2)
    quota.take(1.3)
    quota._held = UNIT // 2
    assert quota._lacking(UNIT * 2, 0, looks=0) == 2 * UNIT - UNIT * 7 // 10 - UNIT // 2
    assert shelf.gets == 1
    assert quota._lacking(UNIT, 0, looks=0) == 0
    assert (quota._held, left(shelf)) == (UNIT, 0.2)


def test_who_comes_later_looks_anew() -> None:
    shelf = Shelf()
    quota = share(shelf, 1, 1)
    shelf.before_get = away
    with pytest.raises(StoreUnavailable):
        quota.take()
    shelf.before_get = lambda: None
    assert quota.take() == 0.0
    assert quota.take() > 0
    shelf.pass_by(1)
    assert quota.take() == 0.0


def test_documents_hold_what_is_left_and_of_how_much_but_no_rate() -> None:
    shelf = Shelf()
    share(shelf, 3, 1).take()
    assert shelf.level
    document = ALLOWANCES.adapter.dump_python(shelf.level)
    assert document.keys() == {"left", "at", "writers", "depth", "credited", "expire_at"}
    assert (document["left"], document["depth"]) == (2 * UNIT, 3 * UNIT)
    assert (document["at"], document["expire_at"]) == (START, None)


def test_what_has_to_stay_for_others_stays_as_far_as_the_depth_allows() -> None:
    polite = share(Shelf(), 3, 1, one_by_one=True)
    assert [polite.take(leave=1) for _ in range(3)] == [0, 0, 1]
    assert polite.take() == 0, "those it was left for get it"
    assert share(Shelf(), 1, 1, one_by_one=True).take(leave=1) == 0


def test_a_block_leaves_what_has_to_stay() -> None:
    shelf = Shelf()
    polite = share(shelf, 10)
    while polite.take(leave=4) == 0:
        pass
    polite.give_back()
    assert left(shelf) == 4


def test_what_was_not_used_is_spent_next() -> None:
    shelf = Shelf()
    allowance = share(shelf, 1)
    assert allowance.take() == 0
    allowance.untake()
    assert [allowance.take(), allowance.take()] == [0, inf]
    assert shelf.commits == 1


def test_what_comes_back_is_asked_for_only_when_too_little_is_left() -> None:
    shelf, asked = Shelf(), []

    def returned() -> int:
        asked.append(shelf.gets)
        return 2 * UNIT

    budget = Allowance(shelf, NAME, depth=3, per_second=0, returned=returned)
    assert [budget.take() for _ in range(3)] == [0.0] * 3
    assert asked == []
    assert [budget.take() for _ in range(3)] == [0.0, 0.0, inf]
    assert len(asked) >= 2
    other = Allowance(shelf, NAME, depth=3, per_second=0, returned=returned)
    assert other.take() == inf, "what came back counts once, whoever looks"


def test_what_comes_back_counts_once_when_the_reply_is_lost() -> None:
    shelf = Shelf()
    budget = Allowance(shelf, NAME, depth=1, per_second=0, returned=lambda: UNIT)
    assert budget.take() == 0.0
    shelf.answers = ["refused", "lost"]
    assert [budget.take(), budget.take()] == [0.0, inf]
    assert shelf.level
    assert shelf.level.credited == UNIT


def test_a_budget_can_be_resized_and_what_is_put_back_does_not_resize_it() -> None:
    shelf = Shelf()
    large = share(shelf, 4)
    assert [large.take() for _ in range(2)] == [0.0] * 2
    small = share(shelf, 4)
    small.resize(3)
    assert [small.take(), small.take()] == [0.0, inf]
    large.untake()
    large.give_back()
    assert shelf.level
    assert (shelf.level.left, shelf.level.depth) == (UNIT, 3 * UNIT)


def test_a_bucket_that_fills_is_never_below_nothing_when_it_becomes_smaller() -> None:
    shelf = Shelf()
    assert share(shelf, 100, 1).take(90) == 0.0
    assert share(shelf, 2, 1).take() == 0.0


def test_what_the_last_look_has_left_is_told() -> None:
    shelf = Shelf()
    budget = share(shelf, 3, one_by_one=True)
    assert budget.left == 3.0
    budget.take(2)
    assert budget.left == 1.0


@pytest.mark.parametrize(("before", "after"), [(20, 10), (10, 20)])
def test_a_budget_that_is_resized_during_a_look_stays_exact(before: int, after: int) -> None:
    shelf, meanwhile = Shelf(), [0]

    def returned() -> int:
        if meanwhile[0]:
            budget.resize(after)
        return meanwhile[0]

    budget = Allowance(shelf, NAME, depth=before, per_second=0, returned=returned)
    assert [budget.take() for _ in range(before)] == [0.0] * before
    assert budget.take() == inf
    meanwhile[0] = 2 * UNIT
    assert budget.take() == 0.0
    meanwhile[0] = 0
    budget.resize(after)
    used, further = before - 2 + 1, 0
    while budget.take() == 0.0:
        further += 1
    assert further == max(0, after - used)
