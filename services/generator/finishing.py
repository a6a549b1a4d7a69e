"""A sound becomes files: rendered once, while every encoder reads along and uploads its own."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from services.generator.audio.encoders import ENCODERS
from services.generator.audio.mastering import render
from services.generator.audio.measures import Measures, measure
from services.generator.audio.spectrogram import spectrogram
from services.generator.audio.tape import Tape, UnfinishedTape
from services.generator.audio.waveform import waveform
from services.generator.claim import Claim
from services.generator.finals import Finals
from services.generator.metadata import Made, describe, metadata
from services.generator.sound import Sound
from services.generator.stops import Ended, Parked, Stopping
from services.generator.together import Halt, together
from shared import shutdown
from shared.endings import Ending
from shared.failpoints import failpoint
from shared.messages import AudioObject, SideObject, TrackResult
from shared.track import Park, Status


@dataclass(slots=True)
class _Parts:
    """What the threads have finished."""

    audio: dict[str, AudioObject] = field(default_factory=dict)
    sides: dict[str, SideObject] = field(default_factory=dict)
    measures: Measures | None = None


class Finishing:
    """Renders, encodes, measures and stores a track, all at the same time."""

    def __init__(self, finals: Finals) -> None:
        """*finals* stores the files under the claim's fence."""
        self._finals = finals

    def finish(self, claim: Claim, sound: Sound) -> TrackResult:
        """Make and store every file, then the metadata; return what the ending will announce.

        Raises:
            Ended: the caller has cancelled the track.
            Lost: the track is somebody else's.
            Parked: the lease could not be kept fresh, or the process ends.
            StorageUnavailable: the bucket does not answer.
        """
        halt = Halt()
        tape = sound.tape(partial(_watch, claim, halt))
        try:
            parts = self._made(claim, sound, tape, halt)
        except UnfinishedTape as exc:  # a reader was heard before the writer that has failed
            raise exc.__cause__ or exc from None
        finally:
            tape.release()
        assert parts.measures is not None  # noqa: S101 - a thread that fails is raised
        request = claim.track.request
        made = Made(
            frames=sound.source.frames,
            measures=parts.measures,
            audio=tuple(parts.audio[name] for name in request.formats),
            sides=tuple(parts.sides.values()),
        )
        result = describe(claim.track, sound, made, self._finals.uri(claim, "metadata"))
        text = metadata(claim.track, sound, result, claim.now())
        side = self._finals.side(claim, "metadata", text)
        failpoint("after_metadata_stored", claim.request_id)
        return result.model_copy(update={"sides": (*result.sides, side)})

    def _made(self, claim: Claim, sound: Sound, tape: Tape, halt: Halt) -> _Parts:
        parts = _Parts()

        def rendered(_: Halt) -> None:
            render(sound.source, sound.plan, sound.spec, tape)

        def encoded(name: str, halt: Halt) -> None:
            file = ENCODERS[name].encode(tape, sound.tags)
            halt.check()
            parts.audio[name] = self._finals.audio(claim, name, file)

        def measured(_: Halt) -> None:
            parts.measures = measure(tape)

        def pictured(kind: str, draw: Callable[[Tape], bytes], halt: Halt) -> None:
            picture = draw(tape)
            halt.check()
            parts.sides[kind] = self._finals.side(claim, kind, picture)

        steps: list[Callable[[Halt], None]] = [
            rendered,
            *(partial(encoded, name) for name in claim.track.request.formats),
            measured,
            partial(pictured, "waveform", waveform),
            partial(pictured, "spectrogram", spectrogram),
        ]
        together(steps, len(steps), halt)  # all at once: readers wait for the writer
        return parts


def _watch(claim: Claim, halt: Halt) -> None:
    """Stop between two blocks when it has become pointless to go on."""
    halt.check()
    if shutdown.stopping():
        halt.stop(Parked(Park.STOPPED, Stopping.code))
    if claim.track.cancel_requested:
        halt.stop(Ended(Ending(Status.CANCELLED)))
