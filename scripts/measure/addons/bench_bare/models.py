"""Where the receivers that the gate is compared with put what they receive."""

from odoo import fields, models


class BenchMessage(models.Model):
    _name = "bench.message"
    _description = "Received message"
    _log_access = False

    message_id = fields.Char(required=True)
    body = fields.Text(required=True)
