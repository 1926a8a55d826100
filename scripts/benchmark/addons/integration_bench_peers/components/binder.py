from odoo.addons.component.core import Component


class BenchBinder(Component):
    _name = "integration.bench.binder"
    _inherit = "base.binder"
    _apply_on = "integration.bench.binding"
