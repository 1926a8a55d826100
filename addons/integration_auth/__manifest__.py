# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
{
    "name": "Integration Sign-in",
    "summary": "A second factor for the roles that administer the integration, and sessions of theirs that end",
    "version": "19.0.1.0.0",
    "category": "Hidden/Tools",
    "author": "Odoo Healthcare Integration Suite",
    "website": "https://github.com/odoo-healthcare-integration/suite",
    "license": "LGPL-3",
    "depends": ["integration_core", "auth_timeout"],
    "auto_install": True,
    "data": [
        "data/res_groups.xml",
        "views/res_config_settings_views.xml",
    ],
}
