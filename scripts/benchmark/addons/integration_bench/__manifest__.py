# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
{
    "name": "Integration Bench",
    "summary": "Records that emit and a handler that counts, for scripts/bench alone",
    "version": "19.0.1.0.0",
    "category": "Hidden/Tools",
    "author": "Odoo Healthcare Integration Suite",
    "license": "LGPL-3",
    "depends": ["integration_outbound"],
    "data": ["security/ir.model.access.csv"],
}
