"""Any record is one line of JSON, of bounded length, that says what the work was about and quotes no error."""

import json
import logging
import re
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_core.domain import json_log, log_context
from integration_core.domain.json_log import JsonFormatter, chosen
from integration_core.domain.log_context import FIELDS, about, known, note

SECRET = "Poisonwortley"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
TEXTS = st.text(st.characters(), max_size=200)
"""Anything, half surrogate pairs and control characters included."""


class Unshowable:
    def __str__(self):
        raise RuntimeError(SECRET)

    __repr__ = __str__


VALUES = st.one_of(TEXTS, st.integers(), st.floats(), st.none(), st.binary(max_size=9), st.builds(Unshowable))


def record(msg, *args, level=logging.INFO, name="odoo.some", exc_info=None, sinfo=None, **extra):
    made = logging.LogRecord(name, level, __file__, 1, msg, args, exc_info, sinfo=sinfo)
    vars(made).update(extra)
    return made


def written(made, formatter=None):
    text = (formatter or JsonFormatter()).format(made)
    assert text.isascii()
    assert "\n" not in text
    assert "\r" not in text
    assert len(text) <= json_log.MAX_LINE
    return json.loads(text)


def raised():
    try:
        raise ValueError(SECRET)
    except ValueError:
        return sys.exc_info()


@pytest.mark.parametrize(
    ("msg", "args", "told"),
    [
        (ValueError(SECRET), (), "ValueError"),
        ("failed: %s", (ValueError(SECRET),), "failed: ValueError"),
        ("failed: %r of %s", (ValueError(SECRET), 7), "failed: 'ValueError' of 7"),
        ("failed: %(why)s", ({"why": ValueError(SECRET)},), "failed: ValueError"),
    ],
)
def test_an_error_that_is_a_message_or_a_part_of_one_is_told_by_its_class(msg, args, told):
    assert written(record(msg, *args))["message"] == told


@given(
    st.one_of(TEXTS, st.builds(Unshowable)),
    st.lists(VALUES, max_size=4),
    st.integers(0, 60),
    TEXTS,
    st.one_of(st.none(), TEXTS),
    st.booleans(),
    st.fixed_dictionaries({}, optional={name: TEXTS for name in FIELDS if name != "delivery_ids"}),
)
def test_any_record_is_one_line(msg, args, level, name, stack, fails, facts):
    with about(**facts):
        line = written(
            record(msg, *args, level=level, name=name, exc_info=raised() if fails else None, sinfo=stack, dbname=name)
        )
    assert TIME.fullmatch(line["time"])
    assert isinstance(line["message"], str)
    assert isinstance(line["level"], str)
    assert isinstance(line["pid"], int)
    assert ("error" in line) == fails
    assert facts.keys() <= line.keys()


