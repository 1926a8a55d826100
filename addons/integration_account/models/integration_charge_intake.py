from dataclasses import dataclass
from datetime import timezone
from typing import Any

from odoo import api, fields, models
from odoo.addons.integration_core.domain import decimals, timestamps, units
from psycopg2.errors import SerializationFailure, UniqueViolation

from ..domain import lines


@dataclass(frozen=True)
class Incoming:
    """One line as it came in."""

    event: Any
    unit: str
    encounter: Any
    content: lines.Line
    payer: dict

    @property
    def key(self):
        """The name under which there is one charge for ever."""
        return (self.event.system_id.id, self.event.mode, self.encounter.name, self.content.line)


class IntegrationChargeIntake(models.AbstractModel):
    """Turns finalized lines into charges.

    One charge per (system, encounter, line) for ever, whatever arrives how often and in which order.
    """

    _name = "integration.charge.intake"
    _description = "Intake of charges"

    @api.model
    def _take(self, batch):
        """Take the lines of ``clinical.service.finalized`` events.

        :param batch: list of ``HandledEvent`` of one company
        """
        incoming = self._read(batch)
        while incoming:
            # A line that comes twice in one batch waits for the next wave, where the first is already known.
            wave, later, taken = [], [], set()
            for one in incoming:
                (later if one.key in taken else wave).append(one)
                taken.add(one.key)
            self._take_wave(wave)
            incoming = later

    def _read(self, batch):
        incoming = []
        encounters = self._encounters(batch)
        # An admission that commits from here on waits for these lines, and finds them: see _chore_recheck.
        self.env["integration.encounter"].union(*encounters.values())._lock("SHARE")
        for handled in batch:
            told_at = handled.event.occurred_at or handled.event.received_at
            contents = lines.read_lines(
                handled.data, moment=told_at.replace(tzinfo=timezone.utc), parse_time=timestamps.parse
            )
            names = self._names(handled.data)
            encounter = encounters[handled.event.system_id, handled.mode, handled.data["encounter"]]
            terms = contents[0].terms if contents else None
            told = self.env["integration.charge"]._payer_values(
                handled.event.system_id, handled.event.company_id, terms, told_at
            )
            incoming += [
                Incoming(handled.event, name, encounter, content, told)
                for name, content in zip(names, contents, strict=True)
            ]
        return incoming

    @api.model
    def _names(self, data):
        """Return the name of each line of a message, as its receipts and effects have it."""
        return units.line_names(data["lines"])

    @api.model
    def _encounters(self, batch):
        """Return ``{(system, mode, number): encounter}`` for the events of ``batch``."""
        wanted = {}
        hasher = self.env["integration.keyring"]._hasher()
        for handled in batch:
            system = handled.event.system_id
            patients = wanted.setdefault((system, handled.mode, handled.event.company_id), {})
            number = handled.data.get("patient", {}).get("id")
            # Patient numbers are not finance data: a keyed hash tells two patients apart and no more.
            told = number and hasher.hash(number, scope=f"patient:{system.code}")
            patients[handled.data["encounter"]] = told or patients.get(handled.data["encounter"])
        result = {}
        for (system, mode, company), patients in wanted.items():
            found = self.env["integration.encounter"]._ensure(system, company, mode, patients)
            result.update({(system, mode, name): encounter for name, encounter in found.items()})
        return result

    @api.model
    def _tell(self, batch, told_field, values_of):
        """Write what messages tell of their encounters; one that is older than what is known changes nothing.

        Messages may overtake each other: an older admission or discharge does not undo a newer one.

        :param str told_field: the encounter's field that keeps the time of the newest such message
        :param values_of: called with the message and its time (naive UTC), returns the encounter's values
        """
        encounters = self._encounters(batch)
        touched = self.env["integration.encounter"]
        touched.union(*encounters.values())._lock("NO KEY UPDATE")
        for handled in batch:
            encounter = encounters[handled.event.system_id, handled.mode, handled.data["encounter"]]
            told_at = handled.event.occurred_at or handled.event.received_at
            if not encounter[told_field] or encounter[told_field] <= told_at:
                encounter.write({told_field: told_at, **values_of(handled, told_at)})
                touched |= encounter
            handled.event._record_effects([("", "applied", None, encounter)])
        touched._let_recheck()

    def _take_wave(self, wave):
        known = self._known(wave)
        values, revisions = [], []
        for one in wave:
            rows = known.get(one.key, self.env["integration.charge"])
            verdict = lines.judge(one.content, [lines.Known(r.revision, r.content_digest, r.current) for r in rows])
            present = rows.filtered("current")
            match verdict:
                case lines.Verdict.NEW:
                    values.append(self._charge_values(one))
                case lines.Verdict.REVISION:
                    revisions.append((one, present))
                case lines.Verdict.CONFLICT:
                    values.append(self._conflict_values(one, present))
                case lines.Verdict.SAME | lines.Verdict.NEWER_SAME:
                    self._note_same(one, present)
        for one, present in revisions:
            present._reverse(one.event, self.env._("Corrected"))
            present.current = False
            self._close_conflicts(known[one.key], one)
            values.append({**self._charge_values(one), "supersedes_id": present.id})
        if values:
            self.env["integration.charge"].flush_model(["current"])
            self._create(values)._settle_new()

    def _create(self, values):
        """Create charges. Another worker may have created one of them since this transaction began to look.

        The unique index tells, and the engine repeats the batch, which then sees the other's charge.
        """
        try:
            return self.env["integration.charge"].create(values)
        except UniqueViolation as error:
            raise SerializationFailure("a charge of this name was created at the same time") from error

    def _known(self, wave):
        """Return ``{key: charges}`` of everything known under the names of ``wave``; one query."""
        keys = {one.key for one in wave}
        # sudo: the facility may have put a charge into another company than this message's
        rows = (
            self.env["integration.charge"]
            .sudo()
            .search(
                [
                    ("system_id", "in", list({key[0] for key in keys})),
                    ("encounter", "in", list({key[2] for key in keys})),
                    ("line", "in", list({key[3] for key in keys})),
                ]
            )
        )
        return rows.grouped(lambda row: (row.system_id.id, row.mode, row.encounter, row.line))

    def _close_conflicts(self, rows, one):
        """A higher revision settles what was in conflict before: take it off people's desk."""
        settled = rows.filtered(lambda row: row.park_reason == "conflict" and row.state == "parked")
        settled.write({"state": "withdrawn", "ended_reason": self.env._("Revision %s came.", one.content.revision)})
        settled._state_effects()

    def _note_same(self, one, present):
        """The same content again: no effect, but a higher revision is remembered."""
        if one.content.revision > present.revision and one.content.digest == present.content_digest:
            present.revision = one.content.revision
        one.event._record_effects([(one.unit, "duplicate", "same_content", present)])

    def _conflict_values(self, one, present):
        difference = self._difference(one, present)
        currency = self.env["res.currency"].search([("name", "=", one.content.currency)])
        return {
            **self._charge_values(one),
            "currency_id": currency.id,
            "amount": float(one.content.amount or 0),
            "current": False,
            "park_reason": "conflict",
            "park_detail": self.env._(
                "Line %(line)s was sent before with other content (%(difference)s) and without a higher revision. "
                "Nothing was overwritten: accept this content, or reject it.",
                line=one.content.line,
                difference=difference,
            ),
            "parked_since": fields.Datetime.now(),
        }

    def _difference(self, one, present):
        new = self._charge_values(one)
        names = (
            "service_code",
            "quantity_sent",
            "unit_price_sent",
            "currency_code",
            "department",
            "cost_center",
            "performed_at",
        )
        labels = [
            present._fields[name].string.lower() for name in names if (new[name] or False) != (present[name] or False)
        ]
        return ", ".join(labels) or self.env._("payer or other details")

    def _charge_values(self, one):
        content, event = one.content, one.event
        resolver = self.env["integration.charge.resolver"]
        performed_at = resolver._naive(content.performed_at)
        amount = content.amount
        return {
            **one.payer,
            "system_id": event.system_id.id,
            "company_id": event.company_id.id,
            "event_id": event.id,
            "unit": one.unit,
            "mode": event.mode,
            "encounter_id": one.encounter.id,
            "encounter": one.encounter.name,
            "line": content.line,
            "revision": content.revision,
            "content_digest": content.digest,
            "service_code": content.service,
            "code_system": content.code_system,
            "display": content.display,
            "quantity_sent": decimals.to_text(content.quantity),
            "unit_price_sent": None if content.unit_price is None else decimals.to_text(content.unit_price),
            "currency_code": content.currency,
            "uom_sent": content.unit,
            "amount_sent": float(amount or 0),
            "priced": amount is not None,
            "department": content.department,
            "cost_center": content.cost_center,
            "facility": content.facility,
            "claim": content.claim,
            "performed_at": performed_at,
            "service_day": resolver._local_day(performed_at, resolver._zone(event.system_id)),
            "received_at": event.received_at,
            "state": "parked",
        }
