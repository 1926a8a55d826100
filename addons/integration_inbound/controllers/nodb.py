"""Answering without a database."""

import werkzeug.routing
from odoo import http
from odoo.tools.misc import submap

MODULE = "integration_inbound"


def serve_without_database():
    """Let the addresses of this addon answer when no database does.

    Odoo serves requests without a usable database from a map of its own, which holds the addons that
    ``server_wide_modules`` names. An addon that is merely installed is missing there, and a stopped PostgreSQL would be
    answered by Odoo's 404 page. Adding the rules to that map needs no server option; only a process that has never
    loaded a database with this addon needs it.
    """
    routing_map = http.root.nodb_routing_map
    if any(rule.rule.startswith("/integration") for rule in routing_map.iter_rules()):
        return  # by the option, or by another database of this process
    for url, endpoint in http._generate_routing_rules([MODULE], nodb_only=True):
        rule = werkzeug.routing.Rule(url, endpoint=endpoint, **submap(endpoint.routing, http.ROUTING_KEYS))
        rule.merge_slashes = False
        routing_map.add(rule)
