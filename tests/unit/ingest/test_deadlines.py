"""A body's deadline is for that body, not for what comes on the connection after it."""

import socket
import time

import pytest
from flask import Flask

from services.ingest.prompts.deadlines import arriving


def test_a_deadline_that_was_met_is_over() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with Flask(__name__).test_request_context(environ_overrides={"gunicorn.socket": ours}):
            with arriving(0.5) as late:
                theirs.send(b"a")
                assert ours.recv(1) == b"a"
            time.sleep(1)
        theirs.send(b"b")
        assert ours.recv(1) == b"b"
        assert not late.is_set()


def test_a_deadline_that_was_missed_ends_the_reading_and_leaves_the_answer() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        context = Flask(__name__).test_request_context(environ_overrides={"gunicorn.socket": ours})
        with context, arriving(0.1) as late:
            assert ours.recv(1) == b""
        assert late.is_set()
        ours.send(b"408")
        assert theirs.recv(3) == b"408"


def test_without_gunicorn_there_is_none() -> None:
    with Flask(__name__).test_request_context(), arriving(0) as late:
        pass
    assert not late.is_set()


def test_a_failure_goes_through() -> None:
    ours, theirs = socket.socketpair()
    with (
        ours,
        theirs,
        Flask(__name__).test_request_context(environ_overrides={"gunicorn.socket": ours}),
        pytest.raises(ValueError, match="no image"),
        arriving(60),
    ):
        raise ValueError("no image")
