"""The SoundFont is found without importing what carries it."""

import sys
from pathlib import Path

import pytest

from deploy.local import soundfont as module
from deploy.local.soundfont import SoundFontMissing, soundfont


def test_the_wheel_holds_a_soundfont(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOUNDFONT", raising=False)
    head = soundfont().read_bytes()[:12]
    assert (head[:4], head[8:]) == (b"RIFF", b"sfbk")
    assert "pretty_midi" not in sys.modules


def test_another_one_may_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    font = tmp_path / "better.sf2"
    font.touch()
    monkeypatch.setenv("SOUNDFONT", str(font))
    assert soundfont() == font


def test_a_missing_one_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SOUNDFONT", str(tmp_path / "gone.sf2"))
    with pytest.raises(SoundFontMissing, match=r"^no SoundFont at SOUNDFONT=.*gone.sf2: name .*$"):
        soundfont()
    monkeypatch.delenv("SOUNDFONT")
    monkeypatch.setattr(module, "_WHEEL", "no-such-wheel")
    with pytest.raises(SoundFontMissing, match=r"^no SoundFont: install no-such-wheel.*SOUNDFONT"):
        soundfont()
