import json

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError
from odoo.tools import SQL

from ..domain import catalogue, disclosure, schema
from ..domain.book import EventType
from ..domain.clearance import Clearance, classify
from ..fields import refuse_if_used

CLASSES = [
    (Clearance.PUBLIC.value, "Public data"),
    (Clearance.INTERNAL.value, "Internal data"),
    (Clearance.FINANCE.value, "Finance data"),
    (Clearance.PATIENT.value, "Patient data"),
]
"""What an event type carries and a system is cleared for, in the same words."""
LANES = [("critical", "Critical"), ("normal", "Normal"), ("bulk", "Bulk")]
LANE_RANK = {"critical": 0, "normal": 1, "bulk": 2}


def lane_ranks():
    """Return the ``WHEN`` branches of an SQL ``CASE`` that turn a lane's name into its rank."""
    return SQL(" ").join(SQL("WHEN %s THEN %s", name, rank) for name, rank in LANE_RANK.items())


class IntegrationEventType(models.Model):
    """An entry of the catalogue: what a kind of event means, what its data must look like and who owns it."""

    _name = "integration.event.type"
    _inherit = [
        "mail.thread",
        "integration.approval.mixin",
        "integration.audited.mixin",
        "integration.portable.mixin",
    ]
    _description = "Event type"
    _order = "name"

    _approval_guarded = ("schema_json", "patient_data", "finance_data", "sunset", "unit", "priced")
    _approval_protected = ("state",)
    _audit_name = "event_type"
    _approval_shown = ("name", "title")

    name = fields.Char(required=True, index=True, help="<domain>.<entity>.<past participle>.v<major>")
    title = fields.Char(required=True, translate=True)
    description = fields.Text(translate=True)
    direction = fields.Selection(
        [("inbound", "Inbound"), ("outbound", "Outbound"), ("internal", "Internal")], required=True, index=True
    )
    lane = fields.Selection(LANES, required=True, default="normal", help="Who waits when there is much to do.")
    owner = fields.Char("Owning role", help="Role or body that owns the meaning of this event.")
    owner_id = fields.Many2one("res.users", "Responsible", tracking=True)
    state = fields.Selection(
        [("draft", "Draft"), ("approved", "Approved"), ("deprecated", "Deprecated"), ("retired", "Retired")],
        default="draft",
        required=True,
        tracking=True,
    )
    sunset = fields.Date(help="From this day on the type is refused.")
    patient_data = fields.Boolean(help="Its data may name a patient.")
    finance_data = fields.Boolean(help="Its data carries amounts.")
    classification = fields.Selection(
        CLASSES,
        compute="_compute_classification",
        help="How confidential its data are; a system must be cleared for it.",
    )
    unit = fields.Selection([("line", "Line"), ("message", "Message")], default="message", required=True)
    priced = fields.Boolean(help="Its units have a price; one without is counted under 'price unknown'.")
    desk = fields.Boolean("To a person's desk", help="Stored and shown to a person until something handles it.")
    schema_json = fields.Text("JSON Schema", help="JSON Schema 2020-12 of the event's data.")
    example_json = fields.Text("Example")

    _name_uniq = models.UniqueIndex("(name)", "There is already an event type of that name.")

    def init(self):
        self.env["integration.configuration"]._follow(self._table)

    def action_approve(self):
        """Approve, for every company."""
        self._check_in_every_company()
        return super().action_approve()

    def action_reject(self, reason=None):
        """Send it back to its author."""
        self._check_in_every_company()
        return super().action_reject(reason)

    @api.model
    def _check_in_every_company(self):
        if not self.env.user._is_in_every_company():
            raise AccessError(
                self.env._("An event type holds for every company, and you are not allowed in all of them.")
            )

    @api.constrains("state")
    def _check_approved_schema(self):
        """Refuse to approve such a schema; a type that has one may always be taken back or retired."""
        self.filtered(lambda event_type: event_type.state == "approved")._check_schema()

    @api.constrains("schema_json")
    def _check_schema(self):
        """Refuse a schema that could not be applied: whoever sends such events would be told 503 until it is mended."""
        for event_type in self:
            try:
                event_type._compiled_schema()
            except schema.SchemaError as error:
                raise ValidationError(
                    self.env._(
                        "The JSON Schema of %(name)s cannot be used. At %(place)s: %(detail)s.",
                        name=event_type.name,
                        place=error.pointer or self.env._("the top"),
                        detail=error.detail,
                    )
                ) from None

    @api.constrains("schema_json", "patient_data", "finance_data")
    def _check_classification(self):
        """Refuse a type that says to be less confidential than its schema says of one of its fields."""
        self._check_schema()
        for event_type in self.filtered("schema_json"):
            kind = Clearance(event_type.classification)
            named = disclosure.classes_of(json.loads(event_type.schema_json))
            if any(one.rank > kind.rank for one in named):
                raise ValidationError(
                    self.env._(
                        "The schema of %s says of a field that it is more confidential than the type. Tick “patient "
                        "data” or “finance data”, or correct the field.",
                        event_type.name,
                    )
                )

    @api.depends("patient_data", "finance_data")
    def _compute_classification(self):
        for kind in self:
            kind.classification = classify(patient_data=kind.patient_data, finance_data=kind.finance_data).value

    @api.model
    def _load_catalogue(self):
        """Create or refresh the event types that ship with the suite; approved by its release."""
        known = {record.name: record for record in self.with_context(active_test=False).search([])}
        for entry in catalogue.entries():
            values = self._catalogue_values(entry)
            if record := known.get(entry.type):
                record.write(values)
            else:
                self.create({**values, "name": entry.type, "state": "approved", "approval_state": "approved"})

    @api.model
    def _catalogue_values(self, entry):
        return {
            "title": entry.title,
            "description": entry.description,
            "direction": entry.direction,
            "lane": entry.lane,
            "owner": entry.owner,
            "patient_data": entry.patient_data,
            "finance_data": entry.finance_data,
            "unit": entry.unit,
            "priced": entry.type == "clinical.service.finalized.v1",
            "desk": entry.desk,
            "schema_json": json.dumps(catalogue.schema(entry.type), indent=2, ensure_ascii=False),
            "example_json": json.dumps(catalogue.example(entry.type), indent=2, ensure_ascii=False),
        }

    @api.model
    def _portable_key(self):
        return ("name",)

    @api.model
    def _portable_fields(self):
        return [
            "title",
            "description",
            "direction",
            "lane",
            "owner",
            "sunset",
            "patient_data",
            "finance_data",
            "unit",
            "priced",
            "desk",
            "schema_json",
        ]

    @api.model
    def _portable_carried(self):
        """The customer's own: what the suite ships is there already, as its release says."""
        return [("name", "not in", [entry.type for entry in catalogue.entries()]), ("state", "!=", "retired")]

    @api.model
    def _portable_refusal(self, values, record):
        if catalogue.get(values["name"]):
            return self.env._("The suite ships it: its release says what it is.")
        return super()._portable_refusal(values, record)

    def _portable_note(self, values):
        if not self:
            return self.env._("It arrives as a draft and waits for a second person's approval.")
        return super()._portable_note(values)

    @api.model
    def _named(self, name):
        """Return the type called ``name`` (byte for byte), or an empty recordset."""
        return self.search([("name", "=", name)], limit=1)

    @api.model
    def _for_gate(self):
        """Return the :class:`book.EventType` of every type that systems may be granted."""
        types = self.search([("direction", "=", "inbound"), ("state", "!=", "draft")])
        return [
            EventType(
                id=event_type.id,
                name=event_type.name,
                retired=event_type.state == "retired",
                sunset=event_type.sunset or None,
                unit=event_type.unit,
                priced=event_type.priced,
                schema_text=event_type.schema_json or None,
            )
            for event_type in types
        ]

    def _compiled_schema(self):
        """Return the compiled schema, or None when the type has none. Compiled once per content and process."""
        self.ensure_one()
        return schema.compile_schema(self.schema_json) if self.schema_json else None

    def _is_retired(self, today):
        """Tell whether the type is no longer accepted on ``today`` (date)."""
        self.ensure_one()
        return self.state == "retired" or bool(self.sunset and today >= self.sunset)

    @api.ondelete(at_uninstall=False)
    def _refuse_if_used(self):
        refuse_if_used(self, [("integration_event", "event_type_id"), ("integration_receipt", "event_type_id")])

    def _on_approved(self):
        self.state = "approved"

    def _on_approval_lost(self):
        self.state = "draft"
