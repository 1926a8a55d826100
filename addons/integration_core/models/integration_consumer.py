from odoo import models


class IntegrationConsumer(models.AbstractModel):
    """Base of consumers outside Odoo, which are served from the engine's pool of threads."""

    _name = "integration.consumer"
    _description = "Consumer outside Odoo"

    def _prepare(self, claimed):
        """Return one job per claimed delivery, with all that a thread needs to carry it out without Odoo.

        Runs in one short transaction that is over before any socket is opened.

        :param claimed: list of :class:`~odoo.addons.integration_core.engine.claims.Claimed`
        :return: list of (Claimed, callable) where the callable takes no argument and returns a
            :class:`~odoo.addons.integration_core.engine.claims.Result`; or (Claimed, Result) for what needs no socket
        """
        raise NotImplementedError

    @classmethod
    def _calls_for_reaction(cls, dbname, results, watched):
        """Tell whether :meth:`_after` must be called for ``results``. Asked after each batch, without a transaction.

        :param set watched: channels of which successes matter too
        """
        return any(result.outcome not in ("delivered", "applied") for result in results)

    def _after(self, results):
        """React to stored results (open a breaker, hold an endpoint, alert its owner), in a transaction of its own."""
