from odoo import api, fields, models


class IntegrationRecordVersion(models.Model):
    """A number that rises with each transaction in which a record's events are emitted."""

    _name = "integration.record.version"
    _description = "Record version"
    _log_access = False

    res_model = fields.Char(required=True, readonly=True)
    res_id = fields.Integer(required=True, readonly=True)
    version = fields.Integer(required=True, readonly=True)
    txn_key = fields.Char(required=True, readonly=True)

    _record_uniq = models.UniqueIndex("(res_model, res_id)", "A record has one version.")

    @api.model
    def _next(self, record, txn_key):
        """Return the version of ``record`` in the transaction ``txn_key``; the same however often it is asked for."""
        self.env.cr.execute(
            """
            INSERT INTO integration_record_version AS v (res_model, res_id, version, txn_key) VALUES (%s, %s, 1, %s)
            ON CONFLICT (res_model, res_id) DO UPDATE
               SET version = v.version + (v.txn_key <> EXCLUDED.txn_key)::int, txn_key = EXCLUDED.txn_key
            RETURNING version
            """,
            (record._name, record.id, txn_key),
        )
        return self.env.cr.fetchone()[0]
