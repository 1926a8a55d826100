{
    "name": "Healthcare Integration Suite",
    "summary": "Installs every part of the healthcare integration suite",
    "version": "19.0.1.0.0",
    "category": "Hidden/Tools",
    "author": "Odoo Healthcare Integration Suite",
    "website": "https://github.com/odoo-healthcare-integration/suite",
    "license": "LGPL-3",
    "depends": [
        "integration_core",
        "integration_inbound",
        "integration_outbound",
        "integration_mapping",
        "integration_account",
        "integration_monitor",
        "integration_auth",
    ],
}
