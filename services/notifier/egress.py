"""The guarded way out: one POST to a stranger's server, within one wall clock."""

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

import httpx

from services.notifier.delivery import TARGET_NOT_ALLOWED, TIMEOUT, Answer
from shared.targets import TargetNotAllowed, check_target

USER_AGENT: Final = "Motif-Webhooks/0.1"
MAX_READ: Final = 4096
_READ_SECONDS: Final = 2.0
_ADDRESSES: Final = 3
_RESOLVERS: Final = 32
_CODES: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (TargetNotAllowed, TARGET_NOT_ALLOWED),
    (httpx.InvalidURL, TARGET_NOT_ALLOWED),
    (TimeoutError, TIMEOUT),
    (httpx.TimeoutException, TIMEOUT),
    (socket.gaierror, "dns_error"),
    (UnicodeError, "dns_error"),
    (ConnectionRefusedError, "connection_refused"),
    (ConnectionResetError, "connection_reset"),
    (BrokenPipeError, "connection_reset"),
    (ssl.SSLError, "tls_error"),
)
"""The first that is among an error's causes; TLS last: its handshake waits inside an SSLError."""
_FAILURES: Final = (OSError, UnicodeError, TargetNotAllowed, httpx.HTTPError, httpx.InvalidURL)


class Egress:
    """Sends webhooks; thread-safe, one per process."""

    def __init__(
        self, *, allowed: frozenset[str], seconds: float, tls: ssl.SSLContext | None = None
    ) -> None:
        """*allowed*: origins that need no TLS; *seconds*: from the name's look-up to the status.

        *tls* trusts the public authorities unless given.
        """
        self._allowed = allowed
        self._seconds = seconds
        self._tls = tls or httpx.create_ssl_context(trust_env=False)
        # getaddrinfo cannot be stopped: on asyncio's own few threads one slow name server
        # would hold up everybody, and the end of the event loop would wait for it.
        self._resolvers = ThreadPoolExecutor(_RESOLVERS, "resolve")
        for name in ("httpx", "httpcore"):  # they log whole URLs
            logging.getLogger(name).setLevel(logging.WARNING)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST once; a redirect is not followed, nothing is sent twice."""
        start = time.monotonic()
        answer = asyncio.run(self._post(url, headers, body))
        return replace(answer, milliseconds=round(1000 * (time.monotonic() - start)))

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        answer = Answer()
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._response(url, headers, body) as response,
            ):
                answer = Answer(
                    status=response.status_code,
                    retry_after=response.headers.get("retry-after", ""),
                )
                await _drain(response)
        except _FAILURES as exc:
            # The status is the verdict: whatever goes wrong after it changes nothing.
            return answer if answer.status else Answer(code=_code(exc))
        return answer

    @asynccontextmanager
    async def _response(
        self, url: str, headers: Mapping[str, str], body: bytes
    ) -> AsyncIterator[httpx.Response]:
        target, addresses = await self._cleared(url)
        async with httpx.AsyncClient(
            verify=self._tls,
            trust_env=False,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=0),
            timeout=httpx.Timeout(self._seconds, connect=self._seconds / _ADDRESSES),
        ) as client:
            requests = [_request(client, target, one, headers, body) for one in addresses]
            response = await _first(client, requests)
            try:
                yield response
            finally:
                await response.aclose()

    async def _cleared(self, url: str) -> tuple[httpx.URL, list[str]]:
        """The URL and where to connect for it: the whole check of a target is here."""
        check_target(url, self._allowed)
        target = httpx.URL(url)
        found = await asyncio.get_running_loop().run_in_executor(
            self._resolvers, _resolve, target.raw_host.decode(), target.port
        )
        return target, sorted(found, key=lambda one: ":" in one)[:_ADDRESSES]


def _resolve(host: str, port: int | None) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _request(
    client: httpx.AsyncClient,
    target: httpx.URL,
    address: str,
    headers: Mapping[str, str],
    body: bytes,
) -> httpx.Request:
    """To the address that was looked up; name and certificate stay those of the URL."""
    return client.build_request(
        "POST",
        target.copy_with(host=address),
        content=body,
        headers={
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            **headers,
            "Host": target.netloc.decode(),
            "Accept-Encoding": "identity",
            "Connection": "close",
        },
        extensions={"sni_hostname": target.raw_host.decode()},
    )


async def _first(client: httpx.AsyncClient, requests: list[httpx.Request]) -> httpx.Response:
    """The headers of the first address that can be connected to."""
    *spare, last = requests
    for request in spare:
        try:
            return await client.send(request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            continue  # nothing was sent: another address is no second delivery
    return await client.send(last, stream=True)


async def _drain(response: httpx.Response) -> None:
    """Let the receiver get rid of a short answer: cut off, it may think that it failed."""
    left = MAX_READ
    async with asyncio.timeout(_READ_SECONDS):
        async for piece in response.aiter_raw(MAX_READ):
            left -= len(piece)
            if left <= 0:
                return


def _code(exc: BaseException) -> str:
    causes = tuple(_causes(exc))
    words = (word for kind, word in _CODES if any(isinstance(one, kind) for one in causes))
    return next(words, "network_error")


def _causes(exc: BaseException | None) -> Iterator[BaseException]:
    while exc is not None:
        yield exc
        exc = exc.__cause__ or exc.__context__
