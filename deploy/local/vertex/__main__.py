"""`python -m deploy.local.vertex`: Lyria 2 on this machine, composed from a SoundFont."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings

from deploy.local.http import serve
from deploy.local.soundfont import SoundFontMissing, soundfont

_HELP = """\
VERTEX_LATENCY_SECONDS  time of an answer, composing included (default 2)
VERTEX_LATENCY_SPREAD   up to such a share of it less or more, each time anew (default 0)
VERTEX_PRERENDERED=1    one clip per style from DIR: ignores prompt and seed, for load tests
SOUNDFONT               another .sf2 file
"""


class Settings(BaseSettings):
    """What the environment says."""

    vertex_latency_seconds: float = Field(2, ge=0)
    vertex_latency_spread: float = Field(0, ge=0, le=1)
    vertex_prerendered: bool = False


def main(argv: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.local.vertex",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    options = parser.parse_args(argv)
    try:
        _serve(options.port, options.data, soundfont())
    except SoundFontMissing as missing:
        sys.exit(str(missing))


def _serve(port: int, folder: Path, font: Path) -> None:
    # Read by OpenBLAS as NumPy loads it: threads would only take memory here.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    from deploy.local.vertex.clips import Composed, Prerendered  # noqa: PLC0415  # after that
    from deploy.local.vertex.server import Vertex  # noqa: PLC0415  # after that

    settings = Settings()
    clips = Prerendered(font, folder / "clips") if settings.vertex_prerendered else Composed(font)
    latency, spread = settings.vertex_latency_seconds, settings.vertex_latency_spread
    serve(Vertex(folder, clips, latency, spread), port)


if __name__ == "__main__":
    main()
