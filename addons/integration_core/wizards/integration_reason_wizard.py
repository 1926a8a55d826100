from odoo import api, fields, models
from odoo.exceptions import UserError

# What may be done with a reason: the model it is done to and the method that does it and keeps the reason.
OPERATIONS = {
    "retry": ("integration.delivery", "_retry"),
    "replay": ("integration.delivery", "_replay"),
    "skip": ("integration.delivery", "_skip"),
    "release": ("integration.hold", "_release"),
    "reject": (None, "action_reject"),
    "use_now": (None, "action_use_now"),
    "lift": ("integration.legal.hold", "_lift"),
    "refuse": ("integration.erasure", "_refuse"),
}


class IntegrationReasonWizard(models.TransientModel):
    """Ask why before something is done; the reason is kept with the person's name."""

    _name = "integration.reason.wizard"
    _description = "Say why"

    operation = fields.Selection(
        [
            ("retry", "Retry"),
            ("replay", "Replay"),
            ("skip", "Skip"),
            ("release", "Release"),
            ("reject", "Reject"),
            ("use_now", "Use now"),
            ("lift", "Lift"),
            ("refuse", "Refuse"),
        ],
        required=True,
        readonly=True,
    )
    res_model = fields.Char(required=True, readonly=True)
    res_ids = fields.Json(readonly=True)
    count = fields.Integer(compute="_compute_summary")
    summary = fields.Char(compute="_compute_summary")
    reason = fields.Char("Why", required=True)

    @api.model
    def default_get(self, fields):
        values = super().default_get(fields)
        values["res_model"] = self.env.context.get("active_model")
        values["res_ids"] = self.env.context.get("active_ids") or []
        return values

    @api.model
    def _ask(self, operation, records):
        """Return the action that asks why, and then does it to these records.

        :param str operation: a key of :data:`OPERATIONS`
        """
        titles = dict(self._fields["operation"]._description_selection(self.env))
        return {
            "type": "ir.actions.act_window",
            "name": titles[operation],
            "res_model": self._name,
            "views": [(False, "form")],
            "target": "new",
            "context": {
                "active_model": records._name,
                "active_ids": records.ids,
                "default_operation": operation,
            },
        }

    @api.depends("operation", "res_ids")
    def _compute_summary(self):
        for wizard in self:
            wizard.count = len(wizard.res_ids or [])
            wizard.summary = wizard._summary()

    def _summary(self):
        match self.operation:
            case "retry":
                return self.env._("%s dead letters are tried again with a fresh schedule.", self.count)
            case "replay":
                return self.env._(
                    "%s deliveries are sent again with the same message ID. The receiver may get them twice.",
                    self.count,
                )
            case "skip":
                return self.env._("%s dead letters are given up. They will not be delivered.", self.count)
            case "release":
                holds = self.env["integration.hold"].browse(self.res_ids or [])
                names = ", ".join(holds.exists().mapped("display_name"))
                return self.env._("%s: what waits there leaves at once.", names)
            case "lift":
                holds = self.env["integration.legal.hold"].browse(self.res_ids or [])
                names = ", ".join(holds.exists().mapped("display_name"))
                return self.env._("%s: from now on the rules of retention remove what is old.", names)
            case "refuse":
                return self.env._("Nothing is erased, and what was found is forgotten.")
            case "reject":
                if self.count == 1:
                    return self.env._("It goes back to its author, with the reason. What is in use is taken back.")
                return self.env._(
                    "%s requests go back to their authors, with the reason. What is in use is taken back.", self.count
                )
            case "use_now":
                return self.env._(
                    "It takes effect at once. A second person must confirm it within %s hours, or takes it back.",
                    self._confirm_hours(),
                )
        return False

    def _confirm_hours(self):
        deadline = self.env["integration.approval"]._confirm_by()
        return round((deadline - fields.Datetime.now()).total_seconds() / 3600)

    def action_confirm(self):
        """Do it to the chosen records, with the reason."""
        self.ensure_one()
        model, method = OPERATIONS[self.operation]
        if self.res_model not in ([model] if model else self._approved_models()):
            raise UserError(self.env._("This cannot be done to these records."))
        records = self.env[self.res_model].browse(self.res_ids or []).exists()
        if not records:
            raise UserError(self.env._("Choose at least one record."))
        result = getattr(records, method)(*self._arguments())
        if self.operation == "replay" and result.approval_state == "requested":
            return self._waits_for_approval(result)
        return {"type": "ir.actions.act_window_close"}

    def _arguments(self):
        """Return what the method that does it is told."""
        return (self.reason,)

    def _waits_for_approval(self, record):
        """Tell that nothing happens before a second person has agreed."""
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "warning",
                "message": self.env._("%s waits: a second person must approve it first.", record.display_name),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    @api.model
    def _approved_models(self):
        requests = self.env["integration.approval"]
        return [*requests._approved_models(), *([requests._name] if self.operation == "reject" else [])]
