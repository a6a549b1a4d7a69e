"""V4 signed URLs, the signature made by IAM ``signBlob``: no key file anywhere."""

import base64
import os
import threading
from typing import Final

import google.auth
import requests
from google.auth.credentials import AnonymousCredentials, Credentials, Signing
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from google.cloud.storage import Client

from shared.delivery import LIFETIME, disposition
from shared.errors import StorageUnavailable
from shared.messages import FileObject

_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_TIMEOUT: Final = 10.0
_NOT_SIGNED: Final = (
    requests.RequestException,
    GoogleAuthError,
    LookupError,
    TypeError,
    ValueError,
)
"""No answer, or one of another shape."""


class IamSigner(AnonymousCredentials, Signing):
    """Credentials that can only sign, as one service account, through the IAM API."""

    def __init__(self, endpoint: str, account: str) -> None:
        super().__init__()
        self._url = f"{endpoint}/v1/projects/-/serviceAccounts/{account}:signBlob"
        self._account = account
        self._local = threading.local()  # a requests session is not for two threads at once

    @property
    def signer_email(self) -> str:
        """The account that signs."""
        return self._account

    @property
    def signer(self) -> None:
        """There is no key here."""

    def sign_bytes(self, message: bytes) -> bytes:
        """RSA-SHA256 over *message*, made by IAM.

        Raises:
            StorageUnavailable: IAM did not sign.
        """
        payload = {"payload": base64.b64encode(message).decode()}
        try:
            answer = self._session().post(self._url, json=payload, timeout=_TIMEOUT)
            answer.raise_for_status()
            return base64.b64decode(answer.json()["signedBlob"])
        except _NOT_SIGNED as exc:
            raise StorageUnavailable(f"signBlob: {type(exc).__name__}") from exc

    def _session(self) -> AuthorizedSession:
        if not hasattr(self._local, "session"):
            self._local.session = AuthorizedSession(_credentials(self._url))
        session: AuthorizedSession = self._local.session
        return session


def _credentials(url: str) -> Credentials:
    if url.startswith("http://"):
        return AnonymousCredentials()
    credentials: Credentials = google.auth.default(scopes=[_SCOPE])[0]
    return credentials


class BucketUrls:
    """``UrlSigner`` for the objects of one project."""

    def __init__(self, client: Client, signer: IamSigner) -> None:
        """URLs point at the client's own endpoint."""
        self._client = client
        self._signer = signer
        self._endpoint = os.environ.get("STORAGE_EMULATOR_HOST")

    @property
    def origin(self) -> str:
        """Where URLs lead to: scheme and host, for those who must allow it by name."""
        return self._endpoint or "https://storage.googleapis.com"

    def url(self, file: FileObject, filename: str, *, download: bool = False) -> str:
        """A GET URL of exactly this generation, good for 15 minutes; see ``UrlSigner``."""
        bucket, _, name = file.uri.removeprefix("gs://").partition("/")
        url: str = (
            self._client.bucket(bucket)
            .blob(name)
            .generate_signed_url(
                version="v4",
                expiration=LIFETIME,
                method="GET",
                credentials=self._signer,
                api_access_endpoint=self._endpoint,
                response_disposition=disposition(filename, download=download),
                generation=file.generation,
            )
        )
        return url
