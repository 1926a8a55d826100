"""What templates of the web client say is a text that translators get: none of it stands in an expression."""

import re
from pathlib import Path

import pytest
from lxml import etree

ADDONS = Path(__file__).parents[3]
TEMPLATES = sorted(ADDONS.glob("*/static/src/**/*.xml"))
SHOWN = ("t-out", "t-esc", *(f"t-att-{name}" for name in ("aria-label", "title", "placeholder", "alt", "data-tooltip")))
"""Attributes whose value people read or hear. They hold JavaScript, of which no term is taken out."""

_COMPARED = re.compile(r"[!=]==?\s*('[^']*'|\"[^\"]*\"|`[^`]*`)|\[\s*('[^']*'|\"[^\"]*\")\s*\]")
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"|`([^`]*)`")
_FILLED_IN = re.compile(r"\$\{[^}]*\}")


def words_in(expression):
    """Return the texts with letters in them that an expression shows; what it compares with it does not show."""
    said = (next(filter(None, one), "") for one in _QUOTED.findall(_COMPARED.sub("", expression)))
    return [text for text in said if any(letter.isalpha() for letter in _FILLED_IN.sub("", text))]


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("step.at || 'to come'", ["to come"]),
        ("`Open: ${step.title}`", ["Open: ${step.title}"]),
        ("`${step.title}: ${step.names}`", []),
        ("one.kind === 'late' ? 'Late' : rows['kind']", ["Late"]),
        ("amounts.join(' + ') or '–'", []),
    ],
)
def test_words_in_an_expression_are_found(expression, words):
    assert words_in(expression) == words


def test_no_template_says_a_word_that_is_not_translated():
    found = [
        f"{path.relative_to(ADDONS)}:{node.sourceline}: {name}: {words}"
        for path in TEMPLATES
        for node in etree.parse(path).iter(etree.Element)
        for name in SHOWN
        if (words := words_in(node.get(name, "")))
    ]
    assert TEMPLATES
    assert not found, "say it by a function with _t: " + "; ".join(found)
