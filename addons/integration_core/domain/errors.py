"""Every code a delivery or an attempt can carry, and what people read about it: one table for screens and docs.

A code is stable: operators filter by it and metrics carry it as a label. Its row says, in this order, what happened,
whose turn it is, and what to do next with which button. ``docs/errors.md`` is made by running this file::

    python addons/integration_core/domain/errors.py > docs/errors.md

The texts are plain English here; ``_`` marks them for translation, which is looked up where they are shown.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

# pylint: disable=prefer-env-translation; there is no env here, the screens look the marked texts up


def _(text: str) -> str:
    """Mark a text for the translators and return it as it is: the table knows no language."""
    return text


class Turn(str, Enum):
    """Who can move a delivery on."""

    NOBODY = "nobody"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"
    ENDPOINT_OWNER = "endpoint_owner"
    RECEIVER = "receiver"

    @property
    def label(self) -> str:
        """The role in words."""
        return _TURN_LABELS[self]


class Button(str, Enum):
    """The action a row offers."""

    NONE = "none"
    RETRY = "retry"
    SKIP = "skip"
    RESUME = "resume"
    OPEN_ENDPOINT = "open_endpoint"
    ALLOW_ADDRESS = "allow_address"
    CREATE_KEY = "create_key"
    OPEN_EARLIER = "open_earlier"

    @property
    def label(self) -> str:
        """What is written on the button; an empty text for none."""
        return _BUTTON_LABELS[self]


_TURN_LABELS: Final[Mapping[Turn, str]] = {
    Turn.NOBODY: _("Nobody: it goes on by itself"),
    Turn.OPERATOR: _("Integration operator"),
    Turn.ADMINISTRATOR: _("Integration administrator"),
    Turn.ENDPOINT_OWNER: _("Owner of the endpoint"),
    Turn.RECEIVER: _("The receiver's operators"),
}
_BUTTON_LABELS: Final[Mapping[Button, str]] = {
    Button.NONE: "",
    Button.RETRY: _("Retry"),
    Button.SKIP: _("Skip"),
    Button.RESUME: _("Resume"),
    Button.OPEN_ENDPOINT: _("Open endpoint"),
    Button.ALLOW_ADDRESS: _("Allow address"),
    Button.CREATE_KEY: _("Create key"),
    Button.OPEN_EARLIER: _("Show the earlier ones"),
}

TRIED_AGAIN: Final = _("Nothing to do: it is tried again by itself. When its attempts are used up it is a dead letter.")
"""The next action of a delivery that waits for its next attempt."""
GIVEN_UP: Final = _("Nothing to do: it was given up and will not be delivered.")
"""The next action of a delivery that a person skipped."""


@dataclass(frozen=True)
class Explanation:
    """One row: what a code means and what follows.

    Attributes:
        code: The stable code.
        title: What happened, in a few words.
        happened: What happened, in one or two sentences.
        turn: Whose turn it is.
        action: What that person does next.
        button: The button that does it, or leads there.
        by_itself: Whether the engine tries again on its schedule before it is a dead letter.
        held: Whether a delivery waits because of this, without being tried: the row holds while it waits.
    """

    code: str
    title: str
    happened: str
    turn: Turn
    action: str
    button: Button = Button.NONE
    by_itself: bool = False
    held: bool = False

    def while_waiting(self) -> Explanation:
        """Return what holds for a delivery that waits: unless it is held, it is about to be tried again."""
        return self if self.held else replace(self, turn=Turn.NOBODY, action=TRIED_AGAIN, button=Button.NONE)

    def given_up(self) -> Explanation:
        """Return what holds for a delivery that was skipped: nobody's turn any more."""
        return replace(self, turn=Turn.NOBODY, action=GIVEN_UP, button=Button.NONE)


_ASK_RECEIVER: Final = _("Ask the receiver's operators to bring their side up again, then retry.")
_SETTLE: Final = _("Settle it with the receiver, then retry; or skip it with a reason.")
_WAIT: Final = _("Nothing to do: it goes on by itself.")

