from odoo.tests import TransactionCase, tagged

from ..engine import claims, order
from ..tools import Statement


def forget_statistics(cr):
    """Have PostgreSQL believe that no delivery is ever open, as it does after a vacuum of the emptied table."""
    cr.execute(
        """
        INSERT INTO integration_due (id, event_id, subscription_id, company_id, lane, tier, due_at)
        SELECT -n, -n, 1, 1, 1, 0, now() FROM generate_series(1, 2000) AS n;
        DELETE FROM integration_due WHERE id < 0;
        ANALYZE integration_due;
        """
    )


@tagged("post_install", "-at_install")
class TestPlans(TransactionCase):
    """What the engine says all day long never compares every row with every row, whatever the statistics say."""

    def setUp(self):
        super().setUp()
        forget_statistics(self.env.cr)

    def statements(self):
        found = {
            f"{module.__name__}.{name}": value
            for module in (claims, order)
            for name, value in vars(module).items()
            if isinstance(value, Statement)
        }
        self.assertGreater(len(found), 10)
        return found

    def test_no_table_is_read_from_end_to_end_for_every_row(self):
        for name, statement in self.statements().items():
            with self.subTest(name):
                plan = statement.plan(self.env.cr)
                self.assertNotIn("Join Filter", plan, plan)
                self.assertNotIn("Seq Scan on integration_d", plan, plan)
                self.assertNotIn("Seq Scan on integration_lease", plan, plan)

    def test_nothing_is_compiled(self):
        """In a handler's transaction too, where it was: half a second for each batch."""
        for name, statement in self.statements().items():
            if "enable_" not in statement._settings:
                continue
            self.env.cr.execute("SET LOCAL jit = on; SET LOCAL jit_above_cost = 0")
            with self.subTest(name):
                self.assertNotIn("JIT", statement.plan(self.env.cr))
                # A server may have been built without the compiler.
                self.env.cr.execute(f"{statement._settings}; SHOW jit")
                self.assertEqual(self.env.cr.fetchone(), ("off",))

    def test_a_claim_reads_the_claim_index(self):
        plan = claims._FIND.plan(self.env.cr)
        self.assertRegex(plan, r"Index Scan using integration_due_claim_idx[^\n]*\n +Index Cond: [^\n]*due_at")

    def test_what_is_not_in_order_yet_is_found_without_the_others(self):
        self.assertIn("integration_due_unpositioned_idx", order._LEFT.plan(self.env.cr))
        self.assertRegex(
            order._ARRIVING.plan(self.env.cr),
            r"Index Scan using integration_due_unpositioned_idx[^\n]*\n +Index Cond: \(event_id = ",
        )

    def test_the_head_of_a_key_is_found_or_missed_without_all_that_stand_behind_it(self):
        for statement in (order._LOCK_HEAD, order._FIND_HEAD, order._NEXT_OF, order._NEXT_OF_ANY):
            self.assertRegex(statement.plan(self.env.cr), r"Index Cond: [^\n]*tier >= [^\n]*tier <= ")

    def test_a_search_for_ended_leases_reads_the_notes_whose_time_is_over(self):
        self.assertRegex(
            claims._ENDED.plan(self.env.cr),
            r"Index Scan using integration_lease_pkey[^\n]*\n +Index Cond: [^\n]*until >=[^\n]*until <",
        )

    def test_the_statements_of_old_would_have_been_found_out(self):
        careless = Statement(
            "SELECT d.id FROM unnest(%(ids)s::int[]) AS n (id) JOIN integration_due d ON d.id = n.id",
            settings=claims.IN_ORDER,
        )
        self.assertIn("Join Filter", careless.plan(self.env.cr))
