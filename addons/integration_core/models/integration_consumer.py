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
            :class:`~odoo.addons.integration_core.engine.claims.Result`; (Claimed, Result) for what needs no socket;
            (Claimed, None) for what is given back and keeps its place
        """
        raise NotImplementedError

    def _given_back(self, delivery_ids):
        """React to prepared deliveries that are not tried after all, in the transaction that gives them back."""

    @classmethod
    def _calls_for_reaction(cls, dbname, results, watched):
        """Tell whether :meth:`_after` is to be called for ``results``. Asked after each batch, without a transaction.

        :param set watched: channels of which successes matter too
        :return: ``now``, ``soon`` (together with what else ends within a second), or nothing
        """
        return "now" if any(result.outcome not in ("delivered", "applied") for result in results) else ""

    def _after(self, results):
        """React to stored results (open a breaker, hold an endpoint, alert its owner), in a transaction of its own."""
