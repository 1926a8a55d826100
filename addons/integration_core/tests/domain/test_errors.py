"""The table of error codes: complete, in whole sentences, each said once, and the same as the page in the docs."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from integration_core.domain import errors
from integration_core.domain.errors import CATALOGUE, Button, Turn, explain
from integration_core.domain.outcome import Outcome, TransportError, judge

ROOT = Path(__file__).parents[4]
NAMED = re.compile(r"""\berror_code["']?\s*(?:=|:|IN)\s*\(?["'](\w+)["']""")
OWN_FAILURES = re.compile(r"""\b(?:held|failure)\((?:\w|\.)+, "(\w+)\"""")
HELD_CODES = re.compile(r"""\bcodes?(?:\[[\w.]+\])? = \(?"(\w+)\"""")
HELD_OR_HINDERED = re.compile(r"""(?:\breturn|"(?:waiting|dead)",) "([a-z]+_[a-z_]+)", """)


def codes_in_the_source():
    """Return every code that the addons write as a literal."""
    found = set()
    for folder in ("engine", "models", "data"):
        for path in (ROOT / "addons").glob(f"*/{folder}/*"):
            if path.suffix in (".py", ".sql"):
                text = path.read_text(encoding="utf-8")
                for pattern in (NAMED, OWN_FAILURES, HELD_CODES, HELD_OR_HINDERED):
                    found.update(pattern.findall(text))
    return found


def test_the_page_in_the_docs_is_the_table():
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert page == errors.page(), "run: python addons/integration_core/domain/errors.py > docs/errors.md"
    rows = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert rows == list(CATALOGUE)


def test_every_code_that_the_addons_write_has_a_row():
    written = codes_in_the_source()
    known = {"handler_failed", "process_died", "no_master_key", "neutralized", "endpoint_held", "job_failed", "paused"}
    assert known <= written
    assert written - set(CATALOGUE) == set()


@pytest.mark.parametrize("error", [error.value for error in TransportError])
def test_every_transport_error_has_a_row(error):
    assert explain(error).code == error
    assert explain(error).by_itself == (judge(error=error).outcome is Outcome.RETRY)


@pytest.mark.parametrize("status", range(300, 600))
def test_every_status_has_a_row_that_says_what_follows_from_it(status):
    verdict = judge(status=status)
    row = explain(verdict.code)
    assert row.code in (f"http_{status}", f"http_{status // 100}xx")
    assert row.by_itself == (verdict.outcome is Outcome.RETRY)


@pytest.mark.parametrize("code", [None, "", "never heard of", "http_99", "http_2000", "http_700"])
def test_a_strange_code_is_unknown(code):
    assert explain(code).code == "unknown"


@pytest.mark.parametrize("row", CATALOGUE.values(), ids=list(CATALOGUE))
def test_a_row_is_in_whole_sentences(row):
    assert row.title
    assert not row.title.endswith(".")
    for text in (row.happened, row.action):
        assert text[0].isupper()
        assert text.endswith(".")
        assert not re.search(r"  |\||\n", text)
    # Two or three sentences at most: somebody tired reads this.
    assert len(re.findall(r"[.:] ", row.happened)) <= 2
    assert len(row.happened) <= 200


@pytest.mark.parametrize("row", CATALOGUE.values(), ids=list(CATALOGUE))
def test_the_button_does_what_the_action_says(row):
    named = {
        Button.RETRY: "retry",
        Button.SKIP: "skip it",
        Button.RESUME: "resume",
        Button.OPEN_ENDPOINT: "endpoint",
        Button.ALLOW_ADDRESS: "allow its exact host and port",
        Button.CREATE_KEY: "key",
        Button.OPEN_EARLIER: "earlier",
    }
    if row.turn is not Turn.NOBODY and row.button is not Button.NONE:
        assert named[row.button] in row.action


@pytest.mark.parametrize("row", CATALOGUE.values(), ids=list(CATALOGUE))
def test_what_waits_for_its_next_attempt_is_nobodys_turn_unless_it_is_held(row):
    assert not (row.held and row.by_itself)
    waiting = row.while_waiting()
    if row.held:
        assert waiting is row
    else:
        assert (waiting.turn, waiting.button, waiting.action) == (Turn.NOBODY, Button.NONE, errors.TRIED_AGAIN)
    assert (waiting.code, waiting.title, waiting.happened) == (row.code, row.title, row.happened)


@pytest.mark.parametrize("row", CATALOGUE.values(), ids=list(CATALOGUE))
def test_what_was_given_up_is_nobodys_turn(row):
    gone = row.given_up()
    assert (gone.turn, gone.button, gone.action) == (Turn.NOBODY, Button.NONE, errors.GIVEN_UP)
    assert (gone.code, gone.title, gone.happened) == (row.code, row.title, row.happened)


def test_every_text_is_marked_for_the_translators():
    tree = ast.parse(Path(errors.__file__).read_text(encoding="utf-8"))
    marked = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_"
    }
    texts = {errors.TRIED_AGAIN, errors.GIVEN_UP, *(turn.label for turn in Turn)}
    texts |= {text for row in CATALOGUE.values() for text in (row.title, row.happened, row.action)}
    assert texts - marked == set()


def test_titles_tell_the_rows_apart():
    titles = Counter(row.title for code, row in CATALOGUE.items() if not code.endswith("xx"))
    assert [title for title, count in titles.items() if count > 1] == []


def test_each_role_and_each_button_is_used_and_has_a_name():
    assert {row.turn for row in CATALOGUE.values()} == set(Turn)
    assert {row.button for row in CATALOGUE.values()} == set(Button)
    assert all(turn.label for turn in Turn)
    assert [button for button in Button if not button.label] == [Button.NONE]
