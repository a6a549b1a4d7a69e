import ast
import os
import sys
from pathlib import Path

import pytest

from deploy.local import bootstrap


def test_an_old_python_gets_as_far_as_handing_over() -> None:
    ast.parse(Path(bootstrap.__file__).read_text(), feature_version=(3, 7))


def test_handing_over_skips_a_shim_without_its_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, code in {"python3.13": 1, "python3.11": 0}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {code}\n")
        (tmp_path / name).chmod(0o755)
    started: list[str] = []
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    monkeypatch.setattr(os, "execv", lambda path, _: started.append(path))
    monkeypatch.setattr(sys, "version_info", (3, 8, 1))

    with pytest.raises(SystemExit, match="needs Python 3"):
        bootstrap._use_newer()  # the real execv does not come back

    assert started == [os.fspath(tmp_path / "python3.11")]
