"""What ``scripts/start`` and ``scripts/test`` share: they set up everything the suite needs and then run it.

The order of things: system packages, Odoo 19, a Python environment, PostgreSQL, a database, a master key, the demo
hospital, the server. Each is a module of its own that first looks whether its work is done already, so that a second
run takes seconds. Until the Python environment exists only the standard library is used.
"""
