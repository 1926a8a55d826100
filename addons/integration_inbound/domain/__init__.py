"""Plain Python logic of receiving: how a message is admitted, counted and answered. Nothing here imports Odoo."""
