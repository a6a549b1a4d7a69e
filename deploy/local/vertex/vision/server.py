"""`:generateContent` over HTTP: validate, spoil as told, look, write it down."""

import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from deploy.local.http import Response
from deploy.local.vertex.call import Refused
from deploy.local.vertex.errors import ERRORS, invalid
from deploy.local.vertex.vision.features import features
from deploy.local.vertex.vision.replies import LOOKS, reply
from deploy.local.vertex.vision.request import Look
from deploy.local.vertex.vision.scenes import describe

LOOKS_FILE: Final = "looks.jsonl"
_JSON: Final = "application/json; charset=UTF-8"


class Vision:
    """Answers looks; one line for each in `looks.jsonl`, the image as its SHA-256 only."""

    def __init__(self, folder: Path) -> None:
        """Append to `folder`/looks.jsonl."""
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / LOOKS_FILE
        self._file.touch()

    def answer(self, look: Look, fault: Mapping[str, Any]) -> Response:
        """What the image is like. Raises Refused where it is none."""
        if "error" in fault:
            return ERRORS[fault["error"]].response(fault.get("retry_after"))
        try:
            said = describe(features(look.image))
        except (OSError, ValueError):
            raise Refused(invalid("Unable to process input image.")) from None
        spoil = LOOKS.get(fault.get("look", ""), reply)
        self._write(look)
        return Response(200, spoil(look.model, said), _JSON)

    def _write(self, look: Look) -> None:
        line = {
            "time": time.time(),
            "model": look.model,
            "mime_type": look.mime_type,
            "bytes": len(look.image),
            "sha256": hashlib.sha256(look.image).hexdigest(),
        }
        file = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, json.dumps(line).encode() + b"\n")
        finally:
            os.close(file)
