import json

from odoo import api, models
from odoo.tools import file_open

NAMESPACE = "demo_hospital"
"""Module part of the XML ids of everything the hospital consists of.

It is no addon's name: uninstalling this addon must not try to delete products and customers that invoices refer to.
"""


class IntegrationDemoRecords(models.AbstractModel):
    """Records that are made once and found again by a name."""

    _name = "integration.demo.records"
    _description = "Records of the demo hospital"

    @api.model
    def _hospital(self):
        with file_open("integration_demo/hospital.json") as file:
            return json.load(file)

    @api.model
    def _made(self, name):
        """Return the record that an earlier build made under this name, or None."""
        return self.env.ref(f"{NAMESPACE}.{name}", raise_if_not_found=False)

    @api.model
    def _make(self, name, model, values):
        """Return the record of this name; create it the first time."""
        record = self._made(name)
        return record or self._name_it(name, self.env[model].create(values))

    @api.model
    def _name_it(self, name, record):
        """Remember a record under a name, and return it."""
        self.env["ir.model.data"].create(
            {"module": NAMESPACE, "name": name, "model": record._name, "res_id": record.id, "noupdate": True}
        )
        return record
