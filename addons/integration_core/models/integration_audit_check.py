from odoo import fields, models

from ..checks import Fix, setup_check
from ..domain import setup_rules
from ..domain.verdict import _

# pylint: disable=prefer-env-translation; marked here, looked up where it is shown


class IntegrationSetupCheck(models.AbstractModel):
    _inherit = "integration.setup.check"

    @setup_check(
        "audit_trail",
        title=_("Audit trail"),
        section="safety",
        sequence=40,
        fix=Fix(_("Verify"), "integration_core.action_audit_verify", needs="read"),
    )
    def _check_audit_trail(self):
        self.env.cr.execute(
            # Each by its id, whatever statistics say: the trail is long.
            "SELECT min(a.at) FROM (SELECT id FROM integration_audit_queue ORDER BY id LIMIT 100) AS q"
            " CROSS JOIN LATERAL (SELECT at FROM integration_audit WHERE id = q.id OFFSET 0) AS a"
        )
        (since,) = self.env.cr.fetchone()
        return setup_rules.audit_trail(
            unguarded=self.env["integration.audit.verification"]._missing_triggers(),
            since=since,
            now=fields.Datetime.now(),
        )
