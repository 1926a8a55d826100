"""What guides and runbooks call a menu, a button or a headline (**so**) is on the screen; links lead somewhere."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from lxml import etree

ROOT = Path(__file__).parents[4]
ADDONS = ROOT / "addons"
DOCS = ROOT / "docs"
GUIDES = sorted((DOCS / "guides").glob("*.md"))
RUNBOOKS = sorted((DOCS / "runbooks").glob("*.md"))
PAGES = [*GUIDES, *RUNBOOKS]
LINKED = ("alerts", "logs-and-traces", "metrics")
PARTS = ("How you notice.", "What it means.", "Whose turn.", "How you know it is over.")
"""What each runbook says, in this order; these words are its own."""

_BOLD = re.compile(r"\*\*(.+?)\*\*", re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")
_SAID_BY = ("string", "name", "title", "text", "help", "placeholder", "confirm")


def named(page):
    return f"{page.parent.name}/{page.name}"


def words(text):
    return " ".join(text.split())


@cache
def screens():
    """Return every text that views and templates of the web client show, and every one that Python may say."""
    said = set()
    for path in ADDONS.glob("*/**/*.xml"):
        if "tests" in path.parts:
            continue
        for element in etree.parse(str(path)).iter():
            texts = [element.text, element.tail, *(element.get(name) for name in _SAID_BY)]
            said |= {words(text) for text in texts if text and text.strip()}
    for path in ADDONS.glob("*/**/*.py"):
        if "tests" not in path.relative_to(ADDONS).parts:
            said |= _literals(path)
    return frozenset(said)


def _literals(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    told = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return {
        words(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told
    }


@cache
def patterns():
    """Return those of the screens' texts in which something is filled in; what is left of each says enough."""
    found = []
    for text in screens():
        parts = _PLACEHOLDER.split(text)
        if len(parts) > 1 and sum(map(len, parts)) > 8:
            found.append(re.compile(".+".join(re.escape(part) for part in parts)))
    return found


def is_said(term):
    """Tell whether a screen says so: word for word, with something filled in, or as the first sentences of a text."""
    if term in screens() or any(pattern.fullmatch(term) for pattern in patterns()):
        return True
    return term.endswith(".") and any(text.startswith(f"{term} ") for text in screens())


@cache
def menus():
    """Return {xml id: (name, xml id of its parent)}."""
    actions, found = {}, {}
    trees = [(path.parts[-3], etree.parse(str(path))) for path in ADDONS.glob("*/views/*.xml")]
    for module, tree in trees:
        for record in tree.iter("record"):
            name = record.find("field[@name='name']")
            if name is not None and "ir.actions" in record.get("model", ""):
                actions[f"{module}.{record.get('id')}"] = name.text
    for module, tree in trees:
        for menu in tree.iter("menuitem"):
            name = menu.get("name") or actions.get(_whole(module, menu.get("action")))
            found[_whole(module, menu.get("id"))] = name, _whole(module, menu.get("parent"))
    return found


def _whole(module, xmlid):
    return xmlid if not xmlid or "." in xmlid else f"{module}.{xmlid}"


def leads_somewhere(path):
    """Tell whether a path of menus is there, from the app's own on."""
    at = {xmlid for xmlid, (name, parent) in menus().items() if name == path[0] and not parent}
    for step in path[1:]:
        at = {xmlid for xmlid, (name, parent) in menus().items() if name == step and parent in at}
    return bool(at)


def terms(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return [words(term) for term in _BOLD.findall(text) if words(term) not in PARTS]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_what_is_named_is_on_the_screen(page):
    found = terms(page)
    assert len(found) > 4
    wrong = [term for term in found if not (leads_somewhere(term.split(" → ")) if " → " in term else is_said(term))]
    assert not wrong


@pytest.mark.parametrize(
    "term", ["Approve it all", "Everything flows", "Integration", "Nothing is accepted", "wait for a person", "Aprove"]
)
def test_what_no_screen_says_is_noticed(term):
    assert is_said(term) == (term == "Integration")


def test_a_menu_that_is_not_there_is_noticed():
    assert leads_somewhere(["Integration", "Deliveries", "Dead letters"])
    assert not leads_somewhere(["Integration", "Messages", "Dead letters"])
    assert not leads_somewhere(["Deliveries", "Dead letters"])


@pytest.mark.parametrize("page", [*PAGES, *(DOCS / f"{name}.md" for name in LINKED)], ids=named)
def test_links_lead_somewhere(page):
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


def _anchors(page):
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", RUNBOOKS, ids=named)
def test_a_runbook_says_everything_in_its_order(page):
    text = page.read_text(encoding="utf-8")
    places = [text.find(f"**{part}**") for part in PARTS]
    assert places == sorted(places)
    assert min(places) > 0
    assert "\n1. " in text, "steps are numbered"


def test_the_six_runbooks_and_the_four_guides_are_there():
    assert {page.stem for page in RUNBOOKS} == {
        "database-restored",
        "dead-letters",
        "ehr-silent",
        "key-leaked",
        "odoo-down",
        "parked-rising",
    }
    assert {page.stem for page in GUIDES} == {"administrator", "finance", "operator", "steward"}


def test_each_kind_of_alert_has_a_page():
    source = (ADDONS / "integration_monitor" / "models" / "integration_alert_rule.py").read_text(encoding="utf-8")
    values = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and node.targets[0].id in ("KINDS", "RUNBOOKS")
    }
    assert values["RUNBOOKS"].keys() == {kind for kind, _label in values["KINDS"]}
    for link in values["RUNBOOKS"].values():
        path, _, anchor = link.partition("#")
        assert (DOCS / path).exists()
        assert not anchor or anchor in _anchors(DOCS / path)
