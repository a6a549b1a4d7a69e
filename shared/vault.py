"""Secrets at rest: sealed under a main key, and bound to whom and what they belong to."""

import json
import re
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from shared.errors import RetryableError

_MAIN_KEY: Final = re.compile(r"[A-Za-z0-9+/_-]{43}=")
"""32 bytes as base64, in either alphabet."""
_BETWEEN: Final = re.compile(r"[\s,]+")


class SecretsUnavailable(RetryableError):
    """Sealed secrets cannot be read, or new ones not be sealed, for now."""

    code = "secrets_unavailable"


class Vault:
    """Seals and opens texts (Fernet: AES-128-CBC, HMAC-SHA256); thread-safe."""

    def __init__(self, main_keys: str) -> None:
        """*main_keys*: newest first, by blanks or commas; the first seals, each of them opens.

        Without any the vault stays shut.

        Raises:
            ValueError: one of them is no main key; the text never holds it.
        """
        keys = fernets(main_keys)
        self._fernet = MultiFernet(keys) if keys else None

    @property
    def shut(self) -> bool:
        """Whether it has no main key."""
        return self._fernet is None

    def seal(self, tenant: str, secret_id: str, text: str) -> bytes:
        """*text*, such that only ``open`` with the same *tenant* and *secret_id* gives it back.

        Raises:
            SecretsUnavailable: there is no main key.
        """
        return self._open_vault().encrypt(_label(tenant, secret_id) + text.encode())

    def open(self, tenant: str, secret_id: str, sealed: bytes) -> str:
        """The text that was sealed.

        Raises:
            SecretsUnavailable: under no main key of ours, damaged, or another's.
        """
        try:
            plain = self._open_vault().decrypt(sealed)
        except InvalidToken:
            raise SecretsUnavailable(f"{secret_id} opens with no main key") from None
        label = _label(tenant, secret_id)
        if not plain.startswith(label):
            raise SecretsUnavailable(f"{secret_id} holds what belongs elsewhere")
        return plain.removeprefix(label).decode()

    def _open_vault(self) -> MultiFernet:
        if self._fernet is None:
            raise SecretsUnavailable("there is no main key (WEBHOOK_MAIN_KEYS)")
        return self._fernet


def fernets(main_keys: str) -> list[Fernet]:
    """Each of some main keys, which stand in one text by blanks or commas.

    Raises:
        ValueError: one of them is no main key; the text never holds it.
    """
    words = [word for word in _BETWEEN.split(main_keys) if word]
    for place, word in enumerate(words, start=1):
        if not _MAIN_KEY.fullmatch(word):
            raise ValueError(f"main key {place} is not 32 bytes as base64")
    return [Fernet(word) for word in words]


def _label(tenant: str, secret_id: str) -> bytes:
    # JSON escapes line ends, so no pair of names makes the label of another pair.
    return json.dumps([tenant, secret_id]).encode() + b"\n"
