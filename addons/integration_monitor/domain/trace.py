"""Trace: what happened in one business flow, in order, told in as few steps as say it.

Whoever gathers makes a :class:`Step` of each fact: a message was accepted, a charge approved, a delivery failed.
:func:`arrange` puts them in order, makes one of those that say the same at the same time (a bill of forty lines is
approved once), and leaves out what is beyond a limit, never what somebody has to see to. The texts are plain English;
``_`` marks them for translation, which is looked up where they are shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Final

# pylint: disable=prefer-env-translation; there is no env here, the screen looks the marked texts up

MOST_STEPS: Final = 200
"""Steps that one page shows at most."""
MOST_RECORDS: Final = 80
"""Records that one step opens at most."""
SAME_TIME: Final = timedelta(minutes=1)
"""What says the same within this time of the first of it is one step."""
LONGEST_TEXT: Final = 255
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LINE: Final = re.compile(r"(?P<encounter>.+?)\s+/\s+(?P<line>\S+)")


def _(text: str) -> str:
    """Mark a text for the translators and return it as it is."""
    return text


class Stage(str, Enum):
    """Where in a flow a step belongs, in the order in which flows go."""

    MESSAGE = "message"
    MAPPING = "mapping"
    CHARGE = "charge"
    APPROVAL = "approval"
    ORDER = "order"
    GOODS = "goods"
    INVOICE = "invoice"
    PAYMENT = "payment"
    EVENT = "event"
    DELIVERY = "delivery"

    @property
    def label(self) -> str:
        """The stage in words."""
        return _STAGE_LABELS[self]

    @property
    def place(self) -> int:
        """Its place in the order."""
        return _PLACES[self]


class Level(str, Enum):
    """How a step stands. What waits or is a problem needs somebody, or time."""

    PROBLEM = "problem"
    WAITING = "waiting"
    DONE = "done"
    NOTE = "note"
    HIDDEN = "hidden"

    @property
    def is_open(self) -> bool:
        """Whether the flow has not got past it."""
        return self in (Level.PROBLEM, Level.WAITING)


_STAGE_LABELS: Final[Mapping[Stage, str]] = {
    Stage.MESSAGE: _("Message"),
    Stage.MAPPING: _("Mapping"),
    Stage.CHARGE: _("Charge"),
    Stage.APPROVAL: _("Approval"),
    Stage.ORDER: _("Purchase order"),
    Stage.GOODS: _("Goods"),
    Stage.INVOICE: _("Invoice"),
    Stage.PAYMENT: _("Payment"),
    Stage.EVENT: _("Event"),
    Stage.DELIVERY: _("Delivery"),
}
OF_ORDERS: Final = (Stage.ORDER, Stage.GOODS)
"""Stages that only what is ordered has."""
OF_SERVICES: Final = tuple(stage for stage in Stage if stage not in OF_ORDERS)
"""Stages of what begins with a service."""
OF_SUPPLIERS: Final = tuple(stage for stage in OF_SERVICES if stage is not Stage.CHARGE)
"""Stages of what is known about a supplier or payer."""
_PLACES: Final[Mapping[Stage, int]] = {stage: place for place, stage in enumerate(Stage)}
_WORST_FIRST: Final[Mapping[Level, int]] = {level: rank for rank, level in enumerate(Level)}


class What(str, Enum):
    """What a step says. Stable codes; their stage, level and words stand in one table below."""

    MESSAGE_ACCEPTED = "message_accepted"
    MESSAGE_DUPLICATE = "message_duplicate"
    MESSAGE_REJECTED = "message_rejected"
    MESSAGE_PARKED = "message_parked"
    PROPOSED = "proposed"
    CODE_WAITS = "code_waits"
    CODE_MAPPED = "code_mapped"
    CODE_DISMISSED = "code_dismissed"
    ENTITY_MADE = "entity_made"
    CHARGE_MADE = "charge_made"
    CHARGE_PARKED = "charge_parked"
    CHARGE_HELD = "charge_held"
    CHARGE_WITHDRAWN = "charge_withdrawn"
    CHARGE_REVERSED = "charge_reversed"
    CHARGE_REJECTED = "charge_rejected"
    VOID_APPLIED = "void_applied"
    VOID_WAITS = "void_waits"
    VOID_PARKED = "void_parked"
    VOID_DISMISSED = "void_dismissed"
    APPROVAL_WAITS = "approval_waits"
    APPROVED = "approved"
    REFUSED = "refused"
    BANK_WITHHELD = "bank_withheld"
    BANK_USABLE = "bank_usable"
    BANK_REFUSED = "bank_refused"
    ORDER_DRAFT = "order_draft"
    ORDER_WAITS = "order_waits"
    ORDER_CONFIRMED = "order_confirmed"
    ORDER_CANCELLED = "order_cancelled"
    GOODS_WAIT = "goods_wait"
    GOODS_MOVED = "goods_moved"
    GOODS_CANCELLED = "goods_cancelled"
    BILL_EXPECTED = "bill_expected"
    DRAFT_DUE = "draft_due"
    DRAFT_FAILED = "draft_failed"
    DRAFT_MADE = "draft_made"
    DRAFT_WAITS = "draft_waits"
    INVOICE_POSTED = "invoice_posted"
    INVOICE_CANCELLED = "invoice_cancelled"
    CREDIT_MADE = "credit_made"
    CREDIT_WAITS = "credit_waits"
    CREDIT_POSTED = "credit_posted"
    PAYMENT_WAITS = "payment_waits"
    PAYMENT_DRAFT = "payment_draft"
    PAYMENT_MADE = "payment_made"
    PAYMENT_CANCELLED = "payment_cancelled"
    PAYMENT_REJECTED = "payment_rejected"
    EVENT_EMITTED = "event_emitted"
    DELIVERY_DONE = "delivery_done"
    DELIVERY_WAITS = "delivery_waits"
    DELIVERY_FAILS = "delivery_fails"
    DELIVERY_DEAD = "delivery_dead"
    DELIVERY_SKIPPED = "delivery_skipped"
    HIDDEN = "hidden"

    @property
    def stage(self) -> Stage:
        """Where in a flow it belongs."""
        return _TABLE[self][0]

    @property
    def level(self) -> Level:
        """How a flow stands at it."""
        return _TABLE[self][1]

    @property
    def words(self) -> str:
        """What people read."""
        return _TABLE[self][2]


_TABLE: Final[Mapping[What, tuple[Stage, Level, str]]] = {
    What.MESSAGE_ACCEPTED: (Stage.MESSAGE, Level.DONE, _("Message accepted")),
    What.MESSAGE_DUPLICATE: (Stage.MESSAGE, Level.NOTE, _("Sent again: counted as a duplicate")),
    What.MESSAGE_REJECTED: (Stage.MESSAGE, Level.NOTE, _("Message rejected")),
    What.MESSAGE_PARKED: (Stage.MESSAGE, Level.PROBLEM, _("Message parked")),
    What.PROPOSED: (Stage.MESSAGE, Level.DONE, _("Proposed by a system")),
    What.CODE_WAITS: (Stage.MAPPING, Level.PROBLEM, _("Code without a meaning")),
    What.CODE_MAPPED: (Stage.MAPPING, Level.DONE, _("Code mapped")),
    What.CODE_DISMISSED: (Stage.MAPPING, Level.NOTE, _("Code dismissed")),
    What.ENTITY_MADE: (Stage.MAPPING, Level.DONE, _("Became a canonical entity")),
    What.CHARGE_MADE: (Stage.CHARGE, Level.DONE, _("Charge recorded")),
    What.CHARGE_PARKED: (Stage.CHARGE, Level.PROBLEM, _("Charge parked")),
    What.CHARGE_HELD: (Stage.CHARGE, Level.WAITING, _("Charge on hold")),
    What.CHARGE_WITHDRAWN: (Stage.CHARGE, Level.NOTE, _("Charge withdrawn")),
    What.CHARGE_REVERSED: (Stage.CHARGE, Level.NOTE, _("Charge reversed")),
    What.CHARGE_REJECTED: (Stage.CHARGE, Level.NOTE, _("Charge rejected")),
    What.VOID_APPLIED: (Stage.CHARGE, Level.DONE, _("Voided by its system")),
    What.VOID_WAITS: (Stage.CHARGE, Level.WAITING, _("Void waits for its line")),
    What.VOID_PARKED: (Stage.CHARGE, Level.PROBLEM, _("Void parked")),
    What.VOID_DISMISSED: (Stage.CHARGE, Level.NOTE, _("Void dismissed")),
    What.APPROVAL_WAITS: (Stage.APPROVAL, Level.WAITING, _("Waits for approval")),
    What.APPROVED: (Stage.APPROVAL, Level.DONE, _("Approved")),
    What.REFUSED: (Stage.APPROVAL, Level.NOTE, _("Not approved")),
    What.BANK_WITHHELD: (Stage.APPROVAL, Level.WAITING, _("Bank account withheld from payment")),
    What.BANK_USABLE: (Stage.APPROVAL, Level.DONE, _("Bank account usable")),
    What.BANK_REFUSED: (Stage.APPROVAL, Level.NOTE, _("Bank account not usable")),
    What.ORDER_DRAFT: (Stage.ORDER, Level.WAITING, _("Request for quotation")),
    What.ORDER_WAITS: (Stage.ORDER, Level.WAITING, _("Purchase order waits for approval")),
    What.ORDER_CONFIRMED: (Stage.ORDER, Level.DONE, _("Purchase order confirmed")),
    What.ORDER_CANCELLED: (Stage.ORDER, Level.NOTE, _("Purchase order cancelled")),
    What.GOODS_WAIT: (Stage.GOODS, Level.WAITING, _("Transfer waits")),
    What.GOODS_MOVED: (Stage.GOODS, Level.DONE, _("Transfer done")),
    What.GOODS_CANCELLED: (Stage.GOODS, Level.NOTE, _("Transfer cancelled")),
    What.BILL_EXPECTED: (Stage.INVOICE, Level.WAITING, _("Bill expected")),
    What.DRAFT_DUE: (Stage.INVOICE, Level.WAITING, _("Draft invoice to be made")),
    What.DRAFT_FAILED: (Stage.INVOICE, Level.PROBLEM, _("Draft invoice could not be made")),
    What.DRAFT_MADE: (Stage.INVOICE, Level.DONE, _("Draft invoice made")),
    What.DRAFT_WAITS: (Stage.INVOICE, Level.WAITING, _("Draft waits to be posted")),
    What.INVOICE_POSTED: (Stage.INVOICE, Level.DONE, _("Invoice posted")),
    What.INVOICE_CANCELLED: (Stage.INVOICE, Level.NOTE, _("Invoice cancelled")),
    What.CREDIT_MADE: (Stage.INVOICE, Level.DONE, _("Draft credit note made")),
    What.CREDIT_WAITS: (Stage.INVOICE, Level.WAITING, _("Draft credit note waits to be posted")),
    What.CREDIT_POSTED: (Stage.INVOICE, Level.DONE, _("Credit note posted")),
    What.PAYMENT_WAITS: (Stage.PAYMENT, Level.WAITING, _("Not paid yet")),
    What.PAYMENT_DRAFT: (Stage.PAYMENT, Level.WAITING, _("Draft payment")),
    What.PAYMENT_MADE: (Stage.PAYMENT, Level.DONE, _("Payment")),
    What.PAYMENT_CANCELLED: (Stage.PAYMENT, Level.NOTE, _("Payment cancelled")),
    What.PAYMENT_REJECTED: (Stage.PAYMENT, Level.NOTE, _("Payment rejected")),
    What.EVENT_EMITTED: (Stage.EVENT, Level.DONE, _("Event journalled")),
    What.DELIVERY_DONE: (Stage.DELIVERY, Level.DONE, _("Delivered")),
    What.DELIVERY_WAITS: (Stage.DELIVERY, Level.WAITING, _("Delivery waits")),
    What.DELIVERY_FAILS: (Stage.DELIVERY, Level.WAITING, _("Delivery failed, is tried again")),
    What.DELIVERY_DEAD: (Stage.DELIVERY, Level.PROBLEM, _("Dead letter")),
    What.DELIVERY_SKIPPED: (Stage.DELIVERY, Level.NOTE, _("Delivery skipped")),
    What.HIDDEN: (Stage.MESSAGE, Level.HIDDEN, _("Not visible to you")),
}


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt of a delivery.

    Attributes:
        at: Naive UTC.
        outcome: In words.
        reason: In words; empty where there is none.
        failed: Whether the next one was needed.
    """

    at: datetime
    outcome: str
    reason: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened, or that has to happen next.

    Attributes:
        what: What it is.
        at: When, naive UTC; None: not yet.
        names: What it is about: line numbers, the number of a document, a code, the type of an event.
        who: Names of people.
        reason: Why, in words.
        turn: Whose turn it is, in words; empty where nobody's.
        system: Name of the system it came from or goes to.
        model: Name of the model of its records.
        ids: Its records, as far as the reader may open them.
        hidden: How many of its records the reader may not open.
        amounts: Money by ISO 4217 code.
        tries: Attempts, in order.
        attempts: How many there were, those that ``tries`` leaves out included.
        test: Whether it is of a system in test.
        content: Id of the event whose content may be asked for; None where it may not.
        at_stage: The stage, where it does not follow from ``what``.
        count: How many facts this step stands for.
    """

    what: What
    at: datetime | None = None
    names: tuple[str, ...] = ()
    who: str = ""
    reason: str = ""
    turn: str = ""
    system: str = ""
    model: str = ""
    ids: tuple[int, ...] = ()
    hidden: int = 0
    amounts: Mapping[str, Decimal] = field(default_factory=dict)
    tries: tuple[Try, ...] = ()
    attempts: int = 0
    test: bool = False
    content: int | None = None
    at_stage: Stage | None = None
    count: int = 1

    @property
    def stage(self) -> Stage:
        """Where in the flow it belongs."""
        return self.at_stage or self.what.stage

    @property
    def level(self) -> Level:
        """How the flow stands at it."""
        return self.what.level


@dataclass(slots=True)
class Gathered:
    """What was found of a flow so far.

    Attributes:
        steps: In any order.
        blind: Stages that the reader's roles show nothing of.
        is_cut: Whether there is more than was read.
        related: Other flows that this one touches: (key, what it is called).
    """

    steps: list[Step] = field(default_factory=list)
    blind: set[Stage] = field(default_factory=set)
    is_cut: bool = False
    related: list[tuple[Key, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Timeline:
    """The steps of a flow in order.

    Attributes:
        steps: What is shown.
        left_out: How many steps are not.
    """

    steps: tuple[Step, ...]
    left_out: int = 0


def arrange(steps: Iterable[Step], most: int = MOST_STEPS) -> Timeline:
    """Return steps in order, equal ones as one, at most ``most`` of them.

    What is left out are the oldest of those that need nobody any more: who looks wants to know what is to be done.
    """
    merged = merge(sorted(steps, key=_order))
    surplus = len(merged) - most
    if surplus <= 0:
        return Timeline(tuple(merged))
    settled = [place for place, step in enumerate(merged) if not step.level.is_open]
    dropped = set(settled[:surplus])
    if len(dropped) < surplus:
        keep = [place for place in range(len(merged)) if place not in dropped]
        dropped.update(keep[: surplus - len(dropped)])
    return Timeline(tuple(step for place, step in enumerate(merged) if place not in dropped), surplus)


def _order(step: Step) -> tuple[bool, datetime, int, tuple[str, ...]]:
    """Sort by time, what has not happened yet last; within one moment as flows go."""
    return (step.at is None, step.at or datetime.max, step.stage.place, step.names)


def merge(steps: Sequence[Step]) -> list[Step]:
    """Return ordered steps with those as one that say the same of several things at the same time.

    Attempts stay apart: a step that has any is merged with none.
    """
    result: list[Step] = []
    places: dict[tuple[object, ...], int] = {}
    for step in steps:
        key = _sameness(step)
        place = places.get(key)
        if place is not None and not step.tries and _together(result[place], step):
            result[place] = _one(result[place], step)
        else:
            places[key] = len(result)
            result.append(step)
    return result


def _sameness(step: Step) -> tuple[object, ...]:
    """Return what two steps must share to be one."""
    apart: object = step.ids if step.tries or step.content else None
    return (step.what, step.stage, step.who, step.reason, step.turn, step.system, step.model, step.test, apart)


def _together(first: Step, other: Step) -> bool:
    if first.tries or first.content != other.content:
        return False
    if first.at is None or other.at is None:
        return first.at is other.at
    return other.at - first.at <= SAME_TIME


def _one(first: Step, other: Step) -> Step:
    """Return one step for two."""
    amounts = dict(first.amounts)
    for currency, amount in other.amounts.items():
        amounts[currency] = amounts.get(currency, Decimal(0)) + amount
    return replace(
        first,
        names=tuple(dict.fromkeys((*first.names, *other.names))),
        ids=tuple(dict.fromkeys((*first.ids, *other.ids)))[:MOST_RECORDS],
        hidden=first.hidden + other.hidden,
        amounts=amounts,
        attempts=first.attempts + other.attempts,
        count=first.count + other.count,
    )


@dataclass(frozen=True, slots=True)
class StageState:
    """How a flow stands at one stage.

    Attributes:
        stage: Which.
        level: The worst of its steps; None: it did not get there, or nothing is to be done there.
        count: What its steps stand for.
    """

    stage: Stage
    level: Level | None
    count: int = 0


def stage_states(steps: Iterable[Step], stages: Iterable[Stage], blind: Iterable[Stage] = ()) -> list[StageState]:
    """Return how a flow stands at each stage.

    :param stages: those that a flow of its kind has
    :param blind: those that the reader's roles show nothing of
    """
    by_stage: dict[Stage, list[Step]] = {}
    for step in steps:
        by_stage.setdefault(step.stage, []).append(step)
    unseen = set(blind)
    found = []
    for stage in stages:
        members = by_stage.get(stage, [])
        levels = [step.level for step in members]
        if stage in unseen and not any(level is not Level.HIDDEN for level in levels):
            found.append(StageState(stage, Level.HIDDEN))
        elif levels:
            worst = min(levels, key=_WORST_FIRST.__getitem__)
            found.append(StageState(stage, worst, sum(step.count for step in members)))
        else:
            found.append(StageState(stage, None))
    return found


def stuck_at(steps: Iterable[Step]) -> Step | None:
    """Return the step that says best why a flow does not go on; None when it waits for nothing.

    A problem goes before what only waits; of several the earliest in the flow, for the later ones wait for it.
    """
    found = [step for step in steps if step.level.is_open]
    return min(
        found,
        key=lambda step: (_WORST_FIRST[step.level], step.stage.place, step.at or datetime.max),
        default=None,
    )


# -- what is asked for


KINDS: Final = (
    "encounter",
    "invoice",
    "payment",
    "partner",
    "charge",
    "event",
    "delivery",
    "order",
    "transfer",
    "flow",
)
MODELS: Final[Mapping[str, str]] = {
    "account.move": "invoice",
    "account.payment": "payment",
    "res.partner": "partner",
    "integration.charge": "charge",
    "integration.event": "event",
    "integration.delivery": "delivery",
    "purchase.order": "order",
    "stock.picking": "transfer",
}
"""{model whose form has a button to its trace: kind of key}; those of apps that are not installed are not there."""


@dataclass(frozen=True, slots=True)
class Key:
    """What names a flow, in an address too: numbers of records and of encounters, nothing of a patient's.

    Attributes:
        kind: One of :data:`KINDS`.
        number: Id of the record; of the system, for an encounter; 0 for a flow of events.
        text: Number of the encounter, or the id that the events of a flow share; else empty.
    """

    kind: str
    number: int = 0
    text: str = ""

    def __str__(self) -> str:
        """Return the key as it stands in addresses."""
        parts = [self.kind, *([str(self.number)] if self.number else []), *([self.text] if self.text else [])]
        return "-".join(parts)


def read_key(text: str) -> Key | None:
    """Return the key that a text is, or None.

    >>> read_key("encounter-3-E-1001")
    Key(kind='encounter', number=3, text='E-1001')
    >>> read_key("account.move-7")
    Key(kind='invoice', number=7, text='')
    >>> read_key("encounter-3")
    """
    kind, _dash, rest = text.partition("-")
    kind = MODELS.get(kind, kind)
    if kind not in KINDS or len(text) > LONGEST_TEXT + 40:
        return None
    if kind == "flow":
        return Key(kind, 0, rest) if rest else None
    number, _dash, rest = rest.partition("-")
    if not (number.isascii() and number.isdigit() and 0 < int(number) < 2**31):
        return None
    if (kind == "encounter") != bool(rest):
        return None
    return Key(kind, int(number), rest)


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody typed, and what it may be.

    Attributes:
        text: As typed, trimmed.
        encounter: Number of an encounter that it may be.
        is_uuid: Whether it looks like the id of an event.
    """

    text: str
    encounter: str
    is_uuid: bool = False


def asked(text: str) -> Asked | None:
    """Return what a typed text may be; None for nothing that can be looked for.

    >>> asked(" E-1001 / 2 ")
    Asked(text='E-1001 / 2', encounter='E-1001', is_uuid=False)
    """
    text = text.strip()
    if not text or len(text) > LONGEST_TEXT:
        return None
    line = _LINE.fullmatch(text)
    return Asked(text, line["encounter"] if line else text, bool(_UUID.fullmatch(text)))
