"""What tests of retention share: events that were carried out, ageing them, and the engine's batches."""

from odoo.tests import new_test_user
from odoo.tools import SQL

from .recording import RecordingCase
from .test_journal import ADMITTED, DATA

LONG_AGO = 3000


class RetentionCase(RecordingCase):
    """Events that are old and closed, and rules that look at them again."""

    def handled(self, *ids, drain=True):
        """Return events that were carried out."""
        events = [self.post(ADMITTED, {**DATA, "encounter": name}, event_id=name, webhook_id=name)[1] for name in ids]
        if drain:
            self.drain()
        return self.env["integration.event"].union(*events)

    def age(self, events, days=LONG_AGO):
        """Let what belongs to ``events`` be ``days`` older."""
        ids, uuids = tuple(events.ids), tuple(events.mapped("uuid"))
        deliveries = tuple(events.delivery_ids.ids) or (0,)
        for table, column, where in (
            ("integration_event", "received_at", SQL("id IN %s", ids)),
            ("integration_event_key", "seen_at", SQL("event_uuid IN %s", uuids)),
            ("integration_receipt", "received_at", SQL("event_id IN %s", ids)),
            ("integration_attempt", "started_at", SQL("delivery_id IN %s", deliveries)),
        ):
            self.env.cr.execute(
                SQL(
                    "UPDATE %(table)s SET %(column)s = %(column)s - make_interval(days => %(days)s) WHERE %(where)s",
                    table=SQL.identifier(table),
                    column=SQL.identifier(column),
                    days=days,
                    where=where,
                )
            )
        self.env.invalidate_all()

    def purge(self, *whats):
        """Let the rules of some kinds carry out batches until nothing more is to go; return how many rows went."""
        rules = self.env["integration.retention"].search([])
        rules.sudo().write({"rest_until": False, "last_id": 0, "round_began_at": False})
        (rules.filtered(lambda rule: rule.what not in whats)).sudo().write({"rest_until": "2999-01-01 00:00:00"})
        self.env.flush_all()
        gone = sum(self.env["integration.retention"]._purge() for _turn in range(10))
        self.env.invalidate_all()
        return gone

    def count(self, table, column, ids):
        self.env.cr.execute(
            SQL("SELECT count(*) FROM %s WHERE %s IN %s", SQL.identifier(table), SQL.identifier(column), tuple(ids))
        )
        return self.env.cr.fetchone()[0]

    @classmethod
    def person(cls, login, group, **values):
        """Return a user with one role and a mail address of their own."""
        return new_test_user(
            cls.env, login, groups=f"integration_core.group_{group}", email=f"{login}@example.org", **values
        )

    def sql(self, query, *values):
        self.env.flush_all()
        self.env.cr.execute(query, values)  # pylint: disable=sql-injection
        self.env.invalidate_all()
        return self.env.cr.fetchall() if self.env.cr.description else []

    def certificates(self, *whats):
        """Return the certificates of some kinds, the oldest first."""
        return self.env["integration.retention.certificate"].search([("what", "in", whats)], order="id")

    def text_of(self, table):
        """Return all that a table holds, as text."""
        self.env.flush_all()
        self.env.cr.execute(SQL("SELECT string_agg(to_jsonb(t)::text, ' ') FROM %s t", SQL.identifier(table)))
        return self.env.cr.fetchone()[0] or ""
