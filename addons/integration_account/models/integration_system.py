from odoo import api, fields, models

_WATCHED = (
    "prices_include_tax",
    "self_pay_default",
    "timezone",
    "service_code_system",
    "department_code_system",
    "cost_center_code_system",
    "payer_code_system",
    "facility_code_system",
    "unit_code_system",
)


class IntegrationSystem(models.Model):
    _inherit = "integration.system"

    prices_include_tax = fields.Boolean(
        help="Prices in this system's messages include tax. Invoices are made so that the customer pays what was sent."
    )
    self_pay_default = fields.Boolean(
        "Self-pay unless told otherwise",
        help="A line without payer and without guarantor goes to the company's self-pay customer.",
    )
    service_code_system = fields.Char(
        "Service codes", help="Code system of its service codes, unless a line names another. Empty: codes of its own."
    )
    department_code_system = fields.Char(
        "Department codes", help="Code system of its department codes. Empty: codes of its own."
    )
    cost_center_code_system = fields.Char(
        "Cost center codes", help="Code system of its cost center codes. Empty: codes of its own."
    )
    payer_code_system = fields.Char("Payer codes", help="Code system of its payer codes. Empty: codes of its own.")
    facility_code_system = fields.Char(
        "Facility codes", help="Code system of its facility codes. Empty: codes of its own."
    )
    unit_code_system = fields.Char(
        "Unit codes", help="Code system of its unit codes, such as UCUM. Empty: codes of its own."
    )

    @api.model
    def _portable_fields(self):
        return [
            *super()._portable_fields(),
            "prices_include_tax",
            "self_pay_default",
            "service_code_system",
            "department_code_system",
            "cost_center_code_system",
            "payer_code_system",
            "facility_code_system",
        ]

    def _code_system(self, kind):
        self.ensure_one()
        name = f"{kind}_code_system"
        return (name in self._fields and self[name]) or super()._code_system(kind)

    def write(self, vals):
        result = super().write(vals)
        if not vals.keys().isdisjoint(_WATCHED):
            self.env["integration.charge"]._recheck(systems=self)
        return result
