from odoo import api, fields, models


class IntegrationChargeDocument(models.Model):
    """Which invoices and credit notes were made from charges. A table of its own: Odoo's invoices stay as they are.

    Its unique indexes see to it that there is one open draft invoice per company, encounter, customer and currency, and
    one open draft credit note per invoice.
    """

    _name = "integration.charge.document"
    _description = "Document made from charges"
    _rec_name = "move_id"

    move_id = fields.Many2one("account.move", "Document", required=True, readonly=True, ondelete="cascade")
    kind = fields.Selection([("invoice", "Invoice"), ("credit_note", "Credit note")], required=True, readonly=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    encounter_id = fields.Many2one(
        "integration.encounter", required=True, readonly=True, ondelete="restrict", index=True
    )
    partner_id = fields.Many2one("res.partner", "Customer", required=True, readonly=True, ondelete="restrict")
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    origin_id = fields.Many2one("account.move", "Credits", readonly=True, ondelete="cascade", index="btree_not_null")
    open = fields.Boolean(readonly=True, default=True, help="The document is a draft that takes further charges.")
    posted_at = fields.Datetime("Posted", readonly=True, help="When it was last posted; empty: it is not.")

    _move_uniq = models.UniqueIndex("(move_id)", "A document is registered once.")
    _draft_uniq = models.UniqueIndex(
        "(company_id, encounter_id, partner_id, currency_id) WHERE open AND kind = 'invoice'",
        "There is one draft invoice per encounter, customer and currency.",
    )
    # What was posted of late, for dashboards.
    _posted_idx = models.Index("(company_id, posted_at) WHERE posted_at IS NOT NULL")
    # Drafts, also those that take no further charges; beside them only what was cancelled.
    _unposted_idx = models.Index("(company_id) WHERE posted_at IS NULL")
    _credit_uniq = models.UniqueIndex(
        "(origin_id) WHERE open AND kind = 'credit_note'", "There is one draft credit note per invoice."
    )

    @api.model
    def _open_invoice(self, group):
        """Return the open draft invoice for a ``integration.billing.group``, or an empty recordset."""
        return self.search(
            [
                ("kind", "=", "invoice"),
                ("open", "=", True),
                ("company_id", "=", group.company_id.id),
                ("encounter_id", "=", group.encounter_id.id),
                ("partner_id", "=", group.partner_id.id),
                ("currency_id", "=", group.currency_id.id),
            ]
        ).move_id

    @api.model
    def _follow(self, moves):
        """Bring ``open`` and ``posted_at`` in line with the state of ``moves``."""
        # sudo: whoever posts an invoice need not see the integration app
        documents = self.sudo().search([("move_id", "in", moves.ids)])
        posted = documents.filtered(lambda document: document.move_id.state == "posted")
        posted.filtered(lambda document: not document.posted_at).posted_at = fields.Datetime.now()
        (documents - posted).filtered("posted_at").posted_at = False
        documents.filtered(lambda document: document.open and document.move_id.state != "draft").open = False
        for document in documents.filtered(lambda document: not document.open and document.move_id.state == "draft"):
            # Back to draft while another draft is open: that one stays the open one, and Odoo's flow is not blocked.
            if not document._twin():
                document.open = True

    def _twin(self):
        self.ensure_one()
        if self.kind == "credit_note":
            domain = [("origin_id", "=", self.origin_id.id)]
        else:
            names = ("company_id", "encounter_id", "partner_id", "currency_id")
            domain = [(name, "=", self[name].id) for name in names]
        return self.search_count([("kind", "=", self.kind), ("open", "=", True), *domain], limit=1)

    def action_open_move(self):
        """Open the document itself."""
        self.ensure_one()
        self.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "res_model": "account.move",
            "res_id": self.move_id.id,
            "views": [(False, "form")],
        }