_INSIDE: Final = (
    Explanation(
        "handler_failed",
        _("Odoo could not process it"),
        _(
            "Odoo's own handler stopped with an error while it worked on this event. Nothing of it was kept, so nothing"
            " is half done."
        ),
        Turn.ADMINISTRATOR,
        _("Find the error in Odoo's log and have it mended, then retry."),
        Button.RETRY,
        by_itself=True,
    ),
    Explanation(
        "process_died",
        _("The engine's process died over it"),
        _(
            "The process that worked on this event ended before it was done. After three times the event is set aside,"
            " so that it cannot stop the others."
        ),
        Turn.ADMINISTRATOR,
        _("Find out from the server's log why the process ended (memory, a kill, a restart), then retry."),
        Button.RETRY,
        by_itself=True,
    ),
    Explanation(
        "no_master_key",
        _("The master key is missing"),
        _("Odoo cannot open what it has sealed without its master key. Everything waits; nothing is lost."),
        Turn.ADMINISTRATOR,
        _("Give the server its master key again; everything then goes on by itself."),
        held=True,
    ),
    Explanation(
        "not_prepared",
        _("Its message could not be built"),
        _("Odoo stopped with an error while it made the message for the receiver. Nothing was sent."),
        Turn.ADMINISTRATOR,
        _("Find the error in Odoo's log and have it mended, then retry."),
        Button.RETRY,
        by_itself=True,
    ),
    Explanation(
        "job_failed",
        _("Sending stopped with an error"),
        _("Odoo stopped with an error of its own while it sent the message. The receiver may or may not have got it."),
        Turn.ADMINISTRATOR,
        _("Find the error in Odoo's log and have it mended, then retry."),
        Button.RETRY,
        by_itself=True,
    ),
    Explanation(
        "chain_too_long",
        _("Events answer each other without end"),
        _("This event is the seventeenth that followed from one first event. It was kept, but nobody is told of it."),
        Turn.ADMINISTRATOR,
        _("Look in the flow of the event for two systems that answer each other, and end one of the subscriptions."),
    ),
    Explanation(
        "unknown",
        _("It failed for a reason that has no code"),
        _("Something went wrong that this page does not know."),
        Turn.ADMINISTRATOR,
        _("Look at its attempts and at Odoo's log, then retry."),
        Button.RETRY,
        by_itself=True,
    ),
)

_HELD: Final = (
    Explanation(
        "paused",
        _("A person has paused it"),
        _("Somebody stopped these deliveries by hand. They wait, spend no attempts and keep their order."),
        Turn.OPERATOR,
        _("Find out why it was paused, then resume it."),
        Button.RESUME,
        held=True,
    ),
    Explanation(
        "endpoint_held",
        _("The endpoint is not active"),
        _("It is not approved yet, or it was stopped. Its deliveries wait and spend no attempts; nothing is lost."),
        Turn.ENDPOINT_OWNER,
        _("Open the endpoint: it says what is missing, and has the button for it."),
        Button.OPEN_ENDPOINT,
        held=True,
    ),
    Explanation(
        "no_active_key",
        _("There is no key to sign with"),
        _("The endpoint has no active key, so nothing can be signed and nothing is sent. Its deliveries wait."),
        Turn.ADMINISTRATOR,
        _("Create a key and give it to the receiver; everything then goes on by itself."),
        Button.CREATE_KEY,
        held=True,
    ),
    Explanation(
        "breaker_open",
        _("The endpoint rests after many failures"),
        _(
            "The endpoint's circuit breaker is open: too many attempts failed. Now and then one delivery is sent, to"
            " see whether it is back."
        ),
        Turn.NOBODY,
        _WAIT,
        Button.OPEN_ENDPOINT,
        held=True,
    ),
    Explanation(
        "origin_unreachable",
        _("The receiver's server cannot be reached"),
        _(
            "No connection to the receiver's server works. Everything for it waits; now and then one delivery is sent,"
            " to see whether it is back."
        ),
        Turn.NOBODY,
        _WAIT,
        Button.OPEN_ENDPOINT,
        held=True,
    ),
    Explanation(
        "rate_limited",
        _("The endpoint's rate limit is reached"),
        _("The endpoint takes only so many messages in a given time. The rest waits and spends no attempts."),
        Turn.NOBODY,
        _WAIT,
        held=True,
    ),
    Explanation(
        "blocked_by_earlier",
        _("An earlier event of the same ordering key comes first"),
        _("These deliveries keep their order, and an earlier one of the same ordering key waits or is a dead letter."),
        Turn.OPERATOR,
        _("Look at the earlier ones: retry or skip the dead letter among them; those that wait go on by themselves."),
        Button.OPEN_EARLIER,
        held=True,
    ),
)

