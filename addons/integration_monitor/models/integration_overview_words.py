from datetime import datetime, time, timezone
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.addons.integration_core import tools
from odoo.tools.misc import formatLang


class IntegrationOverviewWords(models.AbstractModel):
    """How the parts of the Overview say ages and amounts, and open the records behind a figure."""

    _name = "integration.overview.words"
    _description = "Overview: words"

    @api.model
    def _age(self, moment):
        """Return how long ago ``moment`` (naive UTC) was, in words; an empty string for none."""
        return tools.age_in_words(self.env, moment)

    @api.model
    def _midnight(self, days):
        """Return when the first of the last ``days`` days began where the user is (naive UTC)."""
        first = fields.Date.subtract(fields.Date.context_today(self), days=days - 1)
        # By the clocks of that day, which may have been changed since.
        there = datetime.combine(first, time.min, ZoneInfo(str(self.env.tz)))
        return there.astimezone(timezone.utc).replace(tzinfo=None)

    @api.model
    def _number(self, value, digits=0, *, sign=False):
        """Return a number in the user's language.

        :param int digits: decimals
        :param bool sign: a plus is told, too
        """
        text = formatLang(self.env, value, digits=digits)
        return f"+{text}" if sign and value >= 0 else text

    @api.model
    def _span(self, milliseconds):
        """Return a duration (ms) in words; an empty string for None."""
        if milliseconds is None:
            return ""
        if milliseconds < 1000:
            return self.env._("%s ms", max(1, round(milliseconds)))
        if milliseconds < 60_000:
            return self.env._("%s s", self._number(milliseconds / 1000, 1))
        if milliseconds < 3_600_000:
            return self.env._("%s min", round(milliseconds / 60_000))
        return self.env._("%s h", round(milliseconds / 3_600_000))

    @api.model
    def _money(self, amounts):
        """Return {currency code: Decimal} as a list of texts in the user's language; zero amounts stay."""
        return tools.money_in_words(self.env, amounts)

    @api.model
    def _open(self, name, model, domain, *, views=("list", "form"), context=None):
        """Return the action that opens the records behind a figure."""
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": model,
            "views": [[False, view] for view in views],
            "domain": domain,
            "context": context or {},
            "target": "current",
        }
