"""The page behind a problem type."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from integration_core.domain.problems import PROBLEMS
from integration_inbound.domain.pages import http_date, problem_page


@dataclass(frozen=True)
class Odd:
    uri: str = "/x"
    title: str = "<b>&"
    status: int = 400
    detail: str = "$title"
    help: str = '"'
    sender_should_retry: bool = False


def test_every_problem_explains_itself():
    for problem in PROBLEMS.values():
        page = problem_page(problem)
        assert str(problem.status) in page
        assert "$" not in page


def test_texts_are_escaped():
    page = problem_page(Odd())
    assert "<b>" not in page
    assert "&lt;b&gt;&amp;" in page
    assert "$title" in page


def test_http_date():
    assert http_date(datetime(2030, 1, 31)) == "Thu, 31 Jan 2030 00:00:00 GMT"
    east = timezone(timedelta(hours=2))
    assert http_date(datetime(2030, 1, 31, 1, tzinfo=east)) == "Wed, 30 Jan 2030 23:00:00 GMT"
