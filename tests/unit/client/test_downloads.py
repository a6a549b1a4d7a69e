import random
import re
from pathlib import Path
from typing import Any

import pytest

from motif import BadAnswer, Client, Damaged, Misuse, Refused, TrackFailed, Unavailable
from tests.support.scripted import Handler, Scripted, Step, answer, cut, hang_up, problem, scripted
from tests.support.snapshots import ID, completed, failed, snapshot

SOUND = random.Random(7).randbytes(300_000)
HREF = f"/v1/tracks/{ID}/audio.mp3"


def to(url: str) -> Step:
    return answer(status=302, Location=url)


def ranged(*, most: int) -> Step:
    """The sound from where it is asked for, *most* bytes of it, then the connection breaks."""

    def step(handler: Handler) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        headers = {"Content-Length": str(len(SOUND) - start)}
        if asked:
            headers["Content-Range"] = f"bytes {start}-{len(SOUND) - 1}/{len(SOUND)}"
        handler.head(206 if asked else 200, headers)
        handler.wfile.write(SOUND[start : start + most])
        if start + most < len(SOUND):
            handler.wfile.flush()
            handler.connection.shutdown(1)  # what was sent arrives, and nothing more
            handler.close_connection = True

    return step


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "track.mp3").write_bytes(b"as it was")
    return tmp_path / "track.mp3"


def untouched(path: Path) -> bool:
    """The file is the old one, and nothing else lies about."""
    return path.read_bytes() == b"as it was" and list(path.parent.iterdir()) == [path]


def test_a_file_comes_whole_and_the_key_stays_with_the_api(
    api: Scripted, client: Client, path: Path
) -> None:
    told: list[tuple[int, int | None]] = []
    with scripted() as storage:
        api.script(answer(completed(api.url, SOUND)), to(f"{storage.url}/o/1.mp3?sig=x"))
        storage.script(answer(SOUND))
        client.download(ID, "mp3", path, on_progress=lambda *seen: told.append(seen))
    assert path.read_bytes() == SOUND
    assert list(path.parent.iterdir()) == [path]
    assert told[-1] == (len(SOUND), len(SOUND))
    assert "authorization" in api.seen[1].headers
    (seen,) = storage.seen
    assert seen.path == "/o/1.mp3?sig=x"
    assert "authorization" not in seen.headers
    assert "secret" not in str(seen.headers)


def test_nor_does_it_go_along_a_chain_of_redirects(
    api: Scripted, client: Client, path: Path
) -> None:
    with scripted() as storage, scripted() as other:
        api.script(answer(completed(api.url, SOUND)), to(f"{storage.url}/a"))
        storage.script(to(f"{other.url}/b"))
        other.script(answer(SOUND))
        client.download(ID, "mp3", path)
        assert all("authorization" not in seen.headers for seen in storage.seen + other.seen)
    assert path.read_bytes() == SOUND


def test_a_link_that_names_another_host_is_asked_where_the_api_is(
    api: Scripted, client: Client, path: Path
) -> None:
    with scripted() as elsewhere:
        api.script(answer(completed(elsewhere.url, SOUND)), answer(SOUND))
        client.download(ID, "mp3", path)
        assert elsewhere.seen == []
    assert [seen.path for seen in api.seen] == [f"/v1/tracks/{ID}", HREF]


def test_a_download_that_breaks_off_goes_on_where_it_was(
    api: Scripted, client: Client, path: Path
) -> None:
    with scripted() as storage:
        link = to(f"{storage.url}/o")
        api.script(answer(completed(api.url, SOUND)), link)
        storage.script(
            ranged(most=100_000),
            hang_up,
            problem(503, "busy"),
            ranged(most=150_000),
            ranged(most=len(SOUND)),
        )
        client.download(ID, "mp3", path)
        assert [seen.headers.get("range") for seen in storage.seen] == [
            None, "bytes=100000-", "bytes=100000-", "bytes=100000-", "bytes=250000-",
        ]  # fmt: skip
    assert path.read_bytes() == SOUND


