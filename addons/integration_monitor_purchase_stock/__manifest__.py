# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
{
    "name": "Integration Monitor: Purchases",
    "summary": "Trace of purchase orders and transfers",
    "version": "19.0.1.0.0",
    "category": "Hidden/Tools",
    "author": "Odoo Healthcare Integration Suite",
    "website": "https://github.com/odoo-healthcare-integration/suite",
    "license": "LGPL-3",
    "depends": ["integration_monitor", "purchase_stock"],
    "data": ["views/purchase_order_views.xml", "views/stock_picking_views.xml"],
    "assets": {"web.assets_tests": ["integration_monitor_purchase_stock/static/tests/tours/**/*"]},
    "auto_install": True,
}
