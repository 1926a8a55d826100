from odoo import api, fields, models


class IntegrationGuarantor(models.Model):
    """The customer that carries a guarantor's identifier. Found by the identifier alone, never by name.

    A guarantor's identifier may be a patient number, so only its keyed hash is kept.
    """

    _name = "integration.guarantor"
    _description = "Guarantor"
    _rec_name = "partner_id"

    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="cascade")
    system_id = fields.Many2one("integration.system", required=True, readonly=True, ondelete="cascade")
    ref = fields.Char("Identifier (hashed)", required=True, readonly=True)
    partner_id = fields.Many2one("res.partner", "Customer", readonly=True, ondelete="restrict", index="btree_not_null")
    told_at = fields.Datetime(readonly=True, help="Time of the message whose name and address are in force.")

    _ref_uniq = models.UniqueIndex("(company_id, system_id, ref)", "A guarantor's identifier has one customer.")

    @api.model
    def _take(self, system, company, guarantor, told_at):
        """Return the record of a guarantor, its customer created or brought up to date.

        :param guarantor: :class:`~..domain.payer.Guarantor`
        :param datetime told_at: naive UTC; an older message than the last changes nothing
        """
        ref = self.env["integration.keyring"]._keyed_hash(guarantor.id, scope=f"guarantor:{system.code}")
        self.env.cr.execute(
            "INSERT INTO integration_guarantor (company_id, system_id, ref, create_uid, create_date)"
            " VALUES (%s, %s, %s, %s, now() AT TIME ZONE 'UTC') ON CONFLICT DO NOTHING",
            (company.id, system.id, ref, self.env.uid),
        )
        record = self.search([("company_id", "=", company.id), ("system_id", "=", system.id), ("ref", "=", ref)])
        if guarantor.name and not record.partner_id:
            values = record._billing_values(guarantor)
            partner = self.env["res.partner"].with_context(tracking_disable=True).create(values)
            record.write({"partner_id": partner.id, "told_at": told_at})
        elif (guarantor.name or guarantor.address) and (not record.told_at or record.told_at <= told_at):
            record._update_partner(guarantor)
            record.told_at = told_at
        return record

    def _update_partner(self, guarantor):
        values = self._billing_values(guarantor)
        values.pop("company_id")
        changed = {
            name: value
            for name, value in values.items()
            if value and (self.partner_id[name].id if name.endswith("_id") else self.partner_id[name]) != value
        }
        if changed:
            self.partner_id.with_context(tracking_disable=True).write(changed)

    def _billing_values(self, guarantor):
        address = guarantor.address
        country = self.env["res.country"].search([("code", "=", address.get("country"))], limit=1)
        state = self.env["res.country.state"]
        if country and address.get("state"):
            told = address["state"]
            domain = [("country_id", "=", country.id), "|", ("code", "=", told), ("name", "=", told)]
            state = state.search(domain, limit=1)
        values = {name: address[name] for name in ("street", "street2", "city", "zip") if address.get(name)}
        if guarantor.name:
            values["name"] = guarantor.name
        return {
            **values,
            "company_id": self.company_id.id,
            "state_id": state.id,
            "country_id": country.id,
        }
