"""The table of roles: read strictly, written as it was read, and the same as the page in the docs."""

from pathlib import Path

import pytest
from integration_suite.domain import matrix
from integration_suite.domain.matrix import MatrixError, Row

ROOT = Path(__file__).parents[4]
HEAD = "model,kind,name,viewer,admin,note\n"


def test_the_page_in_the_docs_is_the_table():
    page = (ROOT / "docs" / "roles.md").read_text(encoding="utf-8")
    assert page == matrix.page(matrix.load(ROOT)), (
        "run: python addons/integration_suite/domain/matrix.py > docs/roles.md"
    )


def test_the_file_is_as_it_would_be_written():
    table = matrix.load(ROOT)
    assert (ROOT / matrix.FILE).read_text(encoding="utf-8") == matrix.write(table.roles, table.rows)


def test_a_table_is_read():
    table = matrix.read(
        HEAD
        + "a.b,records,own,r,rwcd,\n"
        + "a.b,fields,name state,x,x,\n"
        + "a.b,fields,secret,,,\n"
        + "a.b,button,action_go,,x,\n"
        + "a.b,call,get_data,x,x,\n"
        + ",menu,a.menu_b,x,x,\n"
    )
    assert table.roles == ("viewer", "admin")
    assert table.models() == {"a.b": Row("a.b", "records", "own", {"viewer": "r", "admin": "rwcd"})}
    both, nobody = frozenset({"viewer", "admin"}), frozenset()
    assert table.fields("a.b") == {"name": both, "state": both, "secret": nobody}
    assert table.methods("a.b") == {"action_go": frozenset({"admin"}), "get_data": both}
    assert [row.name for row in table.of("menu")] == ["a.menu_b"]
    assert table.lines("a.b").splitlines()[-1] == "a.b,call,get_data,x,x,"


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("a.b,rights,own,r,r,", "unknown kind"),
        ("a.b,records,mine,r,r,", "unknown way"),
        ("a.b,records,own,x,r,", "unknown right x"),
        ("a.b,records,own,rr,r,", "unknown right rr"),
        ("a.b,button,action_go,yes,,", "unknown right yes"),
        ("a.b,fields,known,x,,", "twice"),
        ("a.b,call,action_known,x,,", "twice"),
    ],
)
def test_what_is_wrong_is_said(row, fault):
    known = "a.b,fields,known other,x,x,\na.b,button,action_known,x,x,\n"
    with pytest.raises(MatrixError, match=fault):
        matrix.read(HEAD + known + row + "\n")


def test_the_columns_are_named():
    with pytest.raises(MatrixError, match="begin with"):
        matrix.read("kind,model,name,viewer\n")


def test_the_page_names_what_is_hidden_and_from_whom():
    table = matrix.read(
        HEAD + "a.b,records,own,r,r,\na.b,fields,name,x,x,\na.b,fields,money,,x,\na.b,fields,secret,,,\n"
    )
    page = matrix.page(table)
    assert "- `a.b`: money: admin" in page
    assert "- `a.b`: secret: nobody" in page
    assert "`a.b`: name" not in page
