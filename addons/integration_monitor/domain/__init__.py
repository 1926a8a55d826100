"""Plain Python that never imports Odoo."""
"""Rules of monitoring in plain Python: comparing what systems say they sent with what Odoo has."""
