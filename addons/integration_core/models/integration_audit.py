from odoo import api, fields, models
from odoo.exceptions import AccessError

from ..fields import UncheckedMany2one

READERS = (
    "integration_core.group_auditor",
    "integration_core.group_privacy_officer",
    "integration_core.group_admin",
)
"""Who may read, verify and export the trail."""


class IntegrationAudit(models.Model):
    """Append-only trail of administration, approvals, payload looks, replays, keys, roles and logins.

    Ids and names are kept as values, without foreign keys, so that deleting a user, a company or a record never touches
    the trail. The database itself refuses to change or delete a row (:mod:`integration_audit_queue`), and the engine
    seals the rows a moment after they were committed (:mod:`integration_audit_seal`).
    """

    _name = "integration.audit"
    _description = "Audit trail"
    _order = "id desc"
    _log_access = False
    _rec_name = "action"

    # Every column is part of what is sealed: domain/sealing.py names them, in this order.
    at = fields.Datetime("When", required=True, readonly=True, default=fields.Datetime.now, index=True)
    user_id = fields.Integer("User ID", readonly=True)
    user_name = fields.Char("User", readonly=True)
    company_id = UncheckedMany2one("res.company", readonly=True, index=True)
    company_name = fields.Char("Company name", readonly=True)
    action = fields.Char(required=True, readonly=True, index=True)
    res_model = fields.Char("Model", readonly=True)
    res_id = fields.Integer("Record ID", readonly=True)
    res_name = fields.Char("Record", readonly=True)
    reason = fields.Char(readonly=True)
    detail = fields.Char(readonly=True)
    state = fields.Selection(
        [("sealed", "Sealed"), ("waiting", "Not sealed yet"), ("stray", "Never to be sealed")],
        compute="_compute_state",
        help="Sealed within seconds while the engine runs; from then on no change of it stays hidden. What is never "
        "to be sealed came into the table behind the suite.",
    )
    seal = fields.Integer("Sealed in", compute="_compute_state", help="Number of the seal that covers the row.")

    _record_idx = models.Index("(res_model, res_id)")

    def _compute_state(self):
        self.env.cr.execute("SELECT id FROM integration_audit_queue WHERE id = ANY (%s)", (self.ids,))
        waiting = {row[0] for row in self.env.cr.fetchall()}
        # sudo: whoever reads a row may know by which seal it is covered
        sealed = self.env["integration.audit.seal"].sudo()._numbers_of(self)
        for row in self:
            row.seal = sealed.get(row.id, 0)
            row.state = "sealed" if row.id in sealed else "waiting" if row.id in waiting else "stray"

    @api.private
    def write(self, vals):  # pylint: disable=method-required-super
        """Refuse: the trail is append-only."""
        raise AccessError(self.env._("The audit trail is append-only."))

    @api.ondelete(at_uninstall=False)
    def _never_unlink(self):
        raise AccessError(self.env._("The audit trail is append-only."))

    @api.model
    def _record(self, action, record=None, *, reason=None, detail=None, company=None):
        """Append one row about ``record`` (a recordset of any length; one row each).

        :param str action: what was done, a stable dotted word such as ``delivery.retry``
        :param record: the records it was done to, or None
        :param str reason: why, as the person gave it
        :param str detail: ids and states only, never payload or secrets
        :param company: whose trail it belongs to; else the record's, else the person's current one
        """
        rows = [self._about(one, company) for one in (record if record is not None else [])]
        return self._append(action, rows or [self._about(None, company)], reason=reason, detail=detail)

    def _about(self, one, company=None):
        """Return the columns that say what a row is about, for :meth:`_append`."""
        whose = company or (one is not None and "company_id" in one._fields and one.company_id) or self.env.company
        return {
            "company_id": whose.id,
            "company_name": whose.sudo().name,  # sudo: a name, of the company that the deed was done in
            "res_model": one is not None and one._name,
            "res_id": one is not None and one.id,
            "res_name": one is not None and one.display_name,
        }

    @api.model
    def _append(self, action, rows, *, user=None, reason=None, detail=None):
        """Append rows that say what they are about as :meth:`_about` does, for a record that may be gone.

        :param rows: columns by name; ``detail`` among them goes before the one that is given for all
        :param user: who did it, where that is not who is logged in
        """
        user = user or self.env.user
        # Every field is given: what a user has set as a default must not tell of a deed.
        told = {
            "at": fields.Datetime.now(),
            "user_id": user.id,
            "user_name": user.sudo().name,  # sudo: everybody's own name
            "company_id": False,
            "company_name": False,
            "action": action,
            "res_model": False,
            "res_id": False,
            "res_name": False,
            "reason": reason,
            "detail": detail,
        }
        # sudo: everybody's deeds are recorded, nobody may write the trail by hand
        return self.sudo().create([{**told, **row} for row in rows])

    @api.model
    def _check_reader(self):
        """Refuse whoever may not read the trail.

        :raises AccessError: for them
        """
        if not self.env.su and not any(self.env.user.has_group(group) for group in READERS):
            raise AccessError(
                self.env._("Auditors, privacy officers and integration administrators read the audit trail.")
            )
