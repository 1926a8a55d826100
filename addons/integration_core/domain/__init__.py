"""Plain Python logic of the integration suite.

Nothing below this package imports Odoo: every module can be used and tested without a database. Models and
controllers load records, ask these modules, and store what they answer.
"""
