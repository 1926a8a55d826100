"""What runs inside Odoo; ``env`` is Odoo's environment, as superuser, in a transaction that is committed afterwards."""
