import json

from odoo import api, fields, models
from odoo.addons.integration_core.domain import envelope, hashing, problems
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from ..domain import admission

KEPT_PER_SYSTEM = 1000  # open refused messages of one system that are kept; further ones are only counted
SETTLED_REASON = "A later message of the sender was accepted."

PROBLEMS = [
    ("malformed-body", "Not strict JSON"),
    ("malformed-event", "Not a CloudEvent"),
    ("event-type-not-granted", "Event type not granted"),
    ("id-conflict", "Id used for another message"),
    ("unsupported-media-type", "Content type or encoding"),
    ("schema-violation", "Breaks its schema"),
]


class IntegrationRefusedMessage(models.Model):
    """A verified message that was refused. It has no effect until a person mends the cause and replays it.

    It occupies no id. The body is never edited. A later accepted re-send closes it. Per system a limited number is
    kept, further ones are counted.
    """

    _name = "integration.refused.message"
    _inherit = ["integration.payload.mixin"]
    _description = "Refused message"
    _order = "id desc"
    _rec_name = "webhook_id"
    _check_company_auto = True

    system_id = fields.Many2one(
        "integration.system", required=True, readonly=True, ondelete="cascade", check_company=True
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    webhook_id = fields.Char("Message ID", required=True, readonly=True)
    request_id = fields.Char("Request ID", readonly=True, index=True, help="As the answer's x-request-id named it.")
    received_at = fields.Datetime("Received", required=True, readonly=True)
    mode = fields.Selection([("test", "Test"), ("live", "Live")], required=True, readonly=True)
    problem = fields.Selection(PROBLEMS, "Refused because", required=True, readonly=True)
    code = fields.Char("Reason code", required=True, readonly=True)
    detail = fields.Char(readonly=True)
    errors_json = fields.Char(readonly=True)
    errors_text = fields.Text("Places", compute="_compute_explanation")
    explanation = fields.Text("What to do", compute="_compute_explanation")
    type_name = fields.Char("Event type", readonly=True)
    source_event_id = fields.Char("Event ID at the source", readonly=True)
    content_type = fields.Char(readonly=True)
    content_encoding = fields.Char(readonly=True)
    traceparent = fields.Char(readonly=True)
    digest = fields.Char("SHA-256 as sent", required=True, readonly=True)
    size = fields.Integer("Bytes as sent", readonly=True)
    times = fields.Integer(
        "Times sent", compute="_compute_times", help="How often this message id was sent and refused."
    )
    state = fields.Selection(
        [("open", "Open"), ("replayed", "Replayed"), ("closed", "Closed")],
        required=True,
        default="open",
        readonly=True,
        index=True,
    )
    event_uuid = fields.Char("Became event", readonly=True)
    decided_by_id = fields.Many2one("res.users", readonly=True)
    decided_at = fields.Datetime(readonly=True)
    decision_reason = fields.Char(readonly=True)

    _open_uniq = models.UniqueIndex(
        "(system_id, webhook_id, digest) WHERE state = 'open'", "This message is already kept."
    )
    _open_source_idx = models.Index("(system_id, source_event_id) WHERE state = 'open'")

    @api.depends("problem", "code", "errors_json")
    def _compute_explanation(self):
        texts = self._explanations()
        for message in self:
            message.explanation = texts.get(message.code) or texts.get(message.problem)
            places = json.loads(message.errors_json or "[]")
            message.errors_text = "\n".join(f"{place['pointer']}: {place['detail']}" for place in places) or False

    @api.model
    def _explanations(self):
        """Return what happened and what to do, by code where one needs words of its own, else by problem."""
        return {
            "malformed-body": self.env._(
                "The body is not strict JSON. Nothing on this side can mend it: ask the sender to correct the "
                "message and send it again."
            ),
            "malformed-event": self.env._(
                "The body is JSON but not an event of this system. Ask the sender to correct the attribute that is "
                "named below and to send it again."
            ),
            "event-type-not-granted": self.env._(
                "The system may not send events of this type. If it should, add the type to “May send” on the "
                "system and have that approved; then replay the message. If not, close it and tell the sender."
            ),
            "id-conflict": self.env._(
                "An earlier message with the same id and another content was accepted. Nothing was overwritten. A "
                "changed message needs ids of its own: ask the sender to send it again with new ones, then close "
                "this one."
            ),
            "unsupported-media-type": self.env._(
                "The message is not labelled as application/cloudevents+json, or it is compressed in another way "
                "than gzip. Ask the sender to correct the label and to send it again."
            ),
            "schema-violation": self.env._(
                "The content does not satisfy the schema of its event type at the places below. If the sender is "
                "right, correct the schema and replay the message; otherwise ask the sender to correct it and to "
                "send it again."
            ),
            "unknown_type": self.env._(
                "No event type of this name is approved here. If the sender is right, add it, have it approved and "
                "replay the message; otherwise ask the sender to correct the type."
            ),
            "retired_type": self.env._(
                "This event type is retired. Ask the sender to use its successor; until then an administrator may "
                "bring the type back and replay the message."
            ),
        }

    def _compute_times(self):
        # sudo: only a count of the same message's receipts
        counts = (
            self.env["integration.receipt"]
            .sudo()
            ._read_group(
                [("webhook_id", "in", self.mapped("webhook_id")), ("outcome", "=", "rejected")],
                ["system_id", "webhook_id"],
                ["received_at:count_distinct"],
            )
        )
        times = {(system.id, webhook_id): count for system, webhook_id, count in counts}
        for message in self:
            message.times = times.get((message.system_id.id, message.webhook_id), 0)

    # -- what the gate does --------------------------------------------------------------------------------------------

    @api.model
    def _keep(self, system, sent, refusal, glimpse):
        """Keep a verified message that was refused.

        Sent again while it is open, it stays one row with the newest reason.

        :param sent: the :class:`gate.Sent` message
        :param refusal: the :class:`acceptance.Refusal`
        :param glimpse: what could be read of it, a :class:`gate.Glimpse`
        :return: whether it was kept
        """
        if not self._has_room(system, sent):
            return False
        self.env.cr.execute(
            """
            INSERT INTO integration_refused_message AS m
                (system_id, company_id, webhook_id, request_id, received_at, mode, problem, code, detail, errors_json,
                 type_name, source_event_id, content_type, content_encoding, traceparent, digest, size, state,
                 create_date, write_date)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'open', %s, %s)
            ON CONFLICT (system_id, webhook_id, digest) WHERE state = 'open' DO UPDATE
               SET problem = EXCLUDED.problem, code = EXCLUDED.code, detail = EXCLUDED.detail,
                   errors_json = EXCLUDED.errors_json, request_id = EXCLUDED.request_id,
                   write_date = EXCLUDED.write_date
             WHERE (m.problem, m.code) <> (EXCLUDED.problem, EXCLUDED.code)
            RETURNING id
            """,
            self._values(system, sent, refusal, glimpse),
        )
        row = self.env.cr.fetchone()
        if row:
            self.env["integration.refused.payload"]._store(self.browse(row[0]), sent.raw)
            self.invalidate_model()
        return True

    @staticmethod
    def _values(system, sent, refusal, glimpse):
        return (
            system.id,
            system.company_id.id,
            sent.webhook_id,
            sent.request_id,
            sent.received_at,
            system._mode_at(sent.received_at),
            refusal.segment,
            refusal.code,
            refusal.detail or problems.PROBLEMS[refusal.segment].detail,
            json.dumps([violation.as_dict() for violation in refusal.errors]),
            # A name that is none of an event type's may be anything.
            glimpse.type_name if envelope.is_type_name(glimpse.type_name) else None,
            glimpse.source_event_id,
            admission.kept_content_type(sent.content_type),
            admission.kept_content_encoding(sent.content_encoding),
            sent.traceparent,
            hashing.body_digest(sent.raw),
            len(sent.raw),
            sent.received_at,
            sent.received_at,
        )

    @api.model
    def _has_room(self, system, sent):
        if len(sent.raw) > system.max_body_bytes:
            return False
        # sudo: an operator's setting, read for a sender whom nobody logged in
        limit = int(
            self.env["ir.config_parameter"]
            .sudo()
            .get_param("integration_inbound.refused_kept_per_system", KEPT_PER_SYSTEM)
        )
        self.env.cr.execute(
            """
            SELECT count(*) < %(limit)s OR EXISTS (
                       SELECT 1 FROM integration_refused_message
                        WHERE system_id = %(system)s AND webhook_id = %(webhook_id)s AND state = 'open')
              FROM (SELECT 1 FROM integration_refused_message
                     WHERE system_id = %(system)s AND state = 'open' LIMIT %(limit)s) AS open
            """,
            {"limit": limit, "system": system.id, "webhook_id": sent.webhook_id},
        )
        return self.env.cr.fetchone()[0]

    @api.model
    def _settle_sql(self, *, system_id, webhook_id, source_event_id):
        """SQL that closes the open refusals of the message that became the event ``e``, and returns a row for each.

        :param system_id: SQL of the event's column; so are the others
        """
        return SQL(
            """
            UPDATE integration_refused_message m
               SET state = 'closed', event_uuid = e.uuid, decided_at = now() AT TIME ZONE 'UTC',
                   decision_reason = %(reason)s
              FROM e
             -- An array: each half has its index, and however many are open, no other row is looked at.
             WHERE m.id = ANY (ARRAY(
                SELECT id FROM integration_refused_message
                 WHERE system_id = %(system)s AND webhook_id = %(webhook_id)s AND state = 'open'
                UNION ALL
                SELECT id FROM integration_refused_message
                 WHERE system_id = %(system)s AND source_event_id = %(source_event_id)s AND state = 'open'))
               AND m.state = 'open'
            RETURNING m.id
            """,
            reason=SETTLED_REASON,
            system=system_id,
            webhook_id=webhook_id,
            source_event_id=source_event_id,
        )

    # -- the door to its content ---------------------------------------------------------------------------------------

    def _payload_body(self):
        raw = self.env["integration.refused.payload"]._load(self)
        if raw is None or admission.parse_content_encoding(self.content_encoding or None) != "gzip":
            return raw
        inflated = admission.gunzip(raw, self.system_id.max_body_bytes)
        return inflated if isinstance(inflated, bytes) else raw

    def _payload_type(self):
        return self.env["integration.event.type"]._named(self.type_name or "")

    def _payload_gone(self):
        if self.env["integration.refused.payload"]._is_kept(self):
            return False
        return self.env._("It is no longer kept: this message was settled long ago.")

    # -- what people do ------------------------------------------------------------------------------------------------

    def _check_right(self):
        if not self.env.user.has_group("integration_core.group_operator"):
            raise AccessError(self.env._("Only integration operators decide on refused messages."))
        self.check_access("read")

    def _check_operator(self, reason):
        self._check_right()
        if not (reason or "").strip():
            raise UserError(self.env._("Say why: the reason is kept with your name."))
        if any(message.state != "open" for message in self):
            raise UserError(self.env._("Some of these are settled already. Reload the list."))

    def action_replay(self, reason=None):
        """Judge these messages again, by the checks and rules of now.

        Whatever is still wrong stays open with its new reason.

        :param str reason: kept with the user's name; asked for in a dialog when left out
        """
        if reason is None:
            return self._ask("replay")
        self._check_operator(reason)
        accepted = self.browse()
        for message in self.sorted("id"):
            if message._readmit(reason):
                accepted |= message
        refused = self - accepted
        return self._tell(
            self.env._(
                "%(accepted)s accepted, %(refused)s refused again.", accepted=len(accepted), refused=len(refused)
            ),
            "warning" if refused else "success",
        )

    def _readmit(self, reason):
        self.ensure_one()
        # sudo: the operator decides that it is judged again; the gate accepts it in the name of the sender's system
        accepted = self.env["integration.gate"].sudo()._readmit(self.sudo())
        self.env["integration.audit"]._record(
            "refused.replay", self, reason=reason, detail=accepted.event_uuid or accepted.code
        )
        if accepted.event_uuid:
            # sudo: only these buttons write the state, after their own check of the right
            self.sudo().write({"state": "replayed", "event_uuid": accepted.event_uuid, **self._decision(reason)})
        return bool(accepted.event_uuid)

    def action_close(self, reason=None):
        """Settle these messages without accepting them.

        :param str reason: kept with the user's name; asked for in a dialog when left out
        """
        if reason is None:
            return self._ask("close")
        self._check_operator(reason)
        # sudo: only these buttons write the state, after their own check of the right
        self.sudo().write({"state": "closed", **self._decision(reason)})
        self.env["integration.audit"]._record("refused.close", self, reason=reason)
        return True

    def _decision(self, reason):
        return {"decided_by_id": self.env.uid, "decided_at": fields.Datetime.now(), "decision_reason": reason}

    def _ask(self, decision):
        self._check_right()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Replay") if decision == "replay" else self.env._("Close without accepting"),
            "res_model": "integration.refused.decision",
            "view_mode": "form",
            "target": "new",
            "context": {"default_message_ids": self.ids, "default_decision": decision},
        }

    def _tell(self, text, kind):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {"message": text, "type": kind, "next": {"type": "ir.actions.act_window_close"}},
        }

    def action_open_event(self):
        """Open the event that this message became."""
        self.check_access("read")
        self.ensure_one()
        event = self.env["integration.event"].search([("uuid", "=", self.event_uuid)], limit=1)
        if not event:
            raise UserError(self.env._("It did not become an event, or the event is no longer kept."))
        return {"type": "ir.actions.act_window", "res_model": event._name, "res_id": event.id, "view_mode": "form"}
