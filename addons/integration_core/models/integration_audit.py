from odoo import api, fields, models
from odoo.exceptions import AccessError


class IntegrationAudit(models.Model):
    """Append-only trail of administration, approvals, payload looks and replays.

    Ids and names are kept as values, without foreign keys, so that deleting a user or a record never touches the trail.
    """

    _name = "integration.audit"
    _description = "Audit trail"
    _order = "id desc"
    _log_access = False
    _rec_name = "action"

    at = fields.Datetime(required=True, readonly=True, default=fields.Datetime.now, index=True)
    user_id = fields.Integer("User ID", readonly=True)
    user_name = fields.Char("User", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True, ondelete="set null", index=True)
    action = fields.Char(required=True, readonly=True, index=True)
    res_model = fields.Char("Model", readonly=True)
    res_id = fields.Integer("Record ID", readonly=True)
    res_name = fields.Char("Record", readonly=True)
    reason = fields.Char(readonly=True)
    detail = fields.Char(readonly=True)

    _record_idx = models.Index("(res_model, res_id)")

    @api.private
    def write(self, vals):  # pylint: disable=method-required-super
        """Refuse: the trail is append-only."""
        raise AccessError(self.env._("The audit trail is append-only."))

    @api.ondelete(at_uninstall=False)
    def _never_unlink(self):
        raise AccessError(self.env._("The audit trail is append-only."))

    @api.model
    def _record(self, action, record=None, *, reason=None, detail=None):
        """Append one row about ``record`` (a recordset of any length; one row each).

        :param str action: what was done, a stable dotted word such as ``delivery.retry``
        :param record: the records it was done to, or None
        :param str reason: why, as the person gave it
        :param str detail: ids and states only, never payload or secrets
        """
        # Every field is given: what a user has set as a default must not tell of a deed.
        told = {
            "at": fields.Datetime.now(),
            "user_id": self.env.uid,
            "user_name": self.env.user.name,
            "company_id": self.env.company.id,
            "action": action,
            "res_model": False,
            "res_id": False,
            "res_name": False,
            "reason": reason,
            "detail": detail,
        }
        rows = [
            {
                **told,
                "company_id": ("company_id" in one._fields and one.company_id.id) or self.env.company.id,
                "res_model": one._name,
                "res_id": one.id,
                "res_name": one.display_name,
            }
            for one in (record if record is not None else [])
        ] or [told]
        # sudo: everybody's deeds are recorded, nobody may write the trail by hand
        return self.sudo().create(rows)
