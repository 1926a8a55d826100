"""Plain Python logic of sending: where Odoo may connect to, and one HTTP exchange. Nothing here imports Odoo."""
