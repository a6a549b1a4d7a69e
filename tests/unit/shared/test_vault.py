import base64
import json

import pytest
from cryptography.fernet import Fernet, MultiFernet
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from services.ingest.config import Settings as Ingest
from services.notifier.config import Settings as Notifier
from shared.errors import RetryableError
from shared.settings import SecretSettings
from shared.vault import Vault

OLD, NEW, FOREIGN = (base64.b64encode(bytes([n]) * 32).decode() for n in (250, 251, 7))
TEXT = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def unreadable(vault: Vault, tenant: str, secret_id: str, sealed: bytes) -> None:
    with pytest.raises(RetryableError) as trouble:
        vault.open(tenant, secret_id, sealed)
    assert trouble.value.code == "secrets_unavailable"
    assert TEXT not in str(trouble.value)


def test_what_is_sealed_opens_for_its_owner_only() -> None:
    vault = Vault(NEW)
    sealed = vault.seal("a", "sec_1", TEXT)
    assert TEXT.encode() not in sealed
    assert vault.open("a", "sec_1", sealed) == TEXT
    unreadable(vault, "b", "sec_1", sealed)
    unreadable(vault, "a", "sec_2", sealed)
    unreadable(vault, "a", "sec_1", vault.seal("b", "sec_1", TEXT))
    unreadable(Vault(FOREIGN), "a", "sec_1", sealed)


def test_every_damage_is_noticed() -> None:
    vault = Vault(NEW)
    sealed = vault.seal("a", "sec_1", TEXT)
    raw = base64.urlsafe_b64decode(sealed)
    for place in range(len(raw)):
        broken = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        unreadable(vault, "a", "sec_1", base64.urlsafe_b64encode(broken))
    for rubbish in (b"", b"x", sealed[:-4], b"\xff" * 100):
        unreadable(vault, "a", "sec_1", rubbish)


names = st.text(max_size=8)


@given(names, names, names, names, st.text(max_size=30))
def test_no_two_owners_are_taken_for_each_other(
    tenant: str, secret_id: str, other_tenant: str, other_id: str, text: str
) -> None:
    vault = Vault(NEW)
    sealed = vault.seal(tenant, secret_id, text)
    assert vault.open(tenant, secret_id, sealed) == text
    if (tenant, secret_id) != (other_tenant, other_id):
        unreadable(vault, other_tenant, other_id, sealed)


def test_the_main_key_can_be_rotated() -> None:
    before = Vault(OLD).seal("a", "sec_1", TEXT)
    during = Vault(f"{NEW} {OLD}")
    assert during.open("a", "sec_1", before) == TEXT
    after = during.seal("a", "sec_1", TEXT)
    assert Vault(NEW).open("a", "sec_1", after) == TEXT
    unreadable(Vault(OLD), "a", "sec_1", after)
    unreadable(Vault(NEW), "a", "sec_1", before)


@pytest.mark.parametrize("between", [" ", ",", ", ", "\n", " ,\t"])
def test_keys_come_by_blanks_or_commas_in_either_alphabet(between: str) -> None:
    url_safe = OLD.replace("+", "-").replace("/", "_")
    assert url_safe != OLD
    sealed = Vault(OLD).seal("a", "sec_1", TEXT)
    assert Vault(f"{NEW}{between}{url_safe}{between}").open("a", "sec_1", sealed) == TEXT


def test_it_is_fernet_under_the_first_key() -> None:
    sealed = Vault(f"{NEW} {OLD}").seal("a", "sec_1", TEXT)
    plain = MultiFernet([Fernet(NEW)]).decrypt(sealed).decode()
    assert plain == json.dumps(["a", "sec_1"]) + "\n" + TEXT


def test_a_vault_without_main_keys_stays_shut() -> None:
    sealed = Vault(NEW).seal("a", "sec_1", TEXT)
    for nothing in ("", " ", " , "):
        vault = Vault(nothing)
        assert vault.shut
        unreadable(vault, "a", "sec_1", sealed)
        with pytest.raises(RetryableError, match="WEBHOOK_MAIN_KEYS"):
            vault.seal("a", "sec_1", TEXT)
    assert not Vault(NEW).shut


BAD = [
    "hunter2hunter2",
    NEW[:-1],
    NEW[:-2] + "==",
    NEW + "=",
    NEW.replace("+", "!"),
    NEW[:-2] + "ä=",
    base64.b64encode(b"k" * 31).decode(),
    base64.b64encode(b"k" * 33).decode(),
]


@pytest.mark.parametrize("bad", BAD)
def test_bad_main_keys_are_refused_and_not_shown(bad: str) -> None:
    for keys in (bad, f"{NEW} {bad}"):
        with pytest.raises(ValueError, match=r"main key [12] is not 32 bytes") as refusal:
            Vault(keys)
        assert bad not in str(refusal.value)
        with pytest.raises(ValidationError, match="webhook_main_keys") as refused:
            SecretSettings(gcp_project="p", webhook_main_keys=SecretStr(keys))
        assert bad not in str(refused.value)


def test_main_keys_are_required_in_the_cloud() -> None:
    settings = SecretSettings(gcp_project="p", webhook_main_keys=SecretStr(NEW), k_service="s")
    assert NEW not in repr(settings)
    assert SecretSettings(gcp_project="p").webhook_main_keys.get_secret_value() == ""
    for nothing in ("", " "):
        with pytest.raises(ValidationError, match="WEBHOOK_MAIN_KEYS is missing"):
            SecretSettings(
                gcp_project="p", webhook_main_keys=SecretStr(nothing), k_service="notifier"
            )


def test_whoever_makes_secrets_or_signs_has_these_settings() -> None:
    assert issubclass(Ingest, SecretSettings)
    assert issubclass(Notifier, SecretSettings)
