from dataclasses import replace

import pytest

from services.ingest.tracks import files
from shared.cures import CURES, failure
from shared.delivery import SIDES
from shared.errors import Code
from shared.messages import AudioObject, SideObject
from shared.problems import Problem
from shared.retrying import retried
from shared.track import Status, Track
from tests.support.messages import completed_event
from tests.support.rules import START, TIMING, ending, new

RESULT = completed_event().result[0]


def file(name: str) -> AudioObject:
    return RESULT.audio[0].model_copy(update={"format": name, "uri": f"gs://b/{name}"})


def track(status: Status, *formats: str, **changes: object) -> Track:
    made = new()
    request = made.request.model_copy(update={"formats": formats})
    return replace(made, status=status, request=request, **changes)  # type: ignore[arg-type]  # any


def side(kind: str) -> SideObject:
    return RESULT.sides[0].model_copy(update={"kind": kind, "uri": f"gs://b/{kind}"})


def completed(*formats: str) -> Track:
    stored = tuple(file(name) for name in sorted(formats))
    sides = tuple(side(kind) for kind in SIDES)
    result = RESULT.model_copy(update={"audio": stored, "sides": sides})
    return track(Status.COMPLETED, *formats, result=result)


def test_files_come_in_the_order_in_which_they_were_asked_for() -> None:
    assert list(files.stored_audio(completed("wav", "mp3", "flac"))) == ["wav", "mp3", "flac"]
    running = track(Status.RUNNING, "mp3", "flac", "wav", ready=(file("wav"), file("flac")))
    assert list(files.stored_audio(running)) == ["flac", "wav"]


def test_a_file_can_be_fetched_as_soon_as_it_is_stored() -> None:
    running = track(Status.RUNNING, "wav", "mp3", ready=(file("wav"),))
    assert files.audio(running, "wav") == (file("wav"), "motif-r1.wav")
    with pytest.raises(Problem) as caught:
        files.audio(running, "mp3")
    assert (caught.value.status, caught.value.code) == (409, "not_completed")


@pytest.mark.parametrize("status", [Status.QUEUED, Status.FAILED, Status.CANCELLED, Status.EXPIRED])
def test_what_an_unsuccessful_run_has_stored_is_not_offered(status: Status) -> None:
    assert files.stored_audio(track(status, "wav", ready=(file("wav"),))) == {}


def test_what_was_not_asked_for_is_not_offered() -> None:
    running = track(Status.RUNNING, "mp3", ready=(file("wav"),))
    assert files.stored_audio(running) == {}
    with pytest.raises(Problem) as caught:
        files.audio(running, "wav")
    assert (caught.value.status, caught.value.code) == (404, "no_such_format")
    assert (caught.value.field, caught.value.cure) == ("formats", "Use one of its formats: mp3.")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("waveform", "motif-r1-waveform.json"),
        ("spectrogram", "motif-r1-spectrogram.png"),
        ("metadata", "motif-r1-metadata.json"),
    ],
)
def test_what_describes_the_audio_has_a_name_of_its_own(kind: str, name: str) -> None:
    assert files.side(completed("wav"), kind) == (side(kind), name)


def test_nothing_describes_a_track_that_is_not_completed() -> None:
    running = track(Status.RUNNING, "wav", ready=(file("wav"),))
    for unfinished in (running, track(Status.FAILED, "wav")):
        with pytest.raises(Problem) as caught:
            files.side(unfinished, "metadata")
        assert (caught.value.status, caught.value.code) == (409, "not_completed")
        assert caught.value.cure


def refusals(unfinished: Track) -> list[Problem]:
    """What is said to whoever asks for a file of a track that has none."""
    refused = []
    for fetch in (files.audio, files.side):
        with pytest.raises(Problem) as caught:
            fetch(unfinished, "wav" if fetch is files.audio else "waveform")
        refused.append(caught.value)
    return refused


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING])
def test_who_comes_too_early_is_told_to_wait(status: Status) -> None:
    for refused in refusals(track(status, "wav")):
        assert (refused.status, refused.code) == (409, "not_completed")
        assert refused.detail == f"The track is {status}."
        assert refused.cure == "Wait until its status is completed."


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (Status.FAILED, Code.AUDIO_SILENT),
        (Status.FAILED, Code.PROMPT_BLOCKED),
        (Status.EXPIRED, Code.DEADLINE_EXCEEDED),
        (Status.CANCELLED, Code.CANCELLED),
    ],
)
def test_who_asks_for_what_will_never_be_is_told_what_helps(status: Status, code: Code) -> None:
    over = track(status, "wav", error=failure(code, "That was it."))
    for refused in refusals(over):
        assert (refused.status, refused.code) == (409, "not_completed")
        assert refused.detail == f"The track is {status}. That was it."
        assert refused.cure == CURES[code][0]


def test_a_track_that_runs_again_is_to_be_waited_for() -> None:
    over = ending(new(), Status.FAILED, START)
    again = retried(over, "n", START, TIMING)
    for early, late in zip(refusals(again), refusals(over), strict=True):
        assert "Wait" in early.cure
        assert "Wait" not in late.cure


def test_a_track_of_old_has_no_spectrogram() -> None:
    old = track(Status.COMPLETED, "wav", result=RESULT.model_copy(update={"sides": ()}))
    with pytest.raises(Problem) as caught:
        files.side(old, "spectrogram")
    assert (caught.value.status, caught.value.code) == (404, "no_such_file")
