"""The clinical side of the demo hospital, played against a running Odoo.

Standard library only, so that it runs on any machine with Python 3.10, and so that its signatures are made by other
code than the suite's own.
"""
