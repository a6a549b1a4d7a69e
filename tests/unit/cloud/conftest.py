from pathlib import Path

import pytest

from tests.support.scripted_tools import Tools
from tests.support.scripted_tools import tools as scripted

PROJECT = "my-project"


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    return scripted(tmp_path, monkeypatch)
