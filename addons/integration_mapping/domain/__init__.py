"""Pure rules of mapping: which day has which answer, and what waits for one. Never imports Odoo."""
