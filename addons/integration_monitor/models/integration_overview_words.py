from odoo import api, fields, models


class IntegrationOverviewWords(models.AbstractModel):
    """How the parts of the Overview say ages and amounts, and open the records behind a figure."""

    _name = "integration.overview.words"
    _description = "Overview: words"

    @api.model
    def _age(self, moment):
        """Return how long ago ``moment`` (naive UTC) was, in words; an empty string for none."""
        if not moment:
            return ""
        seconds = max(0, int((fields.Datetime.now() - moment).total_seconds()))
        if seconds < 60:
            return self.env._("%s s", seconds)
        if seconds < 3600:
            return self.env._("%s min", seconds // 60)
        if seconds < 2 * 86400:
            return self.env._("%s h", seconds // 3600)
        return self.env._("%s days", seconds // 86400)

    @api.model
    def _span(self, milliseconds):
        """Return a duration (ms) in words; an empty string for None."""
        if milliseconds is None:
            return ""
        if milliseconds < 1000:
            return self.env._("%s ms", max(1, round(milliseconds)))
        if milliseconds < 60_000:
            return self.env._("%s s", f"{milliseconds / 1000:.1f}")
        if milliseconds < 3_600_000:
            return self.env._("%s min", round(milliseconds / 60_000))
        return self.env._("%s h", round(milliseconds / 3_600_000))

    @api.model
    def _money(self, amounts):
        """Return {currency code: Decimal} as a list of texts in the user's language; zero amounts stay."""
        currencies = {
            currency.name: currency for currency in self.env["res.currency"].with_context(active_test=False).search([])
        }
        return [
            currencies[code].format(float(amount)) if code in currencies else f"{amount:f} {code}"
            for code, amount in sorted(amounts.items())
            if code
        ]

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
