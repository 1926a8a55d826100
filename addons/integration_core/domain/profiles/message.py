"""What a profile looks at of a request."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class Headers(Protocol):
    """Request headers. Names are asked for in lower case."""

    def get(self, name: str, /) -> str | None:
        """Return the value of a header, or None when it was not sent."""

    def items(self) -> Iterable[tuple[str, str]]:
        """Return every (name, value); names in any case."""


class Message(Protocol):
    """A request as it was sent, nothing of it parsed."""

    @property
    def method(self) -> str:
        """The verb, such as ``POST``."""

    @property
    def target(self) -> str:
        """Path and query as they were sent, percent-encoded as they were."""

    @property
    def headers(self) -> Headers:
        """The headers."""

    @property
    def body(self) -> bytes:
        """The raw body."""

    @property
    def peer(self) -> str | None:
        """The address at the other end of the TCP connection, whatever any header says."""
