from dataclasses import dataclass
from datetime import timedelta
from math import floor

from odoo import api, fields, models
from odoo.addons.integration_core.models.integration_event_type import LANE_RANK
from odoo.fields import Domain
from odoo.tools import SQL

WELL = 0.95
"""Share of tries below which the figure is shown as bad."""
DUE_LATE = timedelta(minutes=5)
"""A lane whose oldest delivery has been due for longer, with nothing that keeps it back, is shown as late."""
_WAITING = Domain("is_open", "=", True) & Domain("state", "=", "waiting")
DEAD = Domain("dead_since", "!=", False) & Domain("state", "=", "dead") & Domain("event_id.mode", "=", "live")
"""Dead letters; those of tests are nobody's work."""


@dataclass
class _Lane:
    """What waits in one lane; ``due`` is for how many seconds the oldest has been due that nothing keeps back."""

    waiting: int = 0
    retrying: int = 0
    retries_due: int = 0
    held: int = 0
    due: float = 0.0


class IntegrationOverviewDeliveries(models.AbstractModel):
    """The Overview's figures of deliveries: success and latency, the queue by lane, retries, breakers, dead letters.

    Tries and latencies come from the counts that the engine keeps, the queue from its work list, never from the
    history of deliveries or tries. Dead letters of tests are left out, and what leaves by a channel for tests alone.
    """

    _name = "integration.overview.deliveries"
    _inherit = ["integration.overview.words"]
    _description = "Overview: deliveries"

    @api.model
    def _deliveries(self, roles, days=1):
        """Return what waits, what fails and what died, per subscription and lane; for operators and auditors.

        :param int days: of the chosen period, today included
        """
        if not (roles["operator"] or roles["auditor"]):
            return None
        deliveries = self.env["integration.delivery"]
        queue = self._queue()
        rows = self._failing_rows(queue)
        dead_since = [row["dead_since"] for row in rows.values() if row["dead_since"]]
        dead_action = self.env["ir.actions.actions"]._for_xml_id("integration_core.action_dead_letter")
        return {
            "hour": self._tries_since(fields.Datetime.now() - timedelta(hours=1)),
            "span": self._tries_since(self._midnight(days)),
            "waiting": sum(many for _rank, _subscription, many, *_ in queue),
            "oldest": self._age(self._created(min((row[-2] for row in queue), default=None))),
            "dead": sum(row["dead"] for row in rows.values()),
            "dead_oldest": self._age(min(dead_since, default=None)),
            "failing": sum(row["failing"] for row in rows.values()),
            "lanes": self._lanes(queue),
            "breakers": self._breakers(),
            "rows": [self._failing_row(subscription, row) for subscription, row in rows.items()],
            "action": self._open(self.env._("Waiting deliveries"), deliveries._name, list(_WAITING)),
            "dead_action": {**dead_action, "domain": list(DEAD)},
        }

    @api.model
    def _tries_since(self, since):
        """Return what was delivered since a moment, how many tries went well and how long deliveries took."""
        tests = self.env["integration.alert.readings"]._for_tests()
        figures = self.env["integration.delivery.count"]._figures(self.env.companies, since, without=tests)
        share = figures.success_share
        return {
            "delivered": figures.delivered,
            "tries": figures.total,
            # Rounded down: a single failure must never read as 100 %.
            "share": "" if share is None else self._share(floor(share * 1000)),
            "well": share is None or share >= WELL,
            "p50": self._span(figures.p50),
            "p95": self._span(figures.p95),
            "p99": self._span(figures.p99),
            "action": self._open_counts(since, tests),
            "delivered_action": self._open_counts(since, tests, [("state", "=", "done")]),
        }

    @api.model
    def _share(self, per_mille):
        """Return a share in words: ``99.9 %``, ``100 %``."""
        return self.env._("%s %%", self._number(per_mille / 10, 1 if per_mille % 10 else 0))

    @api.model
    def _open_counts(self, since, tests, domain=()):
        """Return the action that opens the counts of tries since a moment, by subscription."""
        minute = fields.Datetime.to_string(since.replace(second=0, microsecond=0))
        return self._open(
            self.env._("Tries by minute"),
            "integration.delivery.count",
            [("minute", ">=", minute), ("subscription_id", "not in", sorted(tests)), *domain],
            views=("list", "graph"),
            context={"group_by": ["subscription_id", "outcome"]},
        )

    # -- the queue
    # ------------------------------------------------------------------------------------------------------------

    @api.model
    def _queue(self):
        """Return the work list of the chosen companies.

        :return: (rank of the lane, subscription's id, how many, how many were tried before, whether nothing keeps them
            back, for how many seconds the oldest has been due, how many that were tried before are due again, the
            lowest id, the lowest id of those that were tried before) rows
        """
        companies = set(self.env.companies.ids)
        groups = self.env["integration.metrics"]._due_groups()
        return [
            (rank, subscription, *figures)
            for company, rank, subscription, _system, *figures in groups
            if company in companies
        ]

    @api.model
    def _created(self, delivery):
        """Return since when a delivery is there (naive UTC), None for none: one look by its id."""
        # sudo: the time alone, of a delivery of the user's own companies
        return self.env["integration.delivery"].sudo().browse(delivery or ()).exists().created_at or None

    @api.model
    def _lanes(self, queue):
        """Return depth, age, retries and what is held of each lane, the most urgent lane first."""
        lanes = {rank: _Lane() for rank in LANE_RANK.values()}
        for rank, _subscription, many, tried, moves, age, tried_due, *_ in queue:
            lane = lanes[rank]
            lane.waiting += many
            lane.retrying += tried
            lane.retries_due += tried_due
            lane.held += 0 if moves else many
            lane.due = max(lane.due, age if moves else 0.0)
        labels = dict(self.env["integration.event.type"]._fields["lane"]._description_selection(self.env))
        return [self._lane_row(labels[name], rank, lanes[rank]) for name, rank in LANE_RANK.items()]

    @api.model
    def _lane_row(self, label, rank, lane):
        domain = _WAITING & Domain("lane", "=", rank)
        tried = domain & Domain("attempts", ">", 0)
        model = "integration.delivery"
        return {
            "lane": rank,
            "label": label,
            "waiting": lane.waiting,
            "retrying": lane.retrying,
            "retries_due": lane.retries_due,
            "held": lane.held,
            "due": self._age(fields.Datetime.now() - timedelta(seconds=lane.due)) if lane.due >= 1 else "",
            "late": lane.due > DUE_LATE.total_seconds(),
            "action": self._open(label, model, list(domain)),
            "retry_action": self._open(self.env._("Retries, %s", label), model, list(tried)),
            "again_action": self._open(
                self.env._("Due again, %s", label), model, list(domain & Domain("due_again", "=", True))
            ),
            "held_action": self._open(
                self.env._("Held, %s", label), model, list(domain & Domain("kept_back", "=", True))
            ),
        }

    @api.model
    def _failing_rows(self, queue):
        """Return {subscription: how many are tried again, how many are dead, since when}, the worst first."""
        rows = {}

        def row_of(subscription):
            return rows.setdefault(subscription, {"failing": 0, "dead": 0, "first": None, "dead_since": None})

        for _rank, subscription, _many, tried, _moves, _age, _due, _first, first_tried in queue:
            if tried:
                row = row_of(subscription)
                row["failing"] += tried
                row["first"] = min(first_tried, row["first"] or first_tried)
        for subscription, count, since in self._dead():
            row_of(subscription).update(dead=count, dead_since=since)
        worst = sorted(rows.items(), key=lambda item: (-item[1]["dead"], -item[1]["failing"]))
        subscriptions = self.env["integration.subscription"].with_context(active_test=False)
        return {subscriptions.browse(subscription): row for subscription, row in worst}

    @api.model
    def _dead(self):
        """Return (subscription's id, how many dead letters, since when the oldest is one) of the chosen companies."""
        # Found before they are grouped: else the whole history may be read in the order of its subscriptions.
        return self.env.execute_query(
            SQL(
                """
                WITH dead AS MATERIALIZED (
                    SELECT d.subscription_id, d.dead_since
                      FROM integration_delivery d JOIN integration_event e ON e.id = d.event_id AND e.mode = 'live'
                     WHERE d.company_id IN %s AND d.dead_since > '-infinity' AND d.state = 'dead')
                SELECT subscription_id, count(*), min(dead_since) FROM dead GROUP BY 1
                """,
                tuple(self.env.companies.ids) or (0,),
            )
        )

    @api.model
    def _failing_row(self, subscription, row):
        since = min(filter(None, (self._created(row["first"]), row["dead_since"])), default=None)
        stuck = (_WAITING & Domain("attempts", ">", 0)) | DEAD
        return {
            "id": subscription.id,
            "name": subscription.display_name,
            "failing": row["failing"],
            "dead": row["dead"],
            "since": self._age(since),
            "action": self._open(
                subscription.display_name,
                "integration.delivery",
                list(Domain("subscription_id", "=", subscription.id) & stuck),
            ),
        }

    # -- breakers
    # -------------------------------------------------------------------------------------------------------------

    @api.model
    def _breakers(self):
        """Return the endpoints that are left alone because they do not answer, since when and until when."""
        states = {
            name: (state, opened_at, due_at)
            for name, state, opened_at, due_at in self.env.execute_query(
                SQL("SELECT name, state, opened_at, due_at FROM integration_breaker WHERE state <> 'closed'")
            )
        }
        endpoints = self.env["integration.endpoint"]
        if not states or not endpoints.has_access("read"):
            return []
        labels = dict(self.env["integration.breaker"]._fields["state"]._description_selection(self.env))
        rows = []
        for endpoint in endpoints.search([("url", "!=", False), ("company_id", "in", self.env.companies.ids)]):
            found = [states[name] for name in self.env["integration.breaker"]._names_of(endpoint) if name in states]
            if found:
                state, opened_at, _due = max(found, key=lambda one: one[0] == "open")
                action = self._open(endpoint.name, endpoints._name, [("id", "=", endpoint.id)], views=("form",))
                rows.append(
                    {
                        "id": endpoint.id,
                        "name": endpoint.name,
                        "state": labels[state],
                        "age": self._age(opened_at),
                        "since": self.env._("for %s", self._age(opened_at)) if opened_at else "",
                        "action": {**action, "res_id": endpoint.id},
                    }
                )
        return rows
