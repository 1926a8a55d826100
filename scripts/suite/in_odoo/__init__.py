"""What runs inside Odoo, by ``odoo shell``; ``env`` is Odoo's environment."""
