# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
{
    "name": "Integration Outbound",
    "summary": "Tell other systems what happened: signed events to approved endpoints, with retries",
    "version": "19.0.1.0.0",
    "category": "Hidden/Tools",
    "author": "Odoo Healthcare Integration Suite",
    "website": "https://github.com/odoo-healthcare-integration/suite",
    "license": "LGPL-3",
    "depends": ["integration_core"],
    "data": [
        "security/ir.model.access.csv",
        "security/integration_outbound_rules.xml",
        "views/integration_credential_views.xml",
        "views/integration_delivery_views.xml",
        "views/integration_egress_allow_views.xml",
        "views/integration_endpoint_views.xml",
        "views/integration_subscription_views.xml",
        "views/integration_outbound_menus.xml",
    ],
    "assets": {
        "web.assets_backend": ["integration_outbound/static/src/**/*"],
        "web.assets_tests": ["integration_outbound/static/tests/tours/**/*"],
    },
}
