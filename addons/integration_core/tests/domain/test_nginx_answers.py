"""What nginx answers by itself in the file of the installation guide is what the gate would have answered."""

import json
import re
from pathlib import Path

import pytest

from integration_core.domain import problems

FILE = Path(__file__).parents[4] / "docs" / "install" / "files" / "nginx.conf"
ANSWERS = dict(re.findall(r"^ +/\.problem/(\S+) '(\{.*\})';$", FILE.read_text(encoding="utf-8"), re.MULTILINE))
OWN_DETAIL = {"plain", "rate-limited"}
"""Where nginx knows more exactly what was wrong."""


def test_every_problem_is_found():
    targets = set(re.findall(r"error_page [\d =]+/\.problem/(\S+);", FILE.read_text(encoding="utf-8")))
    assert targets == set(ANSWERS)


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_it_says_what_the_gate_says(name):
    answer = json.loads(ANSWERS[name])
    assert set(answer) == {"type", "title", "status", "detail", "instance"}
    if answer["type"] == "about:blank":
        return
    segment = answer["type"].removeprefix(problems.BASE)
    expected = problems.build(segment, instance=answer["instance"])
    if name in OWN_DETAIL:
        expected["detail"] = answer["detail"]
    assert answer == expected


def test_its_401_is_byte_for_byte_the_gates():
    assert ANSWERS["signature-rejected"].encode() == problems.SIGNATURE_REJECTED
    (challenge,) = re.findall(r"/\.problem/signature-rejected 'Webhook .*';", FILE.read_text(encoding="utf-8"))
    assert problems.SIGNATURE_REJECTED_HEADERS["WWW-Authenticate"] in challenge