def test_a_storage_that_knows_no_range_is_read_again(
    api: Scripted, client: Client, path: Path
) -> None:
    api.script(answer(completed(api.url, SOUND)), ranged(most=100_000), answer(SOUND))
    client.download(ID, "mp3", path)
    assert path.read_bytes() == SOUND


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ([answer(SOUND[:-1] + b"x")], Damaged),
        ([answer(SOUND + b"x")], Damaged),
        ([answer(b"<Error>expired</Error>", 403)], Refused),
        ([problem(409, "not_completed")], Refused),
        ([ranged(most=9), answer(SOUND, 206, Content_Range="bytes 0-9/10")], BadAnswer),
        ([ranged(most=9), answer(b"", 416)], Refused),
        ([to("file:///etc/passwd")], BadAnswer),
        ([to("http://x:port/")], Unavailable),
        ([to("/v1/again")], BadAnswer),
        ([cut(SOUND[:100], len(SOUND)), answer(b"x", 502)], Unavailable),
        ([hang_up], Unavailable),
    ],
    ids=["changed", "longer", "expired", "not yet", "elsewhere", "416", "file", "no url", "round",
         "502", "hung up"],
)  # fmt: skip
def test_what_is_not_whole_is_not_kept(
    api: Scripted, path: Path, answers: list[Step], kind: type[Exception]
) -> None:
    api.script(answer(completed(api.url, SOUND)), *answers)
    with Client(api.url, timeout=1.5) as client, pytest.raises(kind) as caught:
        client.download(ID, "mp3", path)
    assert type(caught.value) is kind
    assert untouched(path)


def test_what_the_api_does_not_tell_is_not_checked(
    api: Scripted, client: Client, path: Path
) -> None:
    api.script(answer(completed(api.url, SOUND, sha256=None, size_bytes=None)), answer(SOUND))
    client.download(ID, "mp3", path)
    assert path.read_bytes() == SOUND


def test_what_describes_the_audio_is_downloaded_by_its_link(
    api: Scripted, client: Client, path: Path
) -> None:
    body = completed(api.url, SOUND)
    body["links"]["waveform"] = f"{api.url}/v1/tracks/{ID}/waveform"
    api.script(answer(body), answer({"data": [1]}))
    client.download(ID, "waveform", path)
    assert path.read_bytes() == b'{"data": [1]}'


@pytest.mark.parametrize("name", ["mp3", "waveform"])
def test_a_track_without_audio_says_why(
    api: Scripted, client: Client, path: Path, name: str
) -> None:
    api.script(answer(failed(api.url)))
    with pytest.raises(TrackFailed) as caught:
        client.download(ID, name, path)
    assert (caught.value.code, caught.value.cure) == ("prompt_blocked", "Say it in other words.")
    assert untouched(path)


def test_what_was_not_asked_for_and_what_is_not_there_yet(
    api: Scripted, client: Client, path: Path
) -> None:
    api.script(answer(completed(api.url, SOUND)))
    with pytest.raises(Misuse, match="mp3"):
        client.download(ID, "flac", path)
    api.script(answer(snapshot(api.url, "running")))
    with pytest.raises(Refused) as caught:
        client.download(ID, "mp3", path)
    assert caught.value.code == "not_completed"
    assert untouched(path)


def test_a_track_from_a_submit_is_looked_up(api: Scripted, client: Client, path: Path) -> None:
    api.script(answer({"request_id": ID, "status": "queued"}, 202))
    track = client.submit("warm strings")
    api.script(answer(completed(api.url, SOUND)), answer(SOUND))
    client.download(track, "mp3", path)
    assert path.read_bytes() == SOUND


def test_a_place_that_cannot_be_written_is_an_os_error(
    api: Scripted, client: Client, tmp_path: Path
) -> None:
    body: Any = completed(api.url, SOUND)
    api.script(answer(body), answer(SOUND))
    with pytest.raises(OSError, match="nowhere"):
        client.download(ID, "mp3", tmp_path / "nowhere" / "track.mp3")
