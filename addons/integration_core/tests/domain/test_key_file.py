"""The master key file changes in whole steps, and never loses a key that is still needed."""

import json
import os
import stat

import pytest

from integration_core.domain import key_file, keyring
from integration_core.domain.keyring import Keyring, KeyringError

UUID = "6f1c9d3e-5b7a-4c1e-9a51-2f0c8d7e4b10"


@pytest.fixture
def text():
    return keyring.new_key_file(database_uuid=UUID, environment="demo")


def test_a_rotation_step_by_step_opens_everything_at_each_step(text):
    ring = Keyring.from_json(text)
    data_key = ring.new_data_key("d1")
    sealed = data_key.encrypt(b"secret", aad="a")

    def opens(wrapped, file):
        return Keyring.from_json(file).unwrap_data_key("d1", wrapped).decrypt(sealed, aad="a") == b"secret"

    added, new = key_file.add(text)
    assert (new, key_file.active_id(added), key_file.key_ids(added)) == ("k2", "k1", ["k1", "k2"])
    assert opens(data_key.wrapped, added)
    active = key_file.activate(added, new)
    assert key_file.active_id(active) == "k2"
    assert opens(data_key.wrapped, active)
    wrapped = Keyring.from_json(active).rewrap(data_key).wrapped
    assert wrapped.key_id == "k2"
    assert opens(wrapped, active)
    assert opens(wrapped, added)  # who has not seen the last step yet
    left = key_file.forget(active, "k1")
    assert key_file.key_ids(left) == ["k2"]
    assert opens(wrapped, left)
    with pytest.raises(KeyringError):
        opens(data_key.wrapped, left)


def test_refusals(text):
    added, new = key_file.add(text, "autumn")
    with pytest.raises(key_file.KeyFileError, match="already"):
        key_file.add(added, "autumn")
    with pytest.raises(key_file.KeyFileError, match="active"):
        key_file.forget(added, "k1")
    for change in (key_file.activate, key_file.forget):
        with pytest.raises(key_file.KeyFileError, match="no key"):
            change(added, "k9")
    with pytest.raises(KeyringError):
        key_file.add("{}")
    assert new == "autumn"


def test_a_new_name_is_never_one_in_use(text):
    for _turn in range(4):
        text, _new = key_file.add(text)
    assert key_file.key_ids(text) == ["k1", "k2", "k3", "k4", "k5"]
    text, new = key_file.add(key_file.forget(text, "k2"))
    assert new == "k2"


def test_a_file_for_another_database(text):
    other = "00000000-0000-4000-8000-000000000000"
    assert Keyring.from_json(key_file.for_database(text, other)).matches(other)


def test_the_file_is_replaced_whole_and_for_its_owner_alone(text, tmp_path):
    path = tmp_path / "master.json"
    path.write_text(text)
    path.chmod(0o644)
    before = path.stat().st_ino
    added, _new = key_file.add(key_file.read(path))
    key_file.replace(path, added)
    assert path.read_text() == added
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_ino != before  # never written in place: a reader sees the old one or the new one
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(text, tmp_path):
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text(text)
    link.symlink_to(real)
    key_file.replace(link, key_file.add(text)[0])
    assert link.is_symlink()
    assert len(key_file.key_ids(real.read_text())) == 2


def test_what_goes_wrong_leaves_the_file(text, tmp_path, monkeypatch):
    path = tmp_path / "master.json"
    path.write_text(text)
    with pytest.raises(KeyringError):
        key_file.replace(path, json.dumps({"version": 1, "keys": []}))
    monkeypatch.setattr(os, "fsync", lambda _handle: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        key_file.replace(path, key_file.add(text)[0])
    assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(key_file.KeyFileError, match="secret"):
        key_file.replace(tmp_path / "nowhere" / "master.json", text)
