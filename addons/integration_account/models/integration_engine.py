import logging

import psycopg2
from odoo import api, models
from odoo.addons.integration_core import discreet
from odoo.exceptions import UserError

_logger = logging.getLogger(__name__)


class IntegrationEngine(models.AbstractModel):
    _inherit = "integration.engine"

    @api.model
    def _chores(self):
        return [
            *super()._chores(),
            ("integration.charge", "_chore_resume"),
            ("integration.charge", "_chore_ready"),
            ("integration.charge.void", "_chore_meet"),
            ("integration.charge.void", "_chore_expire"),
            ("integration.billing.group", "_chore_bill"),
        ]

    @api.model
    def _contained(self, function):
        """Run ``function`` in a savepoint; return None when it went well, else a reason that may be shown.

        Errors of the database's concurrency are raised: the caller's whole transaction is to be repeated.
        """
        try:
            with self.env.cr.savepoint():
                function()
        except psycopg2.OperationalError:
            raise
        except UserError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is logged
            # The type alone: an error's text may hold what was sent.
            _logger.warning("integration: %s in %s", type(error).__name__, getattr(function, "__qualname__", "a chore"))
            _logger.debug("integration: contained error\n%s", discreet.outline(error))
            return self.env._("Unexpected error (%s).", type(error).__name__)
        return None