_NEVER_SENT: Final = (
    Explanation(
        "payload_gone",
        _("Its content is no longer kept"),
        _("The content of this event was deleted when its retention ended. It cannot be sent any more."),
        Turn.OPERATOR,
        _("Tell the receiver what they have missed, then skip it with a reason."),
        Button.SKIP,
    ),
    Explanation(
        "company_not_granted",
        _("The endpoint belongs to another company"),
        _("The event is of one company and the endpoint of another, so it was not sent."),
        Turn.ADMINISTRATOR,
        _("Correct the company of the subscription for later events, then skip it with a reason."),
        Button.SKIP,
    ),
    Explanation(
        "test_event",
        _("Test events never leave Odoo"),
        _("The event was made in test mode, so it was not sent."),
        Turn.OPERATOR,
        _("Nothing is missing at the receiver: skip it with a reason."),
        Button.SKIP,
    ),
    Explanation(
        "neutralized",
        _("This is a copy of the database"),
        _("A copy of a database sends nothing: what waited for endpoints was given up here. The original delivers it."),
        Turn.NOBODY,
        GIVEN_UP,
    ),
)

_NO_ANSWER: Final = (
    Explanation(
        "timeout",
        _("The receiver did not answer in time"),
        _("The receiver took longer than the endpoint's deadline. It may have got the message all the same."),
        Turn.RECEIVER,
        _ASK_RECEIVER,
        Button.RETRY,
        by_itself=True,
    ),
    Explanation(
        "dns_failure",
        _("The receiver's name is not found"),
        _("The name in the endpoint's address leads nowhere: the name service knows no address for it."),
        Turn.ENDPOINT_OWNER,
        _("Check the name in the endpoint's address with the receiver, then retry."),
        Button.RETRY,
        by_itself=True,
    ),
    Explanation(
        "connection_refused",
        _("Nothing listens at the receiver"),
        _("The receiver's server is there, but takes no connections at the endpoint's port."),
        Turn.RECEIVER,
        _ASK_RECEIVER,
        Button.RETRY,
        by_itself=True,
    ),
    Explanation(
        "connection_reset",
        _("The receiver hung up"),
        _("The connection was cut off before an answer came. The receiver may have got the message all the same."),
        Turn.RECEIVER,
        _ASK_RECEIVER,
        Button.RETRY,
        by_itself=True,
    ),
    Explanation(
        "network",
        _("The network failed"),
        _("The receiver could not be reached over the network."),
        Turn.RECEIVER,
        _("Ask your network people and the receiver's operators what is down, then retry."),
        Button.RETRY,
        by_itself=True,
    ),
    Explanation(
        "sender_exhausted",
        _("This server ran short"),
        _("Odoo's server had no files, ports, memory or threads to spare, so the receiver was not asked."),
        Turn.ADMINISTRATOR,
        _("Raise the limits of the process (open files, look-ups of names), or lower how many are sent at once."),
        by_itself=True,
    ),
    Explanation(
        "tls_handshake",
        _("No agreement on encryption"),
        _("The receiver and this server could not agree on how to encrypt, so nothing was sent."),
        Turn.RECEIVER,
        _("Ask the receiver's operators to offer TLS 1.2 or newer, then retry."),
        Button.RETRY,
        by_itself=True,
    ),
    Explanation(
        "bad_response",
        _("The answer makes no sense"),
        _("What came back is not a proper HTTP answer. The receiver may have got the message all the same."),
        Turn.RECEIVER,
        _("Ask the receiver's operators what listens at this address, then retry."),
        Button.RETRY,
        by_itself=True,
    ),
    Explanation(
        "tls_trust",
        _("The receiver's certificate is not trusted"),
        _("The certificate has expired, or is from an authority that this server does not know. Nothing was sent."),
        Turn.RECEIVER,
        _("Have the receiver renew the certificate, or have its authority added on this server, then retry."),
        Button.RETRY,
    ),
    Explanation(
        "tls_name",
        _("The certificate is for another name"),
        _("The certificate does not belong to the name in the endpoint's address. Nothing was sent."),
        Turn.ENDPOINT_OWNER,
        _("Correct the endpoint's address, or have the receiver correct the certificate, then retry."),
        Button.OPEN_ENDPOINT,
    ),
    Explanation(
        "egress_refused",
        _("The address is not allowed"),
        _("The endpoint's address is private or not encrypted, and nobody has allowed it. Nothing was sent."),
        Turn.ADMINISTRATOR,
        _("If the address is right, allow its exact host and port with a reason, then retry."),
        Button.ALLOW_ADDRESS,
    ),
    Explanation(
        "bad_url",
        _("The endpoint's address cannot be used"),
        _("The endpoint's address is not one that a message can be sent to. Nothing was sent."),
        Turn.ENDPOINT_OWNER,
        _("Correct the endpoint's address, then retry."),
        Button.OPEN_ENDPOINT,
    ),
)

