# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
{
    "name": "Integration Mapping",
    "summary": "One meaning for every code: what systems call suppliers, services, departments, cost centers",
    "version": "19.0.1.0.0",
    "category": "Hidden/Tools",
    "author": "Odoo Healthcare Integration Suite",
    "website": "https://github.com/odoo-healthcare-integration/suite",
    "license": "LGPL-3",
    "depends": ["integration_core", "product", "analytic"],
    "data": [
        "security/ir.model.access.csv",
        "security/integration_mapping_rules.xml",
        "wizards/integration_map_codes_views.xml",
        "wizards/integration_identifier_end_views.xml",
        "wizards/integration_rule_end_views.xml",
        "views/integration_identifier_views.xml",
        "views/integration_entity_views.xml",
        "views/integration_mapping_task_views.xml",
        "views/integration_unit_factor_views.xml",
        "views/integration_cost_center_rule_views.xml",
        "views/integration_system_views.xml",
        "views/integration_mapping_menus.xml",
    ],
    "assets": {
        "web.assets_tests": ["integration_mapping/static/tests/tours/*.js"],
    },
    "pre_init_hook": "pre_init_hook",
}
