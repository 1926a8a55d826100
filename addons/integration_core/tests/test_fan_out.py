"""What fanning out costs: each delivery is touched a few times, however many there are."""

from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import SQL

from .common import IntegrationCase
from .test_journal import Emitting, Silent

TYPE = "masterdata.supplier.changed.v1"
EVENTS = 1000
SUBSCRIPTIONS = 3
MADE = {"integration_event_position", "integration_delivery", "integration_due"}
TOUCHES = 20
"""How often a delivery's rows may pass a node of the plan that makes these: there are some ten such nodes."""


class Explained(Exception):
    """Ends a statement's transaction with the plan by which PostgreSQL carried it out."""


@tagged("post_install", "-at_install")
class TestFanOut(IntegrationCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.register_model(Emitting)
        cls.register_model(Silent)
        cls.registry.init_models(cls.env.cr, ["integration.test.emitting"], {"models_to_check": True})
        subscriptions = cls.env["integration.subscription"]
        subscriptions.search([]).active = False
        for number in range(SUBSCRIPTIONS):
            subscriptions.create(
                {
                    "name": f"S {number}",
                    "company_id": cls.company.id,
                    "handler": "integration.handler.silent",
                    "event_type_ids": cls.env["integration.event.type"]._named(TYPE).ids,
                    "ordered": number == 0,
                }
            )

    def plan_of(self, work, table):
        """Return the plan of the first statement of ``work`` that inserts into ``table``; it is undone."""
        run = type(self.env.cr).execute

        def explain(cr, query, *rest, **options):
            text = query.code if isinstance(query, SQL) else query
            if f"INSERT INTO {table}" not in text:
                return run(cr, query, *rest, **options)
            prefix = "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) "
            run(cr, SQL(prefix + "%s", query) if isinstance(query, SQL) else prefix + query, *rest, **options)
            raise Explained(cr.fetchone()[0])

        with patch.object(type(self.env.cr), "execute", explain), self.assertRaises(Explained) as caught:
            work()
        return caught.exception.args[0][0]["Plan"]

    def test_a_thousand_events_are_not_compared_with_each_other(self):
        records = self.env["integration.test.emitting"].create([{"name": "news"}] * EVENTS)
        self.env.flush_all()

        def fan_out():
            with self.env.cr.savepoint(flush=False):
                records._emit_event(TYPE)
                self.env["integration.event"]._complete_emissions()

        plan = self.plan_of(fan_out, "integration_due")
        parts = [part for part in plan["Plans"] if part.get("Relation Name") in MADE]
        self.assertEqual({part["Relation Name"] for part in parts}, MADE)
        self.assertLess(sum(map(touched, parts)), TOUCHES * EVENTS * SUBSCRIPTIONS)


def touched(node):
    """Return how many rows the nodes of a plan have given on or thrown away, all together."""
    removed = sum(count for name, count in node.items() if name.startswith("Rows Removed by"))
    here = (node["Actual Rows"] + removed) * node["Actual Loops"]
    return here + sum(map(touched, node.get("Plans", ())))
