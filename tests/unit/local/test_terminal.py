import io
from pathlib import Path

import pytest

from deploy.local.terminal import Progress, audio_line, shown


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_one_line_that_moves() -> None:
    screen = Screen()
    progress = Progress(screen)

    progress.show(0.0, "queued")
    progress.show(0.5, "generating")
    progress.end()

    assert screen.getvalue() == (
        f"\r\x1b[K[{' ' * 30}]   0%  queued\r\x1b[K[{'#' * 15}{' ' * 15}]  50%  generating\n"
    )


def test_a_file_gets_a_line_for_each_step() -> None:
    log = io.StringIO()
    progress = Progress(log)

    for fraction, text in [(0.0, "queued"), (0.1, "queued"), (0.2, "generating")]:
        progress.show(fraction, text)
    progress.end()

    assert log.getvalue() == "  0%  queued\n 20%  generating\n"


def test_a_finished_file_is_told_with_its_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    audio = {
        "duration_seconds": 30.0,
        "size_bytes": 5_760_044,
        "loudness_lufs": -14.02,
        "true_peak_dbtp": -1.04,
    }

    assert audio_line(tmp_path / "out" / "a.wav", audio) == (
        "out/a.wav: 30.0 s, 5.8 MB, -14.0 LUFS, true peak -1.0 dBTP"
    )
    assert shown(Path("/x")) == "/x"
