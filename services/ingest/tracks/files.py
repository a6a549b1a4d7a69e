"""Which stored object a link of the API stands for, and what its download is called."""

from shared.delivery import audio_name, side_name
from shared.messages import AudioObject, FileObject, TrackResult
from shared.problems import Problem
from shared.track import Status, Track


def stored_audio(track: Track) -> dict[str, AudioObject]:
    """The audio files that can be fetched, by format, in the order in which they were asked for.

    While a track runs, these are the files that are stored already.
    """
    stored: tuple[AudioObject, ...] = ()
    if track.result is not None:
        stored = track.result.audio
    elif track.status is Status.RUNNING:
        stored = track.ready
    found = {audio.format: audio for audio in stored}
    return {name: found[name] for name in track.request.formats if name in found}


def audio(track: Track, name: str) -> tuple[FileObject, str]:
    """The audio file in format *name*, and the file name to offer.

    Raises:
        Problem: 404 was not asked for, 409 is not stored yet, or will not be in this run.
    """
    if name not in track.request.formats:
        raise Problem(
            404,
            "no_such_format",
            f"This track has no {name}.",
            field="formats",
            cure=f"Use one of its formats: {', '.join(track.request.formats)}.",
        )
    found = stored_audio(track).get(name)
    if found is None:
        raise _not_completed(track)
    return found, audio_name(track.request_id, name)


def side(track: Track, kind: str) -> tuple[FileObject, str]:
    """The object that describes the audio, and the file name to offer; *kind*: see ``SIDES``.

    Raises:
        Problem: 409 the track is not completed, 404 it was made before there were such objects.
    """
    for found in _result(track).sides:
        if found.kind == kind:
            return found, side_name(track.request_id, kind)
    raise Problem(404, "no_such_file", f"This track has no {kind}.")


def _result(track: Track) -> TrackResult:
    if track.result is None:
        raise _not_completed(track)
    return track.result


def _not_completed(track: Track) -> Problem:
    if track.error is None:
        why, cure = "", "Wait until its status is completed."
    else:  # it has ended: nobody should wait for it
        why, cure = f" {track.error.message}", track.error.cure
    return Problem(409, "not_completed", f"The track is {track.status}.{why}", cure=cure)
