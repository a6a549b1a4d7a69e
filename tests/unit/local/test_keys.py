"""Local keys: made once, loaded by name, good for Google's own verifiers."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import google.auth.jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from deploy.local import keys


def test_keys_are_made_once_even_by_racing_processes(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(keys.ensure, [tmp_path] * 4))
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert before.keys() >= {
        "oidc.key.pem",
        "oidc.cert.pem",
        "signer.key.pem",
        "signer.cert.pem",
    }
    keys.ensure(tmp_path)
    assert before == {file.name: file.read_bytes() for file in tmp_path.iterdir()}


def test_private_keys_are_private(keys_folder: Path) -> None:
    mode = (keys_folder / "oidc.key.pem").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_the_key_id_is_that_of_the_certificate(keys_folder: Path) -> None:
    key = keys.oidc(keys_folder)
    certificate = x509.load_pem_x509_certificate(key.certificate_pem.encode())
    assert certificate.fingerprint(hashes.SHA256()).hex().startswith(key.key_id)
    assert certificate.public_key() == key.private.public_key()
    assert key.key_id != keys.signer(keys_folder).key_id


def test_google_auth_signs_and_verifies_with_them(keys_folder: Path) -> None:
    key, other = keys.oidc(keys_folder), keys.signer(keys_folder)
    claims = {"iat": 1, "exp": 4_000_000_000, "email": keys.PUSH_ACCOUNT}
    token = google.auth.jwt.encode(key, claims)
    certificates = {key.key_id: key.certificate_pem}
    assert google.auth.jwt.decode(token, certificates)["email"] == keys.PUSH_ACCOUNT
    with pytest.raises(ValueError, match="signature"):
        google.auth.jwt.decode(token, {key.key_id: other.certificate_pem})


def test_keys_must_have_been_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        keys.oidc(tmp_path)
