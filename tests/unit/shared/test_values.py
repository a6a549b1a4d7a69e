"""Documents as the store's own messages: the same as the client library makes them."""

from datetime import UTC, datetime
from typing import Any

import proto.datetime_helpers  # type: ignore[import-untyped]  # it has no types
import pytest
from google.api_core.datetime_helpers import DatetimeWithNanoseconds
from google.cloud.firestore_v1 import _helpers
from google.cloud.firestore_v1._helpers import LastUpdateOption
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st

from shared.gcp import values
from shared.track import Status

PATH = "projects/p/databases/(default)/documents/tracks/t"
MOMENT: dict[str, Any] = {"nanosecond": 123_456_789, "tzinfo": UTC}
VERSION = proto.datetime_helpers.DatetimeWithNanoseconds(2026, 1, 2, 3, 4, 5, **MOMENT)
DECODED = DatetimeWithNanoseconds(2026, 1, 2, 3, 4, 5, **MOMENT)

moments = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(9000, 1, 1),  # noqa: DTZ001 - the same
    timezones=st.just(UTC),
)
plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    moments,
    st.just(DECODED),
    st.sampled_from(Status),
)
names = st.from_regex("[a-z_]{1,9}", fullmatch=True).filter(lambda name: name[:2] != "__")
nested = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.lists(inner), st.lists(inner).map(tuple), st.dictionaries(st.text(min_size=1), inner)
    ),
    max_leaves=12,
)
documents = st.dictionaries(names, nested, min_size=1)


def shown(write: Any) -> dict[str, Any]:
    """A write as JSON; the order of a mask says nothing."""
    told: dict[str, Any] = MessageToDict(getattr(write, "_pb", write))
    if mask := told.get("updateMask"):
        told["updateMask"] = sorted(mask["fieldPaths"])
    return told


@given(documents)
def test_a_new_document_is_what_the_client_would_send(data: dict[str, Any]) -> None:
    (theirs,) = _helpers.pbs_for_create(PATH, data)
    assert shown(values.created(PATH, data)) == shown(theirs)


@given(documents)
def test_a_changed_document_is_what_the_client_would_send(data: dict[str, Any]) -> None:
    (theirs,) = _helpers.pbs_for_update(PATH, data, LastUpdateOption(VERSION))
    assert shown(values.updated(PATH, data, VERSION)) == shown(theirs)


def test_a_removal_is_what_the_client_would_send() -> None:
    theirs = _helpers.pb_for_delete(PATH, LastUpdateOption(VERSION))
    assert shown(values.deleted(PATH, VERSION)) == shown(theirs)


def test_the_store_stamps_its_own_time() -> None:
    stamp = shown(values.created(PATH, {"a": 1}, "made_at"))["updateTransforms"]
    assert stamp == [{"fieldPath": "made_at", "setToServerValue": "REQUEST_TIME"}]


@pytest.mark.parametrize("version", [VERSION, DECODED])
def test_a_version_is_exact_to_the_nanosecond(version: datetime) -> None:
    write = values.updated(PATH, {"a": 1}, version)
    assert write.current_document.update_time.nanos == 123_456_789


def test_a_value_that_no_document_holds_is_refused() -> None:
    with pytest.raises(KeyError):
        values.created(PATH, {"a": object()})


def test_all_writes_go_together() -> None:
    writes = [values.created(PATH, {"a": 1}), values.deleted(PATH, VERSION)]
    request = values.request("projects/p/databases/(default)", writes)
    assert (request.database, len(request.writes)) == ("projects/p/databases/(default)", 2)
