"""Counting what was refused at the door, in bounded memory and a bounded number of rows; and what to do about it.

Anybody can send what will be refused, under as many names and from as many addresses as they like. What is kept of it
is a count per (minute, cause, claimed system, address). When one minute brings too many different ones, the rest of
that minute is counted together under :data:`OTHERS`; rows that claim a registered system have room of their own, so
that invented names cannot hide what goes wrong with a real one.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

OTHERS: Final = "(others)"
"""Stands for a claimed system or an address that is no longer told apart. No claim can be spelled so."""

ROWS_PER_MINUTE: Final = 100
"""Different rows of one minute that claim a registered system, and as many that claim another name."""

MAX_PENDING: Final = 1000
"""Different rows that one process remembers while they cannot be stored."""

MAX_REQUEST_IDS: Final = 20
"""Request ids that are kept per row and call, the newest."""

_MAX_CLAIM_CHARS: Final = 64
_MAX_ADDRESS_CHARS: Final = 45  # the longest IPv6 text
_NOT_PLAIN: Final = re.compile(r"[^A-Za-z0-9_.:-]")


@dataclass(frozen=True)
class Cause:
    """Why requests were turned away: in short, what that means, and how it is mended."""

    title: str
    meaning: str
    remedy: str


_KEY = "It is an attack, or the sender has another key than the one on its page here."
_STRANGER = (
    "If nobody of yours sends from this address, nothing: such requests change nothing. Many of them are for the \
network's people to stop before they reach Odoo."
)

CAUSES: Final[Mapping[str, Cause]] = {
    "missing_header": Cause(
        "A signature header is missing",
        "The request lacks a header that its system's signature profile asks for: of Standard Webhooks webhook-id, \
webhook-timestamp and webhook-signature, of another profile those under Signature on the system's form.",
        "Have the sender send them, or choose the profile that it uses; look whether a proxy in between removes them.",
    ),
    "bad_message_id": Cause(
        "The message id is not allowed",
        "The webhook-id has to be 1 to 256 visible ASCII characters without a dot.",
        "Have the sender build its message ids from letters, digits, '-' and '_'.",
    ),
    "bad_timestamp": Cause(
        "The timestamp is not a number of seconds",
        "The webhook-timestamp has to be whole seconds since 1970, in digits alone.",
        "Have the sender write unix seconds: no milliseconds, no point, no date, no sign.",
    ),
    "bad_signature_header": Cause(
        "The signature header cannot be read",
        "The webhook-signature has to be one to 16 entries such as 'v1,' and base64, with spaces between them.",
        "Compare the header that the sender makes with the example on the system's page.",
    ),
    "unknown_system": Cause(
        "No such system",
        "The address names a system that is not registered here.",
        "If a sender of yours does so, correct the code at the end of its address. " + _STRANGER,
    ),
    "suspended_system": Cause(
        "The system is not active",
        "The system is a draft or suspended, so nothing of it is taken.",
        "Activate the system, or have its people stop sending.",
    ),
    "no_key": Cause(
        "The system has no valid key",
        "The system has no key that is active now: none was made or approved, or all have ended.",
        "Create a key for the system, have it approved, and give it to the sender.",
    ),
    "no_match": Cause(
        "The signature fits no key",
        "The headers are complete, but no key of the system made this signature. " + _KEY,
        "Compare the key ids on both sides, and see that the sender signs the very bytes that it sends: nothing may "
        "change the body after it was signed. " + _STRANGER,
    ),
    "key_not_valid": Cause(
        "The signature fits a key that is not valid now",
        "The signature was made with a key of the system that has ended, was revoked or is not valid yet.",
        "Have the sender use a key that is active, or make the time of this one longer.",
    ),
    "too_old": Cause(
        "The signature is too old",
        "The signature is right, but its time is long past: the sender re-used it on a retry, or its clock is slow.",
        "Have the sender sign each try anew, and set its clock by the network (NTP). For a sender whose queue cannot, "
        "the system can be allowed older signatures.",
    ),
    "in_future": Cause(
        "The signature is from the future",
        "The signature is right, but its time is more than five minutes ahead of this server's clock.",
        "Set the clocks of the sender and of this server by the network (NTP).",
    ),
    "nothing_signed": Cause(
        "The profile signs the body alone, and there is none",
        "The system's profile signs nothing but the body, and the request has no body: such a signature fits for ever.",
        "Have the sender send the event; what it asks without a body it cannot prove with this profile.",
    ),
    "not_covered": Cause(
        "The signature covers too little",
        "No signature of the message covers its method, its address, its content digest and its message id.",
        "Have the sender sign @method, @path or @target-uri, content-digest and the header of the message id.",
    ),
    "unknown_key": Cause(
        "The signature names no key of the system",
        "The keyid of the signature is none of the system's key ids. " + _KEY,
        "Give the sender the key id as it stands on the system's page; it goes into 'keyid'. " + _STRANGER,
    ),
    "bad_digest": Cause(
        "The content digest is not that of the body",
        "The signature is right, but the body is not the one whose digest it covers: something changed it on the way.",
        "Have the sender compute content-digest over the very bytes that it sends, compressed ones included.",
    ),
    "untrusted_proxy": Cause(
        "The client certificate came from nobody who is believed",
        "A request carried a client certificate in its header, but did not come from one of the believed proxies.",
        "Set integration_trusted_proxies in the server's configuration to the address of your proxy. " + _STRANGER,
    ),
    "certificate_not_valid": Cause(
        "The client certificate is not valid at this time",
        "The certificate is registered, but has ended or is not valid yet.",
        "Have the sender renew its certificate, and register the new one before.",
    ),
    "incomplete_body": Cause(
        "The body ended early",
        "The sender hung up, sent too slowly, or its chunks are broken, before the body was complete.",
        "If it happens often, look at the network between the sender and Odoo, and at timeouts of proxies.",
    ),
    "body_too_large": Cause(
        "The body is too large",
        "The body has more bytes than this server reads, or than the system may send.",
        "Have the sender split its messages, or raise the largest message of the system.",
    ),
    "rate_limited": Cause(
        "Too many messages",
        "The system has used up its messages per minute. The sender was told when to come back; then nothing is lost.",
        "If the system needs more, raise its messages per minute; otherwise have the sender keep to Retry-After.",
    ),
    "backlog": Cause(
        "Too much work is waiting",
        "More messages wait to be worked off than this server may have waiting, or a change of settings did not end.",
        "Look on the Overview at what is stuck or slow, and start more workers. Senders come back by themselves.",
    ),
    "unusable_schema": Cause(
        "The schema of the event type cannot be used",
        "The message was not judged: the JSON Schema of its event type cannot be applied.",
        "Mend the schema on the form of the event type. Senders come back by themselves; nothing is lost.",
    ),
    "not_kept": Cause(
        "Refused; too many refused messages are open to keep it",
        "The system has so many open refused messages that this one was not kept, only counted.",
        "Settle the system's open refused messages, then have the sender send these again.",
    ),
}
"""By cause, in the order in which they are shown."""


def clean_claim(text: str) -> str:
    """Return what a sender calls itself in characters that are harmless on every screen and in every log."""
    return _NOT_PLAIN.sub("?", text[:_MAX_CLAIM_CHARS]) or "?"


@dataclass(frozen=True)
class Row:
    """What is counted together. ``minute`` is naive UTC without seconds."""

    minute: datetime
    cause: str
    claimed: str
    address: str

    def among_others(self) -> Row:
        """Return the row that counts this one when it is no longer told apart."""
        return replace(self, claimed=OTHERS, address=OTHERS)


@dataclass
class Count:
    """How often, when first and last (naive UTC), and the newest request ids."""

    times: int
    first_at: datetime
    last_at: datetime
    request_ids: list[str] = field(default_factory=list)

    def add(self, other: Count) -> None:
        """Count what ``other`` counted, too; it is the later one where their times do not tell."""
        self.times += other.times
        self.first_at = min(self.first_at, other.first_at)
        self.last_at = max(self.last_at, other.last_at)
        self.request_ids = [*self.request_ids, *other.request_ids][-MAX_REQUEST_IDS:]


Counts = dict[Row, Count]


def _add(counts: Counts, row: Row, count: Count) -> None:
    if row in counts:
        counts[row].add(count)
    else:
        counts[row] = replace(count, request_ids=list(count.request_ids))


def folded(counts: Counts, stored: Iterable[Row], known: Set[str]) -> Counts:
    """Return ``counts`` as they may be stored beside the rows of the same minutes that are stored already.

    :param stored: all stored rows of these minutes, whichever process has counted them
    :param known: the codes of registered systems
    """
    there = set(stored)
    room: dict[tuple[datetime, bool], int] = {}
    for row in there:
        if row.claimed != OTHERS:
            place = (row.minute, row.claimed in known)
            room[place] = room.get(place, ROWS_PER_MINUTE) - 1
    found: Counts = {}
    for row, count in counts.items():
        place = (row.minute, row.claimed in known)
        if row not in there and row.claimed != OTHERS:
            left = room.get(place, ROWS_PER_MINUTE)
            if left <= 0:
                _add(found, row.among_others(), count)
                continue
            room[place] = left - 1
        _add(found, row, count)
    return found


class RefusalLedger:
    """What this process has counted and not stored yet. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: Counts = {}
        self._started: dict[bool, set[Row]] = {}
        self._minute: datetime | None = None

    def note(
        self, cause: str, *, claimed: str, address: str, at: datetime, request_id: str, known: bool = False
    ) -> None:
        """Count one refusal at ``at`` (naive UTC); ``known``: the claimed system is a registered one."""
        minute = at.replace(second=0, microsecond=0)
        row = Row(minute, cause, clean_claim(claimed), clean_claim(address[:_MAX_ADDRESS_CHARS]))
        with self._lock:
            _add(self._pending, self._told_apart(row, known), Count(1, at, at, [request_id]))

    def _told_apart(self, row: Row, known: bool) -> Row:
        """Return ``row``, or the one of the others when this process has started too many.

        How many rows are really stored is decided when they are; this bounds what is remembered until then.
        """
        if row.minute != self._minute:
            self._minute, self._started = row.minute, {}
        if row in self._pending:
            return row
        started = self._started.setdefault(known, set())
        too_many = row not in started and len(started) >= ROWS_PER_MINUTE
        if too_many or len(self._pending) >= MAX_PENDING:
            return self._crowd(row)
        started.add(row)
        return row

    def _crowd(self, row: Row) -> Row:
        others = row.among_others()
        if len(self._pending) < MAX_PENDING or others in self._pending:
            return others
        # Nothing could be stored for so long that even this row is one too many: it goes with an earlier minute's.
        same = (old for old in reversed(self._pending) if old.cause == row.cause and old.claimed == OTHERS)
        return next(same, others)

    def take(self) -> Counts:
        """Return everything counted since the last call; the caller stores it."""
        with self._lock:
            pending, self._pending = self._pending, {}
            return pending

    def put_back(self, counts: Counts) -> None:
        """Remember again what could not be stored."""
        with self._lock:
            later, self._pending = self._pending, {}
            for row, count in [*counts.items(), *later.items()]:
                full = row not in self._pending and len(self._pending) >= MAX_PENDING
                _add(self._pending, self._crowd(row) if full else row, count)
