from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..domain import egress


class IntegrationEgressAllow(models.Model):
    """One exact host and port to which messages may go although it is private, loopback or plain http.

    Everything else that is not a public https address is refused by the egress guard. There are no wildcards and no
    networks here on purpose: each entry is a decision that one person made for one receiver, with the reason beside it.
    """

    _name = "integration.egress.allow"
    _inherit = ["integration.audited.mixin", "integration.portable.mixin"]
    _description = "Allowed private receiver"
    _order = "host, port"

    _audit_name = "egress"
    _audit_words = {"create": "allow", "delete": "forbid"}

    host = fields.Char(
        required=True, help="Exactly as in the endpoint's URL: a name or an address, no scheme, no wildcard."
    )
    port = fields.Integer(required=True, default=443)
    reason = fields.Char(required=True, help="Why messages may go to this private address.")
    created_by_id = fields.Many2one(related="create_uid", string="Allowed by")

    _host_port_uniq = models.UniqueIndex("(host, port)", "This host and port is already allowed.")
    _port_check = models.Constraint("CHECK (port BETWEEN 1 AND 65535)", "A port is a number from 1 to 65535.")

    def init(self):
        self.env["integration.configuration"]._follow(self._table)

    @api.depends("host", "port")
    def _compute_display_name(self):
        for entry in self:
            entry.display_name = egress.allow_key(entry.host, entry.port) if entry.host else ""

    @api.constrains("host", "port")
    def _check_host(self):
        for entry in self:
            key = entry.display_name
            try:
                target = egress.parse_url(f"http://{key}/", allowed={key})
                if target.is_address:
                    egress.vet([target.host], target)
            except egress.EgressError as error:
                raise ValidationError(error.detail) from error
            if target.host != entry.host:
                raise ValidationError(self.env._("Write the host as %s.", target.host))

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([self._normalised(vals) for vals in vals_list])

    def write(self, vals):
        return super().write(self._normalised(vals))

    def _audit_reason(self):
        return self.reason

    @api.model
    def _portable_key(self):
        return ("host", "port")

    @api.model
    def _portable_fields(self):
        return ["reason"]

    def _portable_note(self, values):
        return self.env._("It holds at once.")

    @api.model
    def _normalised(self, vals):
        if not isinstance(vals.get("host"), str):
            return vals
        return {**vals, "host": vals["host"].strip().lower()}

    @api.model
    def _allowed(self):
        """Return every allowed ``host:port`` as the egress guard compares them."""
        # sudo: the guard's answer must not depend on who asks
        return frozenset(egress.allow_key(host, port) for host, port in self.sudo()._read_group([], ["host", "port"]))
