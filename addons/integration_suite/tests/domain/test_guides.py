"""What guides and runbooks call a menu, a button or a headline (**so**) is on the screen, and on that of whose turn it
is; links lead somewhere.
"""

import ast
import csv
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
PATHS = [ROOT / "README.md", *(DOCS / f"{name}.md" for name in ("alerts", "health", "metrics"))]
"""Pages whose menus stand *so*, from the app's own on."""
ROLES = {
    "administrator": "admin",
    "operator": "operator",
    "finance": "finance_viewer",
    "steward": "steward",
    "auditor": "auditor",
    "privacy officer": "privacy_officer",
    "*settings*": "settings",
}
"""{how people are called: their column in ``docs/roles.csv``}."""
GROUPS = {
    "admin": {"group_admin", "group_operator", "group_steward", "group_finance_viewer"},
    "finance_viewer": {"group_finance_viewer", "group_finance_reviewer"},
}
"""{column: groups that such people hold, where it is not the one of that name}; finance is who sees and who decides."""
PARTS = ("How you notice.", "What it means.", "Whose turn.", "How you know it is over.")
"""What each runbook says, in this order; these words are its own."""

_BOLD = re.compile(r"\*\*(.+?)\*\*", re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_TRANSLATED = re.compile(r'\b_t\(\s*"([^"]+)"')
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
    for path in ADDONS.glob("*/static/src/**/*.js"):
        said |= {words(text) for text in _TRANSLATED.findall(path.read_text(encoding="utf-8"))}
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
    files = [*ADDONS.glob("*/views/*.xml"), *ADDONS.glob("*/wizards/*.xml")]
    trees = [(path.parts[-3], etree.parse(str(path))) for path in files]
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


def leads_to(path):
    """Return the XML ids of the menus that a path of names leads to, from the app's own on."""
    at = {xmlid for xmlid, (name, parent) in menus().items() if name == path[0] and not parent}
    for step in path[1:]:
        at = {xmlid for xmlid, (name, parent) in menus().items() if name == step and parent in at}
    return at


def leads_somewhere(path):
    """Tell whether a path of menus is there, from the app's own on."""
    return bool(leads_to(path))


@cache
def shown_to():
    """Return {xml id of a menu: columns of the roles that see it}, as ``docs/roles.csv`` says and a test holds."""
    with (DOCS / "roles.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "menu"]
    found = {row["name"]: {role for role in ROLES.values() if row[role]} for row in rows}
    # Odoo's own right beside a role of the suite's: the table has one role at a time.
    return {menu: roles or {"settings"} for menu, roles in found.items()}


def sees(roles, path):
    """Tell whether one of the roles sees a menu that the path leads to."""
    return any(roles & shown_to()[menu] for menu in leads_to(path))


def roles_in(text):
    """Return the columns of the roles that a text names."""
    return {column for name, column in ROLES.items() if re.search(rf"{re.escape(name)}s?(?!\w)", text.lower())}


def sentences(text):
    """Return what stands together: sentences, and cells of tables, with their marks of bold."""
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return re.split(r"(?<=[.:;)*])\s+(?=[A-Z*])|\n(?=\s*(?:\d\.|-|\||#))|\n\n", text)


@cache
def pressed_by():
    """Return {what a button says: groups that see one that says so, or None for everybody}."""
    found = {}
    for path in [*ADDONS.glob("*/views/*.xml"), *ADDONS.glob("*/wizards/*.xml")]:
        for button in etree.parse(str(path)).iter("button"):
            if "oe_stat_button" in (button.get("class") or ""):
                continue  # it is called after what it shows
            groups = {one.rpartition(".")[2] for one in (button.get("groups") or "").split(",") if one}
            said = words(button.get("string") or "")
            known = found.get(said, set())
            found[said] = known | groups if groups and known is not None else None
    return found


def presses(roles, term):
    """Tell whether one of the roles sees a button that says so; True for what is no button."""
    groups = pressed_by().get(term)
    return not groups or any(groups & GROUPS.get(role, {f"group_{role}"}) for role in roles)


def turns(page):
    """Return (roles, term) of all that a page names: whose page it is and whoever is named beside, and what it is."""
    text = page.read_text(encoding="utf-8")
    whose = re.search(r"\*\*Whose turn\.\*\* (.*?)\n\n", text, re.DOTALL)
    own = roles_in(whose.group(1)) if whose else {ROLES[page.stem]}
    for sentence in sentences(text):
        for term in _BOLD.findall(sentence):
            yield own | roles_in(_BOLD.sub("", sentence)), words(term)


def terms(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return [words(term) for term in _BOLD.findall(text) if words(term) not in PARTS]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_what_is_named_is_on_the_screen(page):
    found = terms(page)
    assert len(found) > 4
    wrong = [term for term in found if not (leads_somewhere(term.split(" → ")) if " → " in term else is_said(term))]
    assert not wrong


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_menu_is_there_for_whose_turn_it_is(page):
    found = [(roles, term.split(" → ")) for roles, term in turns(page) if " → " in term]
    assert found
    assert [path for roles, path in found if not sees(roles, path)] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_button_is_there_for_whose_turn_it_is(page):
    assert [(roles, term) for roles, term in turns(page) if not presses(roles, term)] == []


def test_a_menu_that_is_not_theirs_is_noticed():
    periods = ["Integration", "Reconciliation", "Periods"]
    assert sees({"finance_viewer"}, periods)
    assert not sees({"operator"}, periods)
    assert sees({"settings"}, ["Integration", "Configuration", "Original or copy"])
    assert roles_in("An operator presses it.") == {"operator"}
    page = DOCS / "runbooks" / "ehr-silent.md"
    assert ({"operator"}, "Integration → Reconciliation → Outage report") in list(turns(page))
    assert ({"operator", "finance_viewer"}, "Integration → Reconciliation → Periods") in list(turns(page))


def test_a_button_that_is_not_theirs_is_noticed():
    assert presses({"admin"}, "Rotate…")
    assert not presses({"operator"}, "Rotate…")
    assert presses({"operator", "admin"}, "Rotate…")
    assert presses({"steward"}, "Something that no button says")


@pytest.mark.parametrize("page", PATHS, ids=named)
def test_a_menu_named_in_passing_is_there(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    found = [words(term).split(" → ") for term in re.findall(r"(?<!\*)\*([^*|]+ → [^*|]+?)(?: →)?\*(?!\*)", text)]
    ours = [path for path in found if path[0] in {name for name, _parent in menus().values()}]
    assert ours
    assert [path for path in ours if not leads_somewhere([step for step in path if step != "New"])] == []


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
