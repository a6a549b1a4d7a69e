import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motif import BadAnswer
from motif.sse import Event, Events

STREAM = (
    '\ufeffretry: 1500\r\n: a comment\r\nid: 1\r\ndata: {"a":\r\ndata:1}\r\n\r\n'
    "event: message\nid:2\rdata: \u00fcber\r\r: \n\nid: 3\n\ndata\n\nid: 4\ndata: cut off"
).encode()  # fmt: skip
EVENTS = [Event('{"a":\n1}', "1"), Event("\u00fcber", "2"), Event("", "3")]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_a_stream_reads_the_same_however_it_is_cut(cuts: list[int]) -> None:
    events = Events()
    edges = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[start:end] for start, end in pairwise(edges)]
    assert [event for piece in pieces for event in events.feed(piece)] == EVENTS
    assert (events.last_id, events.retry) == ("3", 1.5)


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_junk_is_no_trouble(pieces: list[bytes]) -> None:
    events = Events()
    for piece in pieces:
        events.feed(piece)
    assert events.feed(b"\n\ndata: good\n\n")[-1].data == "good"


def test_what_cannot_be_an_id_or_a_pause_is_passed_over() -> None:
    events = Events("7")
    assert events.feed(b"id: a\0b\nretry: soon\nretry: -1\nretry: \xd9\xa3\ndata: x\n\n") == [
        Event("x", "7")
    ]
    assert events.retry is None


def test_an_event_without_end_is_given_up() -> None:
    events = Events()
    for _ in range(4):
        events.feed(b"x" * 1_000_000)
    with pytest.raises(BadAnswer):
        events.feed(b"x")


def test_heartbeats_for_a_day_are_no_such_event() -> None:
    events = Events()
    for _ in range(50):
        assert events.feed(b": heartbeat\n\n" * 20_000) == []
    assert events.feed(b"data: " + json.dumps({}).encode() + b"\n\n")
