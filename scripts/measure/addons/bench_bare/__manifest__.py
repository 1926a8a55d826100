{
    "name": "Bare receivers to compare with",
    "version": "19.0.1.0.0",
    "author": "Odoo Healthcare Integration Suite",
    "license": "LGPL-3",
    "depends": ["base", "rpc", "base_automation"],
    "data": ["security/ir.model.access.csv"],
}
