"""The files of the installation guide fit the code that reads them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from integration_core.domain.keyring import Keyring

FILES = Path(__file__).parents[4] / "docs" / "install" / "files"
UUID = "5f0c9d1e-9b1e-11f0-8de9-0242ac120002"


def new_key(*words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(FILES / "new-master-key.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_new_master_key_file_is_one_for_its_database():
    keyring = Keyring.from_json(new_key(UUID).stdout)
    assert keyring.matches(UUID, "production")
    assert not keyring.matches(UUID.replace("5", "6"))
    assert Keyring.from_json(new_key(UUID, "test").stdout).environment == "test"


def test_each_new_master_key_is_another():
    first, second = (json.loads(new_key(UUID).stdout)["keys"][0]["key"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize("words", [(), ("",), ("hospital",), (UUID, "production", "more")])
def test_what_is_no_database_makes_no_key(words):
    made = new_key(*words)
    assert made.returncode == 1
    assert made.stdout == ""
    assert made.stderr


def test_the_configurations_name_options_that_odoo_and_the_suite_read():
    text = (FILES / "odoo-docker.conf").read_text(encoding="utf-8")
    for option in ("integration_master_key_file", "proxy_mode = True", "list_db = False", "integration_inbound"):
        assert option in text
    assert "dbfilter" not in text
