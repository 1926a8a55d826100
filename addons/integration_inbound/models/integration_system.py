import re

from odoo import api, models
from odoo.addons.integration_core.domain.acceptance import TypeFacts

_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class IntegrationSystem(models.Model):
    _inherit = "integration.system"

    @api.model
    def _for_address(self, code):
        """Return the system that an address names, whatever its state, or an empty recordset.

        :param str code: as the request named it; anything
        """
        plain = code if _CODE.fullmatch(code) else ""
        return self.search([("code", "=", plain)], limit=1)

    @api.model
    def _stand_in(self):
        """Return any system with a key: looking at its keys is the work that an unknown system must cost, too."""
        return self.search([("credential_ids.state", "=", "active")], limit=1)

    def _verify_keys(self, moment):
        """Return the :class:`signing.VerifyKey` that this system's messages may be signed with at ``moment``."""
        return (
            self.env["integration.credential"]
            .search([("system_id", "in", self.ids), ("use", "=", "inbound"), ("state", "=", "active")])
            ._verify_keys(moment)
        )

    def _type_facts(self, name, today):
        """Return the :class:`acceptance.TypeFacts` of the event type called ``name`` for this system on ``today``."""
        self.ensure_one()
        event_type = self.env["integration.event.type"]._named(name)
        if event_type.direction != "inbound" or event_type.state == "draft":
            return TypeFacts(known=False)
        return TypeFacts(
            known=True,
            retired=event_type._is_retired(today),
            granted=event_type in self.event_type_ids,
            schema=event_type._compiled_schema(),
        )