@given(st.text(st.characters(), min_size=1, max_size=50), st.integers(1, 40))
def test_the_longest_record_is_bounded(text, times):
    many = text * (9000 * times // len(text))
    with about(**dict.fromkeys(FIELDS, many) | {"delivery_ids": range(10**5, 10**6)}):
        line = written(
            record(many, level=logging.ERROR, name=many, sinfo=many, exc_info=raised(), dbname=many, perf_info=many),
            JsonFormatter(lambda _error: f"{many}\n{many}"),
        )
    assert len(line["delivery_ids"]) == json_log.MAX_IDS


def test_a_line_has_what_it_promises():
    made = record("request %s: %s", "r-1", "refused", dbname="hospital", perf_info="12 0.003 0.010", pid=7)
    with about(worker="host:17:1"), about(delivery_id=42, lane="critical"):
        line = written(made)
    line.pop("time")
    assert line == {
        "level": "INFO",
        "logger": "odoo.some",
        "message": "request r-1: refused",
        "database": "hospital",
        "pid": made.process,
        "thread": "MainThread",
        "perf": "12 0.003 0.010",
        "delivery_id": 42,
        "lane": "critical",
        "worker": "host:17:1",
    }


def test_the_time_is_utc():
    made = record("now")
    made.created = 1_700_000_000.25
    assert written(made)["time"] == "2023-11-14T22:13:20.250Z"


def test_no_database_and_no_figures_are_left_out():
    line = written(record("starting", dbname="?", perf_info="- - -"))
    assert line.keys() == {"time", "level", "logger", "message", "pid", "thread"}


def test_a_thread_that_no_database_is_known_of_may_say_it_itself():
    with about(database="hospital"):
        assert written(record("at work", dbname="?"))["database"] == "hospital"


def test_an_error_is_told_without_its_text():
    made = record("it failed", exc_info=raised())
    made.exc_text = f"ValueError: {SECRET}"  # as another handler's format leaves it behind
    text = JsonFormatter(lambda error: f"  file.py:7 in work\n{type(error).__name__} 23505").format(made)
    assert SECRET not in text
    line = json.loads(text)
    assert (line["error"], line["places"]) == ("ValueError 23505", "file.py:7 in work")
    assert JsonFormatter().formatException(made.exc_info) == "ValueError"


def test_an_outline_that_a_record_brings_is_no_part_of_its_message():
    made = record("%s\n%s", "it failed", "  a.py:1 in f\nKeyError", told="it failed", outline="  a.py:1 in f\nKeyError")
    line = written(made)
    assert (line["message"], line["error"], line["places"]) == ("it failed", "KeyError", "a.py:1 in f")


def test_what_cannot_be_put_together_is_told_without_its_values():
    assert written(record("%d lines of %s", SECRET))["message"] == "%d lines of %s"
    assert SECRET not in JsonFormatter().format(record("of %s", Unshowable()))
    assert SECRET not in JsonFormatter().format(record(Unshowable()))


def test_a_text_that_is_too_long_is_cut_where_it_matters_least():
    message = written(record("a" * 9000))["message"]
    assert message.startswith("aaa")
    assert message.endswith("…")
    assert len(message) > json_log.MAX_MESSAGE - 20
    long = "\n".join(f"  f{number}.py:1 in g" for number in range(1000))
    made = record("x", outline=f"{long}\nKeyError")
    assert written(made)["places"].endswith("f999.py:1 in g")


@pytest.mark.parametrize(
    ("wishes", "found"),
    [((None, None), "text"), (("", "json"), "json"), (("text", "json"), "text"), ((" JSON ", None), "json")],
)
def test_the_first_wish_counts(wishes, found):
    assert chosen(*wishes) == found


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match="'xml' is no format of logs"):
        chosen("xml")


# -- scopes


def test_scopes_add_up_and_end():
    assert known() == {}
    with about(worker="w", lane="bulk"):
        with about(lane="critical") as inner:
            note(event_id="e")
            inner.note(system="lab")
            assert known() == {"system": "lab", "event_id": "e", "lane": "critical", "worker": "w"}
            assert list(known()) == ["system", "event_id", "lane", "worker"]
        assert known() == {"lane": "bulk", "worker": "w"}
    assert known() == {}


def test_a_scope_ends_with_an_error():
    with pytest.raises(KeyError), about(worker="w"):
        raise KeyError
    assert known() == {}


def test_nothing_is_noted_outside_of_a_scope():
    note(event_id="e")
    assert known() == {}


def test_none_takes_a_fact_away():
    with about(event_id="e"), about(event_id=None):
        assert known() == {}


def test_only_known_names_are_told():
    with about(patient=SECRET, worker="w"):
        assert known() == {"worker": "w"}


def test_nothing_is_put_together_before_a_line_is_written():
    asked = []
    with about(delivery_ids=lambda: asked.append(1) or [1, 2]):
        assert not asked
        assert known() == {"delivery_ids": [1, 2]}
    assert asked == [1]


def test_scopes_are_of_one_thread():
    found = []
    with about(worker="w"):
        thread = threading.Thread(target=lambda: found.append(dict(known())))
        thread.start()
        thread.join()
    assert found == [{}]


def test_the_trace_is_that_of_the_traceparent():
    assert log_context.trace_of(None) is None
    assert log_context.trace_of("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01") == (
        "0af7651916cd43dd8448eb211c80319c"
    )
