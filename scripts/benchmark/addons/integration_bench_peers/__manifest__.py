# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
{
    "name": "Integration Bench: Peers",
    "summary": "What the suite is measured against: the prototype in a cron, queue_job's jobs, a bare controller",
    "version": "19.0.1.0.0",
    "category": "Hidden/Tools",
    "author": "Odoo Healthcare Integration Suite",
    "license": "LGPL-3",
    "depends": ["integration_bench", "integration_account", "base_automation", "connector", "queue_job", "rpc"],
    "data": ["security/ir.model.access.csv", "data/ir_cron.xml"],
}
