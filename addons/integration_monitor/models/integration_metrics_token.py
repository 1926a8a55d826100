from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..domain import tokens

OVERLAP = timedelta(hours=24)
"""For how long an old token goes on after a rotation."""


class IntegrationMetricsToken(models.Model):
    """Somebody who reads the metrics, such as a Prometheus server, with a bearer token.

    The token is shown once, when it is made; kept is a salted hash. The metrics are those of all companies.
    """

    _name = "integration.metrics.token"
    _inherit = ["integration.audited.mixin"]
    _description = "Reader of metrics"
    _order = "name, id"

    _audit_name = "metrics_token"

    name = fields.Char("Who reads", required=True, help="Such as the name of the monitoring server.")
    state = fields.Selection(
        [("none", "No token yet"), ("active", "May read"), ("revoked", "Revoked")], compute="_compute_state"
    )
    issued_at = fields.Datetime("Token made", readonly=True, copy=False)
    made = fields.Integer("Tokens made", readonly=True, copy=False)
    previous_until = fields.Datetime("Old token works until", readonly=True, copy=False)
    revoked_at = fields.Datetime("Revoked", readonly=True, copy=False)
    salt = fields.Char(readonly=True, copy=False, groups=fields.NO_ACCESS)
    digest = fields.Char(readonly=True, copy=False, groups=fields.NO_ACCESS)
    previous_salt = fields.Char(readonly=True, copy=False, groups=fields.NO_ACCESS)
    previous_digest = fields.Char(readonly=True, copy=False, groups=fields.NO_ACCESS)

    @api.depends("digest", "revoked_at")
    def _compute_state(self):
        for reader in self:
            # sudo: whether there is a hash, not what it is
            issued = reader.sudo().digest
            reader.state = "active" if issued else "revoked" if reader.revoked_at else "none"

    def _audit_change_word(self, names):
        if "made" in names:
            return "rotate" if self.previous_until else "issue"
        return "revoke" if "revoked_at" in names else "change"

    # -- buttons

    def action_issue(self):
        """Make a token where there is none, and show it, this once."""
        self._check_changer()
        if self.state == "active":
            return self.action_rotate()
        return self._issue(previous_salt=False, previous_digest=False, previous_until=False)

    def action_rotate(self):
        """Make a new token and show it, this once; the old one goes on for a day."""
        self._check_changer()
        if self.state != "active":
            return self.action_issue()
        # sudo: the hashes are nobody's to read
        old = self.sudo()
        return self._issue(
            previous_salt=old.salt,
            previous_digest=old.digest,
            previous_until=fields.Datetime.now() + OVERLAP,
        )

    def action_revoke(self):
        """End all tokens of this reader at once."""
        self._check_changer()
        # sudo: as in action_rotate
        self.sudo().write(
            {
                "salt": False,
                "digest": False,
                "previous_salt": False,
                "previous_digest": False,
                "previous_until": False,
                "revoked_at": fields.Datetime.now(),
            }
        )

    def _check_changer(self):
        self.ensure_one()
        self.check_access("write")

    def _issue(self, **previous):
        token = self._make(**previous)
        return {
            "type": "ir.actions.client",
            "tag": "integration_core.show_key",
            "params": {"name": self.name, "secret": token, "token": True},
        }

    def _make(self, **previous):
        """Give this reader a new token and return its text, which is kept nowhere."""
        self.ensure_one()
        token, salt = tokens.make(), tokens.salt()
        # sudo: as in action_rotate
        self.sudo().write(
            {
                "salt": salt,
                "digest": tokens.digest(token, salt),
                "issued_at": fields.Datetime.now(),
                "made": self.made + 1,  # so that the trail tells of two within a second
                "revoked_at": False,
                **previous,
            }
        )
        return token

    # -- who asks

    @api.model
    def _admits(self, header):
        """Tell whether an ``Authorization`` header holds a token that works now. Reads nothing but the tokens."""
        token = tokens.presented(header)
        if token is None:
            return False
        self.flush_model()
        self.env.cr.execute(
            SQL(
                """
                SELECT salt, digest FROM integration_metrics_token WHERE digest IS NOT NULL
                UNION ALL
                SELECT previous_salt, previous_digest FROM integration_metrics_token
                 WHERE previous_digest IS NOT NULL AND previous_until > %s
                """,
                fields.Datetime.now(),
            )
        )
        return tokens.fits(token, self.env.cr.fetchall())
