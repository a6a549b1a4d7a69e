"""The bodies that `:generateContent` answers with: as the real ones are, and those to be feared."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

Said = Mapping[str, Any]

_GOOD_TOKENS: Final = 120


def reply(model: str, said: Said) -> bytes:
    """One finished candidate with structured output."""
    return _candidate(model, json.dumps(said))


def _candidate(model: str, text: str | None, reason: str = "STOP") -> bytes:
    content = (
        {"role": "model", "parts": [{"text": text}]} if text is not None else {"role": "model"}
    )
    tokens = {"promptTokenCount": 400, "candidatesTokenCount": _GOOD_TOKENS, "totalTokenCount": 520}
    candidates = [{"content": content, "finishReason": reason}]
    return _document(model, {"candidates": candidates, "usageMetadata": tokens})


def _document(model: str, members: Said) -> bytes:
    return json.dumps({**members, "modelVersion": model}).encode()


LOOKS: Final[Mapping[str, Callable[[str, Said], bytes]]] = {
    "blocked": lambda m, _: _document(m, {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}),
    "stopped": lambda m, _: _candidate(m, None, "SAFETY"),
    "cut": lambda m, said: _candidate(m, json.dumps(said)[:60], "MAX_TOKENS"),
    "prose": lambda m, _: _candidate(m, "Here is a lovely prompt for you: soft strings at dawn."),
    "other_style": lambda m, said: _candidate(m, json.dumps({**said, "style": "polka"})),
    "few_words": lambda m, said: _candidate(m, json.dumps({**said, "prompt": "soft strings"})),
    "artist": lambda m, said: _candidate(
        m, json.dumps({**said, "prompt": f"{said['prompt']}, in the style of Hildegard von Bingen"})
    ),
    "nothing": lambda m, _: _document(m, {"candidates": []}),
}
"""What a fault rule's `{"look": NAME}` answers."""
