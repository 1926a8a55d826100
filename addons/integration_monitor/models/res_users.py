from odoo import api, models
from odoo.exceptions import UserError
from odoo.fields import Domain

OWNED = ("integration.system", "integration.endpoint", "integration.subscription")
TOLD = 10
"""Names that are said; how many there are beyond them is told."""


class ResUsers(models.Model):
    """Whoever looks after a system, an endpoint or a subscription leaves a successor behind."""

    _inherit = "res.users"

    def write(self, vals):
        if vals.get("active") is False:
            self._integration_check_successor()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_owners(self):
        self._integration_check_successor()

    def _integration_check_successor(self):
        """Refuse to let go of whoever is owner or deputy of something that is in use, and say of what."""
        owned = []
        for name in OWNED:
            # sudo: whoever administers users need not see the integration; what is owned is named, no more
            records = self.env[name].sudo()
            people = Domain("owner_id", "in", self.ids)
            if "deputy_id" in records._fields:
                people |= Domain("deputy_id", "in", self.ids)
            found = records.search(people, limit=200)
            kind = self.env["ir.model"]._get(name).name
            owned += [f"{kind} {one}" for one in found.mapped("display_name")]
        if owned:
            more = self.env._(" and %s more", len(owned) - TOLD) if len(owned) > TOLD else ""
            raise UserError(
                self.env._(
                    "%(who)s is owner or deputy of: %(what)s%(more)s. Choose a successor for each of them first.",
                    who=", ".join(self.sudo().mapped("name")),  # sudo: the names of those who were chosen
                    what=", ".join(owned[:TOLD]),
                    more=more,
                )
            )
