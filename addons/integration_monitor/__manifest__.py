# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
{
    "name": "Integration Monitor",
    "summary": "Is it flowing, is anything lost, how much money is parked, and whose turn it is",
    "version": "19.0.1.0.0",
    "category": "Hidden/Tools",
    "author": "Odoo Healthcare Integration Suite",
    "website": "https://github.com/odoo-healthcare-integration/suite",
    "license": "LGPL-3",
    "depends": ["integration_account", "integration_inbound", "integration_outbound"],
    "data": [
        "security/ir.model.access.csv",
        "security/integration_monitor_rules.xml",
        "data/integration_subscription.xml",
        "views/integration_receipt_views.xml",
        "views/integration_effect_views.xml",
        "views/integration_ledger_line_views.xml",
        "views/integration_overview_views.xml",
        "views/integration_home_views.xml",
        "views/integration_control_total_views.xml",
        "views/integration_reconciliation_views.xml",
        "views/integration_reconciliation_menus.xml",
    ],
    "assets": {
        "web.assets_backend": ["integration_monitor/static/src/**/*"],
        "web.assets_tests": ["integration_monitor/static/tests/tours/**/*"],
    },
}
