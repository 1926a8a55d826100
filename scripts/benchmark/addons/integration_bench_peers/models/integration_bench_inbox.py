from odoo import fields, models


class IntegrationBenchInbox(models.Model):
    """Where the bare controller, base_automation's webhook and /json/2 put a message."""

    _name = "integration.bench.inbox"
    _description = "Inbox of the benchmark"

    name = fields.Char(required=True)
    body = fields.Text()


class IntegrationBenchHook(models.Model):
    """What Odoo's own 'Send Webhook Notification' tells of: each row posts itself when it is made."""

    _name = "integration.bench.hook"
    _description = "Record with a webhook action"

    name = fields.Char(required=True)
    body = fields.Text()
