"""What this addon does once per process, whatever the database."""

import werkzeug.routing
from odoo import http
from odoo.tools import config
from odoo.tools.misc import submap

MODULE = "integration_inbound"


def post_load():
    """Let the addresses of this addon answer when no database does.

    Odoo serves requests without a usable database from a map of its own, which holds the addons that
    ``server_wide_modules`` names. An addon that is merely installed is missing there, and a stopped PostgreSQL would be
    answered by Odoo's 404 page. Adding the rules to that map needs no server option. In a process that has not loaded
    any registry yet only the option helps; then there is nothing to do here, since Odoo builds the map after every
    server-wide addon is loaded.
    """
    if MODULE in config["server_wide_modules"]:
        return
    routing_map = http.root.nodb_routing_map
    for url, endpoint in http._generate_routing_rules([MODULE], nodb_only=True):
        rule = werkzeug.routing.Rule(url, endpoint=endpoint, **submap(endpoint.routing, http.ROUTING_KEYS))
        rule.merge_slashes = False
        routing_map.add(rule)
