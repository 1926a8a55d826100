# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
{
    "name": "Integration Core",
    "summary": "One journal of events, many consumers, one engine that moves every delivery",
    "version": "19.0.1.0.0",
    "category": "Hidden/Tools",
    "author": "Odoo Healthcare Integration Suite",
    "website": "https://github.com/odoo-healthcare-integration/suite",
    "license": "LGPL-3",
    "depends": ["base", "mail"],
    "external_dependencies": {"python": ["cryptography", "jsonschema"]},
    "data": [
        "security/integration_groups.xml",
        "data/integration_user.xml",
        "security/ir.model.access.csv",
        "security/integration_rules.xml",
        "data/integration_event_type.xml",
        "data/ir_cron.xml",
    ],
    "installable": True,
    "application": True,
}
