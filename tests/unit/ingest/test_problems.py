import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
RAISED = re.compile(r'Problem\(\s*\d+,\s*"(\w+)"')


def test_every_code_of_a_refusal_is_documented() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    codes = {
        code
        for path in (ROOT / "services" / "ingest").rglob("*.py")
        for code in RAISED.findall(path.read_text())
    }
    assert {"no_such_format", "not_completed", "max_cost_exceeded", "invalid_json"} <= codes
    for code in codes:
        assert f"`{code}`" in text, code
