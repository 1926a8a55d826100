from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..domain import pseudonym

_FINANCE = "integration_core.group_finance_viewer,integration_core.group_engine"


class IntegrationEncounter(models.Model):
    """A patient's stay or visit, as one clinical system numbers it. Holds no patient data but a keyed hash."""

    _name = "integration.encounter"
    _inherit = ["integration.payer.mixin"]
    _description = "Encounter"
    _order = "id desc"

    name = fields.Char("Encounter", required=True, readonly=True)
    system_id = fields.Many2one("integration.system", required=True, readonly=True, ondelete="restrict", index=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    mode = fields.Selection([("test", "Test"), ("live", "Live")], required=True, readonly=True, default="live")
    encounter_class = fields.Char("Class", readonly=True)
    admitted_at = fields.Datetime("Admitted", readonly=True)
    discharged_at = fields.Datetime("Discharged", readonly=True)
    told_at = fields.Datetime(readonly=True, help="Time of the newest admission told.")
    discharge_told_at = fields.Datetime(readonly=True, help="Time of the newest discharge told.")
    recheck = fields.Boolean(readonly=True, help="Something was told that its charges have not been worked out with.")
    patient_ref = fields.Char("Patient (hashed)", readonly=True)
    pseudonym = fields.Char(
        "Patient",
        compute="_compute_pseudonym",
        help="Stands for the patient number: the same for all encounters of a patient in one system. No name.",
    )
    state = fields.Selection(
        [("open", "Open"), ("discharged", "Discharged")], compute="_compute_state", store=True, readonly=True
    )
    # Charges are finance's, and so is their number.
    charge_ids = fields.One2many("integration.charge", "encounter_id", groups=_FINANCE)
    ready_count = fields.Integer(compute="_compute_counts", groups=_FINANCE)
    parked_count = fields.Integer(compute="_compute_counts", groups=_FINANCE)
    charge_count = fields.Integer(compute="_compute_counts", groups=_FINANCE)

    _recheck_idx = models.Index("(id) WHERE recheck")
    _name_uniq = models.UniqueIndex("(system_id, name, mode)", "A system's encounter number names one encounter.")

    @api.depends("discharged_at")
    def _compute_state(self):
        for encounter in self:
            encounter.state = "discharged" if encounter.discharged_at else "open"

    @api.depends("patient_ref")
    def _compute_pseudonym(self):
        for encounter in self:
            encounter.pseudonym = pseudonym.of(encounter.patient_ref)

    def _compute_counts(self):
        rows = self.env["integration.charge"]._read_group(
            [("encounter_id", "in", self.ids)], ["encounter_id", "state"], ["__count"]
        )
        counts = {(encounter.id, state): count for encounter, state, count in rows}
        for encounter in self:
            encounter.ready_count = counts.get((encounter.id, "ready"), 0)
            encounter.parked_count = counts.get((encounter.id, "parked"), 0)
            encounter.charge_count = sum(count for (one, _state), count in counts.items() if one == encounter.id)

    @api.model
    def _ensure(self, system, company, mode, patients):
        """Return ``{name: encounter}``, missing ones created.

        Two workers may meet here with the same number: the unique index decides, not a search.

        :param patients: {number of the encounter: keyed hash of the patient, or None where the message names none}
        """
        names = sorted(patients)
        self.env.cr.execute_values(
            """
            INSERT INTO integration_encounter
                (system_id, company_id, mode, name, patient_ref, state, create_uid, write_uid, create_date, write_date)
            VALUES %s
            ON CONFLICT (system_id, name, mode) DO NOTHING
            """,
            [(system.id, company.id, mode, name, patients[name], "open", self.env.uid, self.env.uid) for name in names],
            template="(%s, %s, %s, %s, %s, %s, %s, %s, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC')",
        )
        # sudo: an encounter may have been opened for another company than this message's
        found = self.sudo().search([("system_id", "=", system.id), ("mode", "=", mode), ("name", "in", names)])
        return {encounter.name: encounter.sudo(False) for encounter in found}

    def _lock(self, strength):
        """Lock these until the transaction ends, in one order whoever does.

        :param str strength: ``SHARE`` while lines are worked out by what is known of their encounter, ``NO KEY UPDATE``
            to tell something of it
        :raise psycopg2.errors.SerializationFailure: something was told since this transaction began to look
        """
        self.env.cr.execute(
            SQL(
                "SELECT id FROM integration_encounter WHERE id = ANY (%s) ORDER BY id FOR %s",
                self.ids,
                SQL(strength),
            )
        )

    def _let_recheck(self):
        """Have the charges that wait worked out again, in a transaction that begins when this one has ended.

        The engine, which handles messages, does it within a second: it need not be woken.
        """
        self.filtered(lambda encounter: not encounter.recheck).recheck = True

    @api.model
    def _chore_recheck(self, limit):
        """Work out again what admissions and discharges may change; return how many encounters are still to do.

        The transaction that tells of an encounter does not see a line that another one is taking in meanwhile, nor does
        that one see what is told. The line locks the encounter, so what is told commits after it; and this, which
        begins later still, sees both.
        """
        encounters = self.search([("recheck", "=", True)], order="id", limit=limit)
        encounters.recheck = False
        # sudo: the facility may have put charges into another company than the message's
        charges = (
            self.env["integration.charge"]
            .sudo()
            .search([("encounter_id", "in", encounters.ids), ("state", "in", ("parked", "held", "ready"))], order="id")
        )
        charges.sudo(False)._of_all_companies()._evaluate_safely()
        return len(encounters) if len(encounters) == limit else 0

    def action_approve_charges(self):
        """Approve every ready charge of these encounters."""
        self.env["integration.charge"]._as_approver()
        self.check_access("read")
        charges = self.env["integration.charge"].search(
            [("encounter_id", "in", self.ids), ("state", "=", "ready"), ("mode", "=", "live")]
        )
        if not charges:
            raise UserError(self.env._("These encounters have no charges ready for review."))
        return charges.action_approve()

    def action_open_charges(self):
        """Open the charges of this encounter."""
        self.env["integration.charge"].check_access("read")
        self.check_access("read")
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("integration_account.action_charge")
        return {**action, "domain": [("encounter_id", "=", self.id)], "context": {}}
