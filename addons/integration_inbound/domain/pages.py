"""The pages that explain a problem type to whoever programs the other side, and the dates of HTTP headers."""

from __future__ import annotations

from datetime import datetime, timezone
from email.utils import format_datetime
from html import escape
from string import Template
from typing import Final, Protocol

_PAGE: Final = Template(
    """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem; color: #1f2937; }
h1 { font-size: 1.5rem; margin-bottom: 0.25rem; }
code { background: #f3f4f6; padding: 0.1rem 0.3rem; border-radius: 0.25rem; }
dt { font-weight: 600; margin-top: 1rem; }
dd { margin: 0; }
</style>
</head>
<body>
<h1>$title</h1>
<p><code>$uri</code></p>
<p>$detail</p>
<dl>
<dt>HTTP status</dt><dd>$status</dd>
<dt>What to do</dt><dd>$help</dd>
<dt>Send the same message again?</dt><dd>$retry</dd>
</dl>
</body>
</html>
"""
)

_RETRY: Final = "Yes, it may be accepted later without a change."
_CHANGE: Final = "Only after the change described above; without it the answer stays the same."


class Problem(Protocol):
    """What a page tells about a problem type."""

    @property
    def uri(self) -> str:
        """Its ``type``."""

    @property
    def title(self) -> str:
        """Its name for people."""

    @property
    def status(self) -> int:
        """The HTTP status it is answered with."""

    @property
    def detail(self) -> str:
        """What happened, in general."""

    @property
    def help(self) -> str:
        """What to do about it."""

    @property
    def sender_should_retry(self) -> bool:
        """Whether the same message may pass later."""


def problem_page(problem: Problem) -> str:
    """Return the HTML page behind a problem's ``type`` (RFC 9457 §3.1.1 asks for one that people can read)."""
    return _PAGE.substitute(
        title=escape(problem.title),
        uri=escape(problem.uri),
        detail=escape(problem.detail),
        status=str(problem.status),
        help=escape(problem.help),
        retry=_RETRY if problem.sender_should_retry else _CHANGE,
    )


def http_date(moment: datetime) -> str:
    """Return ``moment`` (naive means UTC) as an HTTP date (RFC 9110 §5.6.7), for ``Sunset`` (RFC 8594)."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return format_datetime(aware.astimezone(timezone.utc), usegmt=True)
