from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

LATE = timedelta(minutes=2)
"""Work that has been due for longer than this, while no engine beats, means that the engine has stopped."""
LATE_MOST = 1000
"""Late deliveries are counted up to so many."""


class IntegrationOverviewPlumbing(models.AbstractModel):
    """The Overview's figures of what moves: the engine, codes to map, receipts by hour."""

    _name = "integration.overview.plumbing"
    _inherit = ["integration.overview.words"]
    _description = "Overview: plumbing"

    @api.model
    def _engine(self):
        # sudo: everybody with a role may know whether the engine is alive; nothing else is read
        beat = self.env["integration.heartbeat"].sudo().search([], order="last_beat desc", limit=1)
        late = self._late_work()
        alive = bool(beat) and fields.Datetime.now() - beat.last_beat < LATE
        return {
            "level": "danger" if late and not alive else "success",
            "age": self._age(beat.last_beat) if beat else "",
            "awake": bool(beat) and beat.state != "asleep",
            "stopped": bool(late and not alive),
            "late": late,
        }

    @api.model
    def _late_work(self, companies=None):
        """Return how many deliveries have been due for too long (up to ``LATE_MOST``), what a pause holds apart.

        :param companies: whose, as records; None: those that the user has chosen
        """
        self.env.cr.execute(
            SQL(
                """
                SELECT count(*) FROM (
                    SELECT 1 FROM integration_due d JOIN integration_subscription s ON s.id = d.subscription_id
                     WHERE d.tier IN (0, 1, 5) AND d.due_at < %s AND d.company_id IN %s AND %s AND (%s)
                     LIMIT %s) AS late
                """,
                fields.Datetime.now() - LATE,
                tuple((self.env.companies if companies is None else companies).ids),
                self.env["integration.delivery"]._claim_condition(),
                self.env["integration.hold"]._let_go(),
                LATE_MOST,
            )
        )
        return self.env.cr.fetchone()[0]

    @api.model
    def _holds(self, roles):
        """Return what a person holds back, since when and why; operators may release it."""
        # sudo: everybody with a role may know that and why nothing moves; systems of other companies stay out
        ours = Domain("system_id", "=", False) | Domain("system_id.company_id", "in", self.env.companies.ids)
        holds = self.env["integration.hold"].sudo().search(ours)
        rows = [
            {
                "id": hold.id,
                "everything": hold.scope == "all",
                "what": hold.display_name,
                "since": self._age(hold.since),
                "by": hold.user_id.name,
                "why": hold.reason,
                "waiting": hold.count,
                "release": hold.action_release() if self._may_order(hold.scope, roles) else None,
            }
            for hold in holds.sorted(lambda hold: (hold.scope != "all", hold.id))
        ]
        everything = any(row["everything"] for row in rows)
        pause = self.env["ir.actions.actions"]._for_xml_id("integration_core.action_pause_everything")
        return {
            "rows": rows,
            "everything": everything,
            "pause": pause if self._may_order("all", roles) and not everything else None,
        }

    @api.model
    def _may_order(self, scope, roles):
        """Tell whether the user may hold and release that: what holds for every company is for those in all of them."""
        return roles["operator"] and (scope == "system" or self.env.user._is_in_every_company())

    @api.model
    def _corrections(self, roles):
        """Return the lines that wait for the clinical side or others, by reason: how many, since when; no money."""
        if not roles["liaison"]:
            return None
        effects = self.env["integration.effect"]
        waiting = [("status", "=", "parked"), ("event_id.mode", "=", "live")]
        reasons = self._reason_names()
        turns = self._turns()
        rows = [
            {
                "reason": reason or "",
                "label": reasons.get(reason) or reason or self.env._("Parked"),
                "turn": turns.get(reason) or self.env._("Administrator"),
                "count": count,
                "since": self._age(since),
                "action": self._open(
                    reasons.get(reason) or self.env._("Parked"), effects._name, [*waiting, ("reason", "=", reason)]
                ),
            }
            for reason, count, since in effects._read_group(waiting, ["reason"], ["__count", "changed_at:min"])
        ]
        rows.sort(key=lambda row: -row["count"])
        return {"rows": rows, "count": sum(row["count"] for row in rows), "amounts": []}

    @api.model
    def _reason_names(self):
        """Return {reason code of a line: how people call it}."""
        names = {}
        for model in ("integration.charge.void", "integration.charge"):
            names.update(self.env[model]._fields["park_reason"]._description_selection(self.env))
        return names

    @api.model
    def _to_map(self, roles):
        """Return the codes that something waits for, by system and kind; for stewards and the clinical side."""
        if not (roles["steward"] or roles["liaison"]):
            return None
        model = self.env["integration.mapping.task"]
        kinds = dict(model._fields["kind"]._description_selection(self.env))
        rows = []
        groups = model._read_group(
            [("state", "=", "open")], ["system_id", "kind"], ["__count", "since:min", "id:recordset"]
        )
        for system, kind, codes, since, tasks in groups:
            domain = [("state", "=", "open"), ("system_id", "=", system.id), ("kind", "=", kind)]
            rows.append(
                {
                    "key": f"{system.id}/{kind}",
                    "system": system.display_name,
                    "kind": kinds[kind],
                    "codes": codes,
                    "lines": sum(tasks.mapped("waiting_lines")),
                    "since": self._age(since),
                    "action": self._open(self.env._("Codes to map"), model._name, domain),
                }
            )
        return {"codes": sum(row["codes"] for row in rows), "rows": rows}

    @api.model
    def _hours(self):
        """Return today's receipts by hour and by outcome, for the chart: day and hour where each system is."""
        self.env["integration.system"].flush_model(["timezone"])
        now = fields.Datetime.now()
        self.env.cr.execute(
            SQL(
                """
                SELECT extract(hour FROM r.received_at AT TIME ZONE 'UTC' AT TIME ZONE s.timezone)::int, r.outcome,
                       count(*)
                  FROM integration_receipt r
                  JOIN integration_system s ON s.id = r.system_id
                 WHERE r.company_id IN %(companies)s AND r.mode = 'live'
                   AND r.received_day BETWEEN %(now)s::date - 1 AND %(now)s::date + 1
                   AND r.received_day = (%(now)s::timestamp AT TIME ZONE 'UTC' AT TIME ZONE s.timezone)::date
                 GROUP BY 1, 2
                """,
                now=now,
                companies=tuple(self.env.companies.ids),
            )
        )
        hours = {outcome: [0] * 24 for outcome in ("accepted", "duplicate", "rejected")}
        for hour, outcome, count in self.env.cr.fetchall():
            hours[outcome][hour] = count
        # sudo: in which time zones the company's systems are is no secret
        systems = self.env["integration.system"].sudo().search([("company_id", "in", self.env.companies.ids)])
        zones = set(systems.mapped("timezone"))
        clock = self.env._("each system's own time") if len(zones) > 1 else next(iter(zones), "")
        return {"labels": [f"{hour:02d}" for hour in range(24)], "clock": clock, **hours}
