# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
{
    "name": "Integration Inbound",
    "summary": "Signed controllers: bytes in, verified event in the journal, nothing else",
    "version": "19.0.1.0.0",
    "category": "Hidden/Tools",
    "author": "Odoo Healthcare Integration Suite",
    "website": "https://github.com/odoo-healthcare-integration/suite",
    "license": "LGPL-3",
    "depends": ["integration_core"],
    "post_load": "post_load",
    "data": [
        "security/ir.model.access.csv",
        "security/integration_rules.xml",
        "data/integration_retention.xml",
        "wizards/integration_certificate_wizard_views.xml",
        "wizards/integration_refused_decision_views.xml",
        "views/integration_refused_message_views.xml",
        "views/integration_refusal_views.xml",
        "views/integration_credential_views.xml",
        "views/integration_request_views.xml",
        "views/integration_system_views.xml",
        "views/integration_menus.xml",
    ],
    "assets": {
        "web.assets_backend": ["integration_inbound/static/src/**/*"],
        "web.assets_tests": ["integration_inbound/static/tests/tours/**/*"],
    },
}
