"""From raw clips to finished files: the generator's one step of pure sound."""

import io
from collections.abc import Sequence

from services.generator.audio.encode import ENCODERS
from services.generator.audio.mastering import MasterSpec, master
from services.generator.audio.pcm import CHANNELS, RATE, Pcm16
from services.generator.audio.wav import samples
from services.generator.finals import Measured, Rendition
from services.generator.prompt import seed
from shared.track import Track


def render(clips: Sequence[bytes], track: Track) -> tuple[list[Rendition], Measured]:
    """Master the clips to what the track asks for, and encode every format.

    Raises:
        PermanentError: ``audio_invalid``, a clip cannot be read.
    """
    request = track.request
    mastered = master(
        [samples(clip) for clip in clips],
        MasterSpec(
            frames=request.duration_seconds * RATE,
            loudness_lufs=next(iter(request.loudness_lufs), None),
            bit_depth=request.bit_depth,
            dither_seed=seed(request, track.request_id, 0, 1),
        ),
    )
    measured = Measured(
        frames=len(mastered.samples),
        sample_rate=RATE,
        channels=CHANNELS,
        loudness_lufs=mastered.loudness_lufs,
        true_peak_dbtp=mastered.true_peak_dbtp,
        loudness_limited=mastered.loudness_limited,
    )
    files = [_encoded(name, mastered.samples) for name in request.formats]
    return files, measured


def _encoded(name: str, pcm: Pcm16) -> Rendition:
    encoder = ENCODERS[name]
    buffer = io.BytesIO()
    encoder.write(buffer, pcm)
    return Rendition(name, encoder.mime_type, encoder.extension, buffer.getvalue())
