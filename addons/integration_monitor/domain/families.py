"""The metrics that the suite exposes. ``docs/metrics.md`` has them in a table, which a test compares with this one.

Labels are what administrators named (systems, endpoints, subscriptions), or words of fixed lists. Their number is
bounded by the configuration, never by what is received: no label is taken from a message.
"""

from __future__ import annotations

from typing import Final

from .openmetrics import Definition, Family, Kind

PREFIX: Final = "odoo_integration_"
PARTS: Final = ("received", "applied", "waiting", "parked", "rejected", "duplicate", "unaccounted")
"""Parts of the equation, and what is left over: nothing, unless something was lost."""
LATENCY_BOUNDS: Final = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0, 86400.0),
)
"""Upper bounds (s) of the slots that the engine counts latencies in."""


def _of(name: str, kind: Kind, text: str, *labels: str, unit: str = "", bounds: tuple[float, ...] = ()) -> Definition:
    return Definition(f"{PREFIX}{name}", kind, text, labels, unit, bounds)


DEFINITIONS: Final = (
    _of("build", Kind.INFO, "Installed addons of the suite and their versions.", "module", "version"),
    _of("ready", Kind.GAUGE, "1 when messages are accepted and sent, 0 when not: the set-up check says why."),
    _of(
        "received_units",
        Kind.COUNTER,
        "Lines (messages, where they have none) that live systems sent, by what the gate answered.",
        *("system", "outcome"),
    ),
    _of(
        "equation_units",
        Kind.GAUGE,
        "The equation of yesterday and today: what was received, and what became of it. 'unaccounted' must be 0.",
        *("system", "part"),
    ),
    _of(
        "equation_amount",
        Kind.GAUGE,
        "The equation of yesterday and today in money as sent. 'unaccounted' must be 0.",
        *("system", "part", "currency"),
    ),
    _of("parked_lines", Kind.GAUGE, "Lines that wait for a person, however old they are.", "system"),
    _of("parked_amount", Kind.GAUGE, "Money of the charges that wait for a person, as sent.", "system", "currency"),
    _of(
        "tries",
        Kind.COUNTER,
        "Tries to deliver, by how they ended.",
        *("subscription", "consumer", "lane", "outcome"),
    ),
    _of(
        "delivery_latency_seconds",
        Kind.HISTOGRAM,
        "From the commit of an event to the acknowledgement of its delivery.",
        *("subscription", "consumer", "lane"),
        unit="seconds",
        bounds=LATENCY_BOUNDS,
    ),
    _of("open_deliveries", Kind.GAUGE, "Deliveries that are not done yet, held ones included.", "lane"),
    _of("held_deliveries", Kind.GAUGE, "Open deliveries that a pause or a hold keeps back.", "lane"),
    _of("retrying_deliveries", Kind.GAUGE, "Open deliveries that were tried before.", "lane"),
    _of(
        "oldest_due_seconds",
        Kind.GAUGE,
        "For how long the oldest delivery has been due that nothing keeps back; 0 when none is.",
        "lane",
        unit="seconds",
    ),
    _of("dead_letters", Kind.GAUGE, "Deliveries that were given up and wait for a person.", "subscription", "consumer"),
    _of(
        "breakers",
        Kind.GAUGE,
        "Circuit breakers of an endpoint by state: its own and its origin's.",
        "endpoint",
        "state",
    ),
    _of(
        "endpoints", Kind.GAUGE, "Endpoints by state; a disabled one is not asked again by itself.", "endpoint", "state"
    ),
    _of("refused_messages", Kind.GAUGE, "Verified messages that were refused and wait for a person.", "system"),
    _of("mapping_tasks", Kind.GAUGE, "Codes that something waits for.", "system", "kind"),
    _of(
        "silence_seconds",
        Kind.GAUGE,
        "Since when a live system that may send, suspended or not, has sent nothing that could be verified.",
        "system",
        unit="seconds",
    ),
    _of(
        "credential_expiry_timestamp_seconds",
        Kind.GAUGE,
        "When the last key in force of an active system or endpoint ends, or ended (Unix time); +Inf: one has no end.",
        *("system", "endpoint", "use"),
        unit="seconds",
    ),
    _of("engine_processes", Kind.GAUGE, "Engine processes by kind and state.", "kind", "state"),
    _of(
        "engine_heartbeat_age_seconds",
        Kind.GAUGE,
        "Since the last sign of life of any engine process of this kind.",
        "kind",
        unit="seconds",
    ),
    _of("unsealed_audit_rows", Kind.GAUGE, "Rows of the audit trail that are not sealed yet."),
    _of("unsealed_audit_age_seconds", Kind.GAUGE, "Age of the oldest of them; 0 without any.", unit="seconds"),
    _of(
        "figures_timestamp_seconds",
        Kind.GAUGE,
        "When the engine last counted what it counts in the background (Unix time); 0: never.",
        unit="seconds",
    ),
)
"""Every family, in the order in which they are told."""


def empty() -> dict[str, Family]:
    """Return {name without the prefix: family without samples} of all of them."""
    return {told.name.removeprefix(PREFIX): Family(told) for told in DEFINITIONS}
