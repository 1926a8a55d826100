"""The one exception a person is meant to read."""

from __future__ import annotations


class Refusal(Exception):
    """Something the scripts cannot do.

    Args:
        what: What went wrong, in one sentence.
        remedy: What the reader can do about it, in one sentence or command.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}\n{remedy}")
        self.what = what
        self.remedy = remedy
