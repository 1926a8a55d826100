from odoo import fields, models


class IntegrationRate(models.Model):
    """The bucket of each system's allowance, of which all processes on all hosts take shares: see :mod:`..domain.rate`.

    A row is changed about once a second per process that takes in messages of its system, in a transaction that does
    nothing else (:mod:`..bucket`). The table is not logged: after a crash of PostgreSQL all buckets are full.
    """

    _name = "integration.rate"
    _description = "Used allowance of a system"
    _log_access = False
    _rec_name = "system_id"

    system_id = fields.Many2one("integration.system", required=True, readonly=True, ondelete="cascade")
    per_window = fields.Integer(required=True, readonly=True)
    tokens = fields.Float(required=True, readonly=True)
    granted = fields.Integer(required=True, readonly=True, help="By the last question.")
    filled_at = fields.Datetime(required=True, readonly=True)

    _system_uniq = models.UniqueIndex("(system_id)", "A system has one bucket.")

    def init(self):
        self.env.cr.execute("SELECT relpersistence FROM pg_class WHERE oid = 'integration_rate'::regclass")
        if self.env.cr.fetchone()[0] != "u":
            self.env.cr.execute("ALTER TABLE integration_rate SET UNLOGGED")