_BUSY: Final = _("The receiver cannot take the message just now, and asks for it later.")
_DOWN: Final = _("The receiver, or what stands in front of it, failed. It may have got the message all the same.")

_ANSWERED: Final = (
    Explanation(
        "http_3xx",
        _("The receiver points elsewhere"),
        _("The receiver answered with a redirect. It is not followed: a message goes only where that was approved."),
        Turn.ENDPOINT_OWNER,
        _("Ask the receiver for the final address, enter it at the endpoint, then retry."),
        Button.OPEN_ENDPOINT,
    ),
    Explanation(
        "http_400",
        _("The receiver calls the message wrong"),
        _("The receiver refuses this message as it is: it could not read it."),
        Turn.RECEIVER,
        _SETTLE,
        Button.RETRY,
    ),
    Explanation(
        "http_401",
        _("The receiver does not accept the signature"),
        _("The receiver could not verify who sent the message, so it refused it. Most often it has another key."),
        Turn.ADMINISTRATOR,
        _("Exchange the key with the receiver again, then retry."),
        Button.CREATE_KEY,
    ),
    Explanation(
        "http_403",
        _("The receiver does not allow this sender"),
        _("The receiver knows who sent the message, and does not let it in."),
        Turn.RECEIVER,
        _("Ask the receiver's operators to allow this sender, then retry."),
        Button.RETRY,
    ),
    Explanation(
        "http_404",
        _("There is nothing at the endpoint's address"),
        _("The receiver's server answers, but has nothing at this path."),
        Turn.ENDPOINT_OWNER,
        _("Correct the endpoint's address with the receiver, then retry."),
        Button.OPEN_ENDPOINT,
    ),
    Explanation(
        "http_405",
        _("The endpoint's address takes no messages"),
        _("The receiver's server answers, but this path does not take POST."),
        Turn.ENDPOINT_OWNER,
        _("Correct the endpoint's address with the receiver, then retry."),
        Button.OPEN_ENDPOINT,
    ),
    Explanation(
        "http_408", _("The receiver waited too long"), _BUSY, Turn.RECEIVER, _ASK_RECEIVER, Button.RETRY, by_itself=True
    ),
    Explanation(
        "http_409",
        _("The receiver sees a conflict"),
        _("The receiver refuses this message because it contradicts what it has."),
        Turn.RECEIVER,
        _SETTLE,
        Button.RETRY,
    ),
    Explanation(
        "http_410",
        _("The receiver is gone for good"),
        _("The receiver says that this address will not come back. The endpoint is disabled; its deliveries wait."),
        Turn.ENDPOINT_OWNER,
        _("Get the new address from the receiver, enter it at the endpoint, then resume the endpoint."),
        Button.OPEN_ENDPOINT,
        held=True,
    ),
    Explanation(
        "http_413",
        _("The message is too large for the receiver"),
        _("The receiver refuses this message because of its size."),
        Turn.RECEIVER,
        _("Ask the receiver's operators to take larger messages, then retry; or skip it with a reason."),
        Button.RETRY,
    ),
    Explanation(
        "http_422",
        _("The receiver refuses the content"),
        _("The receiver could read this message and refuses what it says."),
        Turn.RECEIVER,
        _SETTLE,
        Button.RETRY,
    ),
    Explanation(
        "http_425",
        _("The receiver is not ready yet"),
        _BUSY,
        Turn.RECEIVER,
        _ASK_RECEIVER,
        Button.RETRY,
        by_itself=True,
    ),
    Explanation(
        "http_429",
        _("The receiver gets too many messages"),
        _BUSY,
        Turn.RECEIVER,
        _("Ask the receiver's operators to take more, then retry."),
        Button.RETRY,
        by_itself=True,
    ),
    Explanation(
        "http_4xx",
        _("The receiver refuses the message"),
        _("The receiver refuses this one message; the code tells how."),
        Turn.RECEIVER,
        _SETTLE,
        Button.RETRY,
    ),
    Explanation(
        "http_500", _("The receiver failed"), _DOWN, Turn.RECEIVER, _ASK_RECEIVER, Button.RETRY, by_itself=True
    ),
    Explanation(
        "http_502",
        _("The receiver is not behind its gateway"),
        _DOWN,
        Turn.RECEIVER,
        _ASK_RECEIVER,
        Button.RETRY,
        by_itself=True,
    ),
    Explanation(
        "http_503",
        _("The receiver is overloaded or in maintenance"),
        _BUSY,
        Turn.RECEIVER,
        _ASK_RECEIVER,
        Button.RETRY,
        by_itself=True,
    ),
    Explanation(
        "http_504",
        _("The receiver's gateway waited too long"),
        _DOWN,
        Turn.RECEIVER,
        _ASK_RECEIVER,
        Button.RETRY,
        by_itself=True,
    ),
    Explanation(
        "http_5xx", _("The receiver failed"), _DOWN, Turn.RECEIVER, _ASK_RECEIVER, Button.RETRY, by_itself=True
    ),
)

