from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import rings
from shared.rings import Kind, LastSecret, NoSuchSecret, Secret, SecretRing, TooManySecrets

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
EMPTY = SecretRing(tenant="t")


def secret(name: str, kind: Kind = Kind.V1, at: datetime = NOW) -> Secret:
    public = "whpk_x" if kind is Kind.V1A else ""
    return Secret(secret_id=name, kind=kind, sealed=b"s", created_at=at, public_key=public)


def ring(*kinds: Kind) -> SecretRing:
    """Live secrets of these kinds, oldest first: named a, b, c."""
    made = EMPTY
    for name, kind in zip("abc", kinds, strict=False):
        made = rings.added(made, secret(name, kind), NOW)
    return made


def names(found: SecretRing, at: datetime = NOW) -> str:
    return "".join(one.secret_id for one in found.live(at))


def expiries(found: SecretRing) -> dict[str, datetime | None]:
    return {one.secret_id: one.expires_at for one in found.secrets}


def test_three_may_live_newest_first() -> None:
    full = ring(Kind.V1, Kind.V1A, Kind.V1)
    assert names(full) == "cba"
    for kind in Kind:
        with pytest.raises(TooManySecrets):
            rings.added(full, secret("d", kind), NOW)


def test_a_rotation_lets_the_older_ones_of_its_kind_expire() -> None:
    before = ring(Kind.V1, Kind.V1A)
    after = rings.rotated(before, secret("n"), DAY, NOW)
    assert names(after) == "nba"
    assert expiries(after) == {"n": None, "b": None, "a": NOW + DAY}
    assert names(after, NOW + DAY - timedelta(microseconds=1)) == "nba"
    assert names(after, NOW + DAY) == "nb"


def test_a_rotation_never_gives_more_time() -> None:
    first = rings.rotated(ring(Kind.V1), secret("n"), DAY, NOW)
    second = rings.rotated(first, secret("m"), 7 * DAY, NOW + DAY / 2)
    assert expiries(second) == {"m": None, "n": NOW + 7.5 * DAY, "a": NOW + DAY}


def test_without_room_the_oldest_end_at_once() -> None:
    full = ring(Kind.V1, Kind.V1, Kind.V1)
    after = rings.rotated(full, secret("n"), DAY, NOW)
    assert names(after) == "ncb"
    assert expiries(after) == {"n": None, "c": NOW + DAY, "b": NOW + DAY, "a": NOW}
    mixed = rings.rotated(ring(Kind.V1A, Kind.V1, Kind.V1A), secret("n"), DAY, NOW)
    assert (names(mixed), expiries(mixed)["b"]) == ("nca", NOW)


def test_a_rotation_without_overlap_ends_them_all() -> None:
    after = rings.rotated(ring(Kind.V1, Kind.V1), secret("n"), timedelta(), NOW)
    assert names(after) == "n"


def test_a_rotation_needs_room_beside_the_other_kind() -> None:
    with pytest.raises(TooManySecrets):
        rings.rotated(ring(Kind.V1A, Kind.V1A, Kind.V1A), secret("n"), timedelta(), NOW)


def test_the_first_secret_may_come_by_a_rotation() -> None:
    assert names(rings.rotated(EMPTY, secret("n"), DAY, NOW)) == "n"


def test_an_ended_secret_signs_no_more() -> None:
    after = rings.ended(ring(Kind.V1, Kind.V1A), "a", NOW)
    assert (names(after), expiries(after)) == ("b", {"b": None, "a": NOW})
    assert rings.ended(after, "a", NOW + DAY) == after
    with pytest.raises(NoSuchSecret):
        rings.ended(after, "z", NOW)


def test_the_last_that_lives_on_cannot_be_ended() -> None:
    alone = ring(Kind.V1)
    with pytest.raises(LastSecret):
        rings.ended(alone, "a", NOW)
    rotated = rings.rotated(alone, secret("n"), DAY, NOW)
    with pytest.raises(LastSecret):
        rings.ended(rotated, "n", NOW)
    assert names(rings.ended(rotated, "a", NOW)) == "n"


def test_retired_secrets_lose_their_value_and_then_their_place() -> None:
    after = rings.rotated(ring(Kind.V1), secret("n"), DAY, NOW)
    assert {one.secret_id: one.sealed for one in after.secrets} == {"n": b"s", "a": b"s"}
    late = NOW + 2 * DAY
    later = rings.added(after, secret("b", at=late), late)
    assert {one.secret_id: one.sealed for one in later.secrets} == {"b": b"s", "n": b"s", "a": b""}
    last = NOW + DAY + rings.KEPT
    gone = rings.rotated(later, secret("c", at=last), timedelta(), last)
    assert [one.secret_id for one in gone.secrets] == ["c", "b", "n"]


def test_a_ring_does_not_grow_for_ever() -> None:
    found = EMPTY
    for number in range(100):
        found = rings.rotated(found, secret(f"s{number}"), timedelta(), NOW)
    kept = [one.secret_id for one in found.secrets]
    assert kept == [f"s{number}" for number in range(99, 99 - 31, -1)]


def test_a_public_key_stays_as_long_as_it_may_verify() -> None:
    known = rings.public(secret("a", Kind.V1A))
    assert (known.key_id, known.public_key, known.expire_at) == ("a", "whpk_x", None)
    over = rings.public(replace(secret("a", Kind.V1A), expires_at=NOW))
    assert over.expire_at == NOW + timedelta(minutes=5)


steps = st.lists(
    st.tuples(
        st.sampled_from(["add", "rotate", "end"]),
        st.sampled_from(Kind),
        st.integers(0, 7 * 86_400),
        st.integers(0, 40 * 86_400),
        st.integers(0, 5),
    ),
    max_size=60,
)


@given(steps)
def test_whatever_is_done_somebody_signs_and_never_too_many(
    done: list[tuple[str, Kind, int, int, int]],
) -> None:
    now, found = NOW, EMPTY
    for number, (step, kind, overlap, pause, place) in enumerate(done):
        before, name = found, f"s{number}"
        try:
            if step == "add":
                found = rings.added(found, secret(name, kind, now), now)
            elif step == "rotate":
                new = secret(name, kind, now)
                found = rings.rotated(found, new, timedelta(seconds=overlap), now)
            elif place < len(found.secrets):
                found = rings.ended(found, found.secrets[place].secret_id, now)
        except (TooManySecrets, LastSecret):
            assert found is before
        live = found.live(now)
        assert len(live) <= rings.MAX_LIVE
        assert not found.secrets or any(one.expires_at is None for one in live)
        assert all(one.sealed for one in live)
        assert len(found.secrets) <= rings.MAX_LIVE + rings.MAX_RETIRED
        made = [one.created_at for one in found.secrets]
        assert made == sorted(made, reverse=True)
        assert all(is_sooner(found, one) for one in before.live(now))
        now += timedelta(seconds=pause)


def is_sooner(after: SecretRing, old: Secret) -> bool:
    """Whether *old* lives on in *after* for no longer than it would have."""
    found = next(one for one in after.secrets if one.secret_id == old.secret_id)
    if old.expires_at is None:
        return True
    return found.expires_at is not None and found.expires_at <= old.expires_at
