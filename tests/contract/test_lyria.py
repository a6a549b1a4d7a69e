"""The real Vertex client against servers that misbehave: every outcome has its class."""

import gc
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from services.generator.lyria import Lyria
from services.generator.model import ClipRequest, ModelUnavailable, NothingToStore, ReplyLost
from shared.errors import MotifError

REQUEST = ClipRequest(prompt="p", negative_prompt="", seed=1)


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """The client's sockets go while their warning is still this test's to ignore."""
    yield
    gc.collect()


def lyria(endpoint: str) -> Lyria:
    return Lyria(project="p", location="l", model="lyria-002", endpoint=endpoint, timeout=5)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the client keeps its session open
@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (b'{"predictions": [{"bytesBase64', ReplyLost),
        (b"<html>busy</html>", ReplyLost),
        (b"", ReplyLost),
        (b'{"predictions": ["x"]}', NothingToStore),
        (b'{"predictions": [[1]]}', NothingToStore),
        (json.dumps({"predictions": [{"bytesBase64Encoded": "\u00fc\u00fc\u00fc\u00fc"}]}).encode(),
         NothingToStore),
    ],
)  # fmt: skip
def test_an_unreadable_reply_has_its_class(body: bytes, outcome: type[MotifError]) -> None:
    with answering(200, body) as url, pytest.raises(outcome):
        lyria(url).generate(REQUEST)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_5xx_is_a_refusal_and_no_connection_is_none() -> None:
    with answering(503, b"{}") as url, pytest.raises(ModelUnavailable) as refused:
        lyria(url).generate(REQUEST)
    assert refused.value.refused
    with pytest.raises(ModelUnavailable) as unreached:
        lyria("http://127.0.0.1:1").generate(REQUEST)
    assert not unreached.value.refused