_SECTIONS: Final = (
    ("Inside Odoo", _INSIDE),
    ("Held: waits and spends no attempts", _HELD),
    ("Not sent at all", _NEVER_SENT),
    ("Sent, and no answer", _NO_ANSWER),
    ("The receiver's answer", _ANSWERED),
)

CATALOGUE: Final[Mapping[str, Explanation]] = {row.code: row for _title, rows in _SECTIONS for row in rows}
"""Every row by its code. ``http_3xx``, ``http_4xx`` and ``http_5xx`` stand for each status without a row of its own."""

_STATUS: Final = re.compile(r"http_([345])\d\d")


def explain(code: str | None) -> Explanation:
    """Return the row of ``code``, never nothing.

    A status without a row of its own gets the row of its family; any other stranger the row ``unknown``. The returned
    ``code`` is that of the row.
    """
    known = CATALOGUE.get(code or "")
    if known:
        return known
    family = _STATUS.fullmatch(code or "")
    return CATALOGUE[f"http_{family.group(1)}xx" if family else "unknown"]


_HEAD: Final = f"""\
# Error codes

Each delivery that does not get through carries one of these codes, and its form says what stands here, in this order:
what happened, what is affected (how many, since when, and how much money for those who may see it), whose turn it is,
and the button.

The last column says what holds while the delivery waits:

- *tried again*: the engine repeats it on its schedule, and the form says
  "{TRIED_AGAIN}"
- *held*: it spends no attempts, and the row holds as long as it waits;
- *no*: it does not wait, it is a dead letter at once.

A dead letter that was skipped says "{GIVEN_UP}"
Codes are stable: filter and count by them.

This page is made from the table in the code; a test compares the two:

    python addons/integration_core/domain/errors.py > docs/errors.md
"""


def page() -> str:
    """Return ``docs/errors.md``: the table in Markdown, one row per code."""
    lines = [*_HEAD.splitlines()]
    for title, rows in _SECTIONS:
        lines += ["", f"## {title}", "", *_table(rows)]
    return "\n".join(lines) + "\n"


def _table(rows: Iterable[Explanation]) -> list[str]:
    head = ("code", "title", "what happened", "whose turn", "next action", "button", "while it waits")
    cells = [head, tuple("---" for _column in head)]
    cells += [
        (
            f"`{row.code}`",
            row.title,
            row.happened,
            row.turn.label,
            row.action,
            row.button.label or "none",
            _waiting_word(row),
        )
        for row in rows
    ]
    return [f"| {' | '.join(line)} |" for line in cells]


def _waiting_word(row: Explanation) -> str:
    if row.held:
        return "held"
    return "tried again" if row.by_itself else "no"


if __name__ == "__main__":
    sys.stdout.write(page())
