"""Encryption at rest: round trips, binding to a place, rotation, and a remedy for every way a key file can be wrong."""

import base64
import json
import os

import pytest

from integration_core.domain import keyring
from integration_core.domain.keyring import Keyring, KeyringError, Problem, Sealed

UUID = "6f1c9d3e-5b7a-4c1e-9a51-2f0c8d7e4b10"


def content(**changes):
    text = keyring.new_key_file(database_uuid=UUID, environment="demo")
    return {**json.loads(text), **changes}


def ring(**changes):
    return Keyring.from_json(json.dumps(content(**changes)))


def raises(problem):
    return pytest.raises(KeyringError, check=lambda error: error.problem is problem)


def test_round_trip():
    keys = ring()
    sealed = keys.encrypt(b"secret", aad="table/1")
    assert sealed.algorithm == "AES-256-GCM"
    assert sealed.key_id == "k1"
    assert b"secret" not in sealed.data
    assert len(sealed.data) == 12 + len(b"secret") + 16
    assert keys.decrypt(sealed, aad="table/1") == b"secret"
    assert keys.encrypt(b"secret", aad="table/1").data != sealed.data


@pytest.mark.parametrize(
    "spoil",
    [
        lambda sealed: sealed._replace(data=sealed.data[:-1] + bytes([sealed.data[-1] ^ 1])),
        lambda sealed: sealed._replace(data=bytes([sealed.data[0] ^ 1]) + sealed.data[1:]),
        lambda sealed: sealed._replace(data=sealed.data[:27]),
        lambda sealed: sealed._replace(data=b""),
        lambda sealed: sealed._replace(algorithm="AES-128-CBC"),
    ],
)
def test_altered_data_are_not_opened(spoil):
    keys = ring()
    data_key = keys.new_data_key("d1")
    for owner in (keys, data_key):
        sealed = spoil(owner.encrypt(b"secret", aad="a"))
        with raises(Problem.TAMPERED):
            owner.decrypt(sealed, aad="a")


def test_a_ciphertext_belongs_to_its_place():
    keys = ring()
    with raises(Problem.TAMPERED):
        keys.decrypt(keys.encrypt(b"secret", aad="table/1"), aad="table/2")


def test_data_keys():
    keys = ring()
    first = keys.new_data_key("d1")
    sealed = first.encrypt(b"payload", aad="p/1")
    assert sealed.key_id == "d1"
    many = first.encrypt_all([(b"one", "p/1"), (b"two", "p/2")])
    opened = [first.decrypt(Sealed(sealed.algorithm, "d1", data), aad=f"p/{n}") for n, data in enumerate(many, 1)]
    assert opened == [b"one", b"two"]
    wrapped = Sealed(first.wrapped.algorithm, first.wrapped.key_id, memoryview(first.wrapped.data))
    opened = keys.unwrap_data_key("d1", wrapped)
    assert opened.decrypt(sealed, aad="p/1") == b"payload"
    assert keys.unwrap_data_key("d1", first.wrapped) is opened
    with raises(Problem.TAMPERED):  # a wrapped key moved to another row
        keys.unwrap_data_key("d2", first.wrapped)
    with raises(Problem.UNKNOWN_KEY):
        keys.new_data_key("d2").decrypt(sealed, aad="p/1")


def test_rotation_of_the_master_key():
    old = content()
    data_key = Keyring.from_json(json.dumps(old)).new_data_key("d1")
    new_entry = {"id": "k2", "key": base64.b64encode(b"n" * 32).decode(), "active": True}
    both = ring(keys=[{**old["keys"][0], "active": False}, new_entry])
    rewrapped = both.rewrap(both.unwrap_data_key("d1", data_key.wrapped))
    assert rewrapped.wrapped.key_id == "k2"
    alone = ring(keys=[new_entry])
    opened = alone.unwrap_data_key("d1", rewrapped.wrapped)
    assert opened.decrypt(data_key.encrypt(b"x", aad="a"), aad="a") == b"x"
    assert opened.derive("ordering-key") == data_key.derive("ordering-key")
    with raises(Problem.UNKNOWN_KEY):
        alone.unwrap_data_key("d1", data_key.wrapped)


def test_derived_keys_differ_by_purpose():
    data_key = ring().new_data_key("d1")
    assert len(data_key.derive("a")) == 32
    assert data_key.derive("a") != data_key.derive("b")


