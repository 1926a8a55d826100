"""Plain Python that never imports Odoo."""
