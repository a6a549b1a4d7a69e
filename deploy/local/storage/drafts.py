"""Objects about to be: what the client says of them, and the checksums of what has arrived."""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

import google_crc32c

from deploy.local.storage.problems import invalid
from deploy.local.storage.tables import Resource

_WRITABLE = frozenset(
    [
        "cacheControl",
        "contentDisposition",
        "contentEncoding",
        "contentLanguage",
        "contentType",
        "customTime",
        "metadata",
        "storageClass",
    ]
)
_PIECE = 1024 * 1024


@dataclass(frozen=True)
class Draft:
    """An object about to be: `fields` is what the client says of it, `file` holds its bytes.

    `components` > 0 marks a composed object; `session` is the upload that ends with it.
    """

    bucket: str
    name: str
    fields: Resource
    file: Path
    components: int = 0
    session: str = ""


def checked(draft: Draft) -> Resource:
    """The checksums, as the resource shows them. Raises Problem 400 where others were expected."""
    crc32c, md5 = google_crc32c.Checksum(), hashlib.md5(usedforsecurity=False)
    with draft.file.open("rb") as content:
        while piece := content.read(_PIECE):
            crc32c.update(piece)
            md5.update(piece)
    sums = {
        "crc32c": base64.b64encode(crc32c.digest()).decode(),
        "md5Hash": base64.b64encode(md5.digest()).decode(),
    }
    for field, title in (("crc32c", "CRC32C"), ("md5Hash", "MD5 hash")):
        wanted, found = draft.fields.get(field), sums[field]
        if wanted and wanted != found:
            raise invalid(f'Provided {title} "{wanted}" doesn\'t match calculated "{found}".')
    if draft.components:
        return {"crc32c": sums["crc32c"], "componentCount": draft.components}
    return sums


def writable(fields: Resource, *, keep_null: bool = False) -> Resource:
    """The part of `fields` that a client may set."""
    return {k: v for k, v in fields.items() if k in _WRITABLE and (keep_null or v is not None)}