def test_keys_are_not_in_reprs():
    keys = ring()
    assert repr(keys) == "<Keyring k1 for demo>"
    assert "_key" not in repr(keys.new_data_key("d1"))


def test_a_copy_of_the_database_does_not_match():
    keys = ring()
    assert keys.matches(UUID)
    assert keys.matches(UUID, "demo")
    assert not keys.matches(UUID, "production")
    assert not keys.matches("00000000-0000-0000-0000-000000000000")


KEY = {"id": "k1", "key": base64.b64encode(b"k" * 32).decode(), "active": True}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"version": 2}, Problem.MALFORMED),
        ({"keys": None}, Problem.MALFORMED),
        ({"keys": ["x"]}, Problem.MALFORMED),
        ({"database_uuid": ""}, Problem.MALFORMED),
        ({"environment": 7}, Problem.MALFORMED),
        ({"keys": []}, Problem.NO_ACTIVE_KEY),
        ({"keys": [{**KEY, "active": False}]}, Problem.NO_ACTIVE_KEY),
        ({"keys": [{**KEY, "active": "yes"}]}, Problem.NO_ACTIVE_KEY),
        ({"keys": [KEY, {**KEY, "id": "k2"}]}, Problem.NO_ACTIVE_KEY),
        ({"keys": [KEY, {**KEY, "active": False}]}, Problem.BAD_KEY),
        ({"keys": [{**KEY, "id": ""}]}, Problem.BAD_KEY),
        ({"keys": [{**KEY, "key": None}]}, Problem.BAD_KEY),
        ({"keys": [{**KEY, "key": "%%%"}]}, Problem.BAD_KEY),
        ({"keys": [{**KEY, "key": "é"}]}, Problem.BAD_KEY),
        ({"keys": [{**KEY, "key": " " + KEY["key"]}]}, Problem.BAD_KEY),
        ({"keys": [{**KEY, "key": base64.b64encode(b"k" * 16).decode()}]}, Problem.BAD_KEY),
    ],
)
def test_unusable_files(changes, problem):
    with raises(problem) as caught:
        ring(**changes)
    assert caught.value.remedy


@pytest.mark.parametrize("text", ["", "[]", "{", "null"])
def test_text_that_is_no_key_file(text):
    with raises(Problem.MALFORMED):
        Keyring.from_json(text)


class TestLoading:
    @pytest.fixture
    def path(self, tmp_path):
        path = tmp_path / "master.key"
        path.write_text(json.dumps(content()))
        path.chmod(0o600)
        return path

    def test_configured_path_goes_before_the_environment(self, path, tmp_path):
        environ = {keyring.FILE_VARIABLE: str(tmp_path / "absent")}
        assert keyring.load(path=str(path), environ=environ).environment == "demo"
        with raises(Problem.MISSING):
            keyring.load(environ=environ)

    def test_from_the_environment(self, path):
        assert keyring.load(environ={keyring.FILE_VARIABLE: str(path)}).matches(UUID)
        assert keyring.load(environ={keyring.TEXT_VARIABLE: path.read_text()}).matches(UUID)
        with raises(Problem.MISSING):
            keyring.load(environ={})

    def test_the_process_environment_is_the_default(self, path, monkeypatch):
        monkeypatch.setenv(keyring.FILE_VARIABLE, str(path))
        assert keyring.load().matches(UUID)

    def test_read_again_only_when_the_file_changed(self, path):
        first = keyring.load(path=str(path))
        assert keyring.load(path=str(path)) is first
        path.write_text(json.dumps(content(environment="production")))
        stamp = path.stat().st_mtime_ns + 1_000_000
        os.utime(path, ns=(stamp, stamp))
        assert keyring.load(path=str(path)).environment == "production"
        path.unlink()
        with raises(Problem.MISSING):
            keyring.load(path=str(path))

    def test_a_file_that_others_may_read_is_used_with_a_warning(self, path):
        assert keyring.load(path=str(path)).warnings == ()
        path.chmod(0o640)
        (warning,) = keyring.load(path=str(path)).warnings
        assert "chmod 600" in warning

    def test_unreadable(self, tmp_path):
        with raises(Problem.UNREADABLE):
            keyring.load(path=str(tmp_path))
        binary = tmp_path / "binary"
        binary.write_bytes(b"\xff\xfe")
        with raises(Problem.UNREADABLE):
            keyring.load(path=str(binary))
        with raises(Problem.UNREADABLE):
            keyring.load(path=str(binary / "below"))
