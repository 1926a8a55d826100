"""The shell recipes of docs/connect/profiles.md sign what the gate accepts, as they are written."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from integration_core.domain import profiles
from integration_core.domain.profiles.examples import Example, Holder
from integration_core.domain.profiles.settings import Profile, Settings
from integration_core.domain.signing import Accepted, TextSecret

PAGE = Path(__file__).resolve().parents[4] / "docs" / "connect" / "profiles.md"
BODY = b'{"specversion": "1.0", "id": "1"}\n'


def recipe(title):
    found = re.search(rf"^## {title}$.*?^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert found, title
    return found[1]


@pytest.mark.parametrize("holder", [Holder(), Holder(TextSecret.parse("$o me 'text' of \"theirs\""))])
@pytest.mark.parametrize(("title", "profile"), [("Stripe style", Profile.STRIPE), ("GitHub style", Profile.GITHUB)])
def test_a_recipe(title, profile, holder, tmp_path):
    (tmp_path / "body.json").write_bytes(BODY)
    shown = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"curl() {{ printf '%s\\n' \"$@\"; }}\n{recipe(title)}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "SECRET": holder.key.text(), "ADDRESS": "https://odoo.example.org/x"},
        timeout=60,
    ).stdout.splitlines()
    headers = dict(shown[at + 1].split(": ", 1) for at, word in enumerate(shown) if word == "-H")
    request = Example(Settings(profile), (holder.verify_key(profile),), BODY, headers)
    signed_at = int((re.search(r"t=(\d+)", headers.get("stripe-signature", "")) or ["", "0"])[1])
    verdict = profiles.verify(request, settings=request.settings, keys=request.keys, now=signed_at)
    assert isinstance(verdict, Accepted), verdict
    assert shown[-1] == "@body.json"
