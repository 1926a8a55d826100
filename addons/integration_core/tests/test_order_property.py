"""Whatever happens to ordered deliveries, and in whatever order: one of a key at a time, earlier ones first."""

from collections import defaultdict

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odoo.tests import TransactionCase, tagged

from ..engine import claims, order

SUBSCRIPTION = 999_999
steps = st.one_of(
    st.tuples(st.just("arrive"), st.integers(0, 1)),
    st.tuples(st.just("arrive"), st.integers(0, 1)),
    st.tuples(st.just("arrange"), st.just(0)),
    st.tuples(st.just("arrange"), st.just(0)),
    st.tuples(st.just("claim"), st.integers(1, 3)),
    st.tuples(st.just("done"), st.integers(0, 5)),
    st.tuples(st.just("done, its process dies before the next is let go"), st.integers(0, 5)),
    st.tuples(st.just("retry"), st.integers(0, 5)),
    st.tuples(st.just("dead"), st.integers(0, 5)),
    st.tuples(st.just("crash"), st.integers(0, 5)),
    st.tuples(st.just("give back"), st.integers(0, 5)),
    st.tuples(st.just("skip"), st.integers(0, 5)),
    st.tuples(st.just("mend"), st.just(0)),
)


class Line:
    """The due table as the steps see it, and what was carried out, by ordering key."""

    def __init__(self, cr):
        self.cr, self.held, self.keys, self.ended = cr, [], {}, defaultdict(list)
        cr.execute("SELECT COALESCE(max(id), 0) + 1000000 FROM integration_due")
        self.last = cr.fetchone()[0]

    def arrive(self, number):
        self.last += 1
        self.keys[self.last] = f"k{number}"
        self.cr.execute("INSERT INTO integration_event_position (event_id) VALUES (%s)", (self.last,))
        self.cr.execute(
            "INSERT INTO integration_due (id, event_id, subscription_id, company_id, lane, tier, due_at, order_key)"
            " VALUES (%s, %s, %s, 1, 1, %s, '2020-01-01', %s)",
            (self.last, self.last, SUBSCRIPTION, claims.UNPOSITIONED, self.keys[self.last]),
        )

    def claim(self, limit):
        tiers = (claims.FRESH, claims.RETRY, claims.ALONE)
        places = [claims.Place(SUBSCRIPTION, SUBSCRIPTION, 1, tier, limit) for tier in tiers]
        self.held += claims.claim(self.cr, places=places, owner="me", limit=limit)

    def take(self, number):
        return self.held.pop(number % len(self.held)) if self.held else None

    def complete(self, number, state, *, release=True):
        one = self.take(number)
        if one is None:
            return
        result = claims.Result(one, state, "applied", self.cr.now(), error_code=None if state == "done" else "x")
        stored = claims.complete(self.cr, [result], worker="me")
        if state == "done":
            self.ended[self.keys[one.id]].append(one.id)
        if release:
            order.release(self.cr, stored.freed)

    def crash(self, number):
        one = self.take(number)
        if one is not None:
            self.cr.execute("UPDATE integration_due SET lease_until = '2000-01-01' WHERE id = %s", (one.id,))
            self.cr.execute("UPDATE integration_lease SET until = '2000-01-01' WHERE %s = ANY (ids)", (one.id,))
            claims.reclaim(self.cr, worker="me")

    def skip(self, number):
        dead = sorted(row_id for row_id, tier, _position in self.rows() if tier == claims.DEAD)
        if dead:
            one = dead[number % len(dead)]
            self.cr.execute("DELETE FROM integration_due WHERE id = %s", (one,))
            self.ended[self.keys[one]].append(one)
            order.release(self.cr, {(SUBSCRIPTION, self.keys[one])})

    def rows(self):
        self.cr.execute("SELECT id, tier, position FROM integration_due WHERE subscription_id = %s", (SUBSCRIPTION,))
        return self.cr.fetchall()

    def give_back(self, number):
        one = self.take(number)
        claims.give_back(self.cr, [one] if one else [])

    def carry_out(self, step, number):
        deeds = {
            "arrive": self.arrive,
            "arrange": lambda _number: order.sequence(self.cr),
            "claim": self.claim,
            "done": lambda at: self.complete(at, "done"),
            "done, its process dies before the next is let go": lambda at: self.complete(at, "done", release=False),
            "retry": lambda at: self.complete(at, "waiting"),
            "dead": lambda at: self.complete(at, "dead"),
            "crash": self.crash,
            "give back": self.give_back,
            "skip": self.skip,
            "mend": lambda _number: order.mend(self.cr),
        }
        deeds[step](number)


@tagged("post_install", "-at_install")
class TestOrderProperty(TransactionCase):
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(steps, min_size=20, max_size=45))
    def test_one_of_a_key_at_a_time_and_earlier_ones_first(self, deeds):
        with self.env.cr.savepoint(flush=False) as savepoint:
            order.sequence(self.env.cr)
            line = Line(self.env.cr)
            for step, number in deeds:
                line.carry_out(step, number)
                self.check(line)
            self.finish(line)
            savepoint.rollback()

    def check(self, line):
        heads, behind = defaultdict(list), defaultdict(list)
        for row_id, tier, _position in line.rows():
            if tier == claims.BLOCKED:
                behind[line.keys[row_id]].append(row_id)
            elif tier != claims.UNPOSITIONED:
                heads[line.keys[row_id]].append(row_id)
        for key, ids in heads.items():
            self.assertEqual(len(ids), 1, key)
            self.assertLess(ids[0], min(behind[key], default=ids[0] + 1))

    def finish(self, line):
        """Whatever happened, everything ends once people and processes go on, each key in the order of arrival."""
        for _turn in range(10 * len(line.keys) + 10):
            if not line.rows():
                break
            for step in ("arrange", "mend", "claim", "done", "skip"):
                line.carry_out(step, 3)
        self.assertEqual(line.rows(), [])
        for ids in line.ended.values():
            self.assertEqual(ids, sorted(ids))
        self.assertEqual(sum(map(len, line.ended.values())), len(line.keys))
