"""From raw clips to finished files: the generator's one step of pure sound."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from services.generator.audio.encode import ENCODERS
from services.generator.audio.mastering import MasterSpec, master
from services.generator.audio.wav import SAMPLE_RATE, samples
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
            frames=request.duration_seconds * SAMPLE_RATE,
            loudness_lufs=next(iter(request.loudness_lufs), None),
            bit_depth=request.bit_depth,
            dither_seed=seed(request, track.request_id, 0, 1),
        ),
    )
    measured = Measured(
        frames=len(mastered.samples),
        sample_rate=SAMPLE_RATE,
        channels=2,
        loudness_lufs=mastered.loudness_lufs,
        true_peak_dbtp=mastered.true_peak_dbtp,
        loudness_limited=mastered.loudness_limited,
    )
    files = []
    with tempfile.TemporaryDirectory() as folder:
        for name in request.formats:
            encoder = ENCODERS[name]
            path = Path(folder) / f"track.{encoder.extension}"
            encoder.write(path, mastered.samples, request.bit_depth)
            files.append(Rendition(name, encoder.mime_type, encoder.extension, path.read_bytes()))
    return files, measured
