"""The same terms make the same bytes; a merge loses no translation; faults of a translation are found."""

import pytest
from integration_suite.domain.terms import faults, merged, stable

HEAD = """# Translation of Odoo Server.
# This file contains the translation of the following modules:
# 	* integration_core
#
msgid ""
msgstr ""
"Project-Id-Version: Odoo Server {version}\\n"
"Report-Msgid-Bugs-To: \\n"
"POT-Creation-Date: {date}\\n"
"PO-Revision-Date: {date}\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"""


def entry(msgid, msgstr="", *, places=("code:addons/a.py:0",), flags=""):
    lines = [f"#: {place}" for place in places] + ([f"#, {flags}"] if flags else [])
    quoted = [text.replace('"', '\\"').replace("\n", "\\n") for text in (msgid, msgstr)]
    return "\n".join([*lines, f'msgid "{quoted[0]}"', f'msgstr "{quoted[1]}"', ""])


def po(*entries, version="19.0", date="2026-11-20 09:30+0000"):
    return "\n".join([HEAD.format(version=version, date=date), *entries])


TEMPLATE = stable(po(entry("Open"), entry("%s lines of %s"), entry("<b>%(count)s</b> wait")))


def translation(*entries):
    return po(*entries)


def test_two_exports_of_the_same_terms_are_the_same():
    one = po(entry("B", places=("code:addons/b.py:0", "code:addons/a.py:0")), entry("A"))
    two = po(
        entry("A"),
        entry("B", places=("code:addons/a.py:0", "code:addons/b.py:0")),
        version="19.0-20261101",
        date="2027-01-01 00:00+0000",
    )
    assert stable(one) == stable(two)
    assert "POT-Creation-Date" not in stable(one)
    assert stable(stable(one)) == stable(one)


def test_another_term_is_another_file():
    assert stable(po(entry("A"))) != stable(po(entry("A"), entry("B")))


def test_a_new_translation_has_every_term_and_none_translated():
    made = merged("", TEMPLATE, "es")
    assert '"Language: es\\n"' in made
    assert [fault.split(":")[0] for fault in faults(made, TEMPLATE)] == ["is not translated"] * 3


def test_a_merge_keeps_what_is_translated_and_puts_aside_what_is_gone():
    before = translation(entry("Open", "Abrir"), entry("Gone", "Ido"), entry("Never", ""))
    made = merged(before, TEMPLATE, "es")
    assert 'msgstr "Abrir"' in made
    assert '#~ msgstr "Ido"' in made
    assert "Never" not in made
    assert merged(made, TEMPLATE, "es") == made
    assert 'msgstr "Ido"' in merged(made, stable(po(entry("Gone"))), "es")


def test_a_whole_translation_has_no_faults():
    good = translation(
        entry("Open", "Abrir"),
        entry("%s lines of %s", "%s líneas de %s"),
        entry("<b>%(count)s</b> wait", "Esperan <b>%(count)s</b>"),
    )
    assert list(faults(good, TEMPLATE)) == []


@pytest.mark.parametrize(
    ("msgid", "msgstr", "said"),
    [
        ("%s lines of %s", "%s líneas", "other placeholders"),
        ("<b>%(count)s</b> wait", "Esperan <b>%(cuenta)s</b>", "other placeholders"),
        ("<b>%(count)s</b> wait", "Esperan %(count)s", "other tags"),
        ("Open", "", "not translated"),
        ("Open", "Abrir ", "other space at its end"),
    ],
)
def test_a_fault_is_told(msgid, msgstr, said):
    found = [fault for fault in faults(translation(entry(msgid, msgstr)), TEMPLATE) if repr(msgid) in fault]
    assert any(said in fault for fault in found), found


def test_a_percentage_is_no_placeholder():
    template = stable(po(entry("95 % of them")))
    assert list(faults(translation(entry("95 % of them", "el 95 % de ellos")), template)) == []


def test_placeholders_that_are_filled_by_their_order_keep_it():
    template = stable(po(entry("%s: %d")))
    assert any("another order" in fault for fault in faults(translation(entry("%s: %d", "%d: %s")), template))


def test_what_is_unsure_missing_or_too_much_is_told():
    made = translation(entry("Open", "Abrir", flags="fuzzy"), entry("Strange", "Raro"))
    found = [fault.split(":")[0] for fault in faults(made, TEMPLATE)]
    assert sorted(found) == [
        "is marked as unsure (fuzzy)",
        "is no term any more",
        "is not in the file",
        "is not in the file",
    ]
