"""What is checked of a verified message, in the contract's order: strict JSON, CloudEvents, type, grant, schema.

The same function judges a message when it arrives and when an operator replays one that was refused.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from . import catalogue, envelope, hashing, strict_json, subschemas
from .envelope import Envelope, EnvelopeError
from .schema import CompiledSchema, Violation
from .strict_json import StrictJsonError


@dataclass(frozen=True)
class TypeFacts:
    """What is known of an event type for the system that sends it."""

    known: bool
    retired: bool = False
    granted: bool = False
    schema: CompiledSchema | None = None


@dataclass(frozen=True)
class Refusal:
    """Why a message is refused: the problem to answer with, and a stable code for operators."""

    segment: str
    detail: str
    code: str
    errors: tuple[Violation, ...] = ()


@dataclass(frozen=True)
class AcceptedEvent:
    """A message that holds; ``digest`` is the SHA-256 of its body after content-decoding."""

    envelope: Envelope
    digest: str


def accept(body: bytes, *, system_code: str, type_facts: Callable[[str], TypeFacts]) -> AcceptedEvent | Refusal:
    """Judge a verified and decoded body of a system. ``type_facts`` looks an event type up by name."""
    try:
        event = envelope.parse(strict_json.loads(body), expected_source=envelope.inbound_source(system_code))
    except StrictJsonError as error:
        return Refusal("malformed-body", error.told(_known_names()).detail, error.fault.value)
    except EnvelopeError as error:
        return Refusal("malformed-event", str(error), "malformed_event")
    refusal = _judge_type(event, type_facts(event.type))
    return refusal or AcceptedEvent(event, hashing.body_digest(body))


@functools.lru_cache(maxsize=1)
def _known_names() -> frozenset[str]:
    """Return the names that a place in a malformed body is told by: of which type it would be is not known."""
    names = {name for entry in catalogue.entries() for name in subschemas.names(catalogue.schema(entry.type))}
    return frozenset(names | envelope.ATTRIBUTES)


def _judge_type(event: Envelope, facts: TypeFacts) -> Refusal | None:
    if not facts.known or facts.schema is None:  # without a schema nothing can be accepted
        return _type_refusal("the event type is not known here", "unknown_type")
    if facts.retired:
        return _type_refusal("the event type is retired", "retired_type")
    if not facts.granted:
        detail = "this system may not send events of this type"
        return Refusal("event-type-not-granted", detail, "not_granted")
    violations = facts.schema.validate(event.data)
    if violations:
        detail = "the data does not satisfy the schema of its type"
        return Refusal("schema-violation", detail, "schema_violation", tuple(violations))
    return None


def _type_refusal(detail: str, code: str) -> Refusal:
    return Refusal("schema-violation", detail, code, (Violation("/type", detail),))
