from datetime import datetime, timezone

from odoo import api, fields, models
from odoo.addons.integration_core.tools import utc_now
from odoo.fields import Domain
from odoo.tools import SQL

from ..domain import breaker, egress

SAMPLES_READ = 400
"""Newest samples, beside those of the last minutes, that a run of failures is looked for in."""
MOST_SAMPLES = 20_000
"""Samples of the last minutes that are read at most: those of sixty processes."""

SAMPLES_KEPT = "1 day"

LOST_AFTER = 90.0
"""Seconds after which a probe that never came back is given up: longer than the longest deadline of an endpoint."""

STATES = [("closed", "Closed"), ("open", "Open"), ("half_open", "Probing")]


def endpoint_key(endpoint_id):
    """Return the name of an endpoint's own breaker."""
    return f"endpoint:{endpoint_id}"


def origin_key(url):
    """Return the name of the breaker of a URL's origin (scheme, host and port), or None for no usable URL."""
    try:
        target = egress.place_of(url or "")
    except egress.EgressError:
        return None
    scheme = url.split(":", 1)[0].lower()
    return f"{scheme}://{egress.allow_key(*target)}"


class IntegrationBreaker(models.Model):
    """The circuit breaker of an endpoint, or of an origin that several endpoints share.

    Its rules are ``domain/breaker.py``; here is what all engine processes share. Processes append what they saw to
    ``integration_breaker_sample``, and only while something fails: no row is written by two of them, and a healthy
    endpoint writes nothing. The row of a breaker changes when it opens, probes or closes, and at no other time.
    """

    _name = "integration.breaker"
    _description = "Circuit breaker"
    _order = "state desc, name"
    _log_access = False

    name = fields.Char(required=True, readonly=True, help="endpoint:<id>, or scheme, host and port.")
    state = fields.Selection(STATES, required=True, readonly=True)
    since = fields.Datetime("Closed since", readonly=True, help="What failed before this moment is forgotten.")
    opened_at = fields.Datetime(readonly=True)
    wait = fields.Float("Open for (s)", required=True, readonly=True)
    due_at = fields.Datetime("Next probe", readonly=True)
    probe = fields.Integer("Probes", required=True, readonly=True)
    change_ids = fields.One2many("integration.breaker.change", "breaker_id", readonly=True)
    company_ids = fields.Many2many(
        "res.company",
        compute="_compute_company_ids",
        search="_search_company_ids",
        string="Companies",
        help="Whose endpoints it guards: several may share an origin.",
    )

    _name_uniq = models.UniqueIndex("(name)", "There is one breaker of that name.")

    def init(self):
        self.env.cr.execute(
            """
            CREATE TABLE IF NOT EXISTS integration_breaker_sample (
                id bigserial PRIMARY KEY,
                name varchar NOT NULL,
                at timestamp NOT NULL,
                successes integer NOT NULL,
                failures integer NOT NULL,
                trailing_failures integer NOT NULL
            );
            CREATE INDEX IF NOT EXISTS integration_breaker_sample_name_idx ON integration_breaker_sample (name, at);
            CREATE INDEX IF NOT EXISTS integration_breaker_sample_at_idx ON integration_breaker_sample (at);
            CREATE INDEX IF NOT EXISTS integration_breaker_sample_failed_idx
                ON integration_breaker_sample (name, at) WHERE failures > 0;
            """
        )

    # -- whose it is
    # -------------------------------------------------------------------------------------------------------------

    @api.model
    def _names_of(self, endpoints):
        """Return the names of the breakers that guard these endpoints."""
        keys = [key for one in endpoints for key in (endpoint_key(one.id), origin_key(one.url))]
        return [key for key in keys if key]

    @api.depends("name")
    def _compute_company_ids(self):
        # sudo: whether an origin is another company's as well decides what is seen, not the reader's right to it
        endpoints = self.env["integration.endpoint"].sudo().search([("url", "!=", False)])
        for record in self:
            mine = endpoints.filtered(lambda one, name=record.name: name in self._names_of(one))
            record.company_ids = mine.company_id

    @api.model
    def _search_company_ids(self, operator, value):
        if operator != "in":
            return NotImplemented
        # sudo: as in _compute_company_ids
        endpoints = self.env["integration.endpoint"].sudo().search([("company_id", "in", list(value))])
        return Domain("name", "in", self._names_of(endpoints))

    # -- what processes saw
    # ------------------------------------------------------------------------------------------------------

    @api.model
    def _note(self, samples):
        """Append what this process saw, then open the breakers for which it was enough.

        :param dict samples: {breaker name: list of :class:`breaker.Sample`}
        :return: names of the breakers that this call opened
        """
        rows = [
            (name, _naive(sample.at), sample.successes, sample.failures, sample.trailing_failures)
            for name, seen in samples.items()
            for sample in seen
        ]
        if not rows:
            return []
        self.env.cr.execute_values(
            "INSERT INTO integration_breaker_sample (name, at, successes, failures, trailing_failures) VALUES %s", rows
        )
        failing = [name for name, seen in samples.items() if any(sample.failures for sample in seen)]
        return [name for name in failing if self._open_when_enough(name)]

    def _open_when_enough(self, name):
        now = self._now()
        known = self._read([name]).get(name, breaker.Breaker())
        if known.state is not breaker.State.CLOSED:
            return False
        decision = breaker.evaluate(self._samples(name), now, since=known.since)
        if not decision.opens:
            return False
        opened = breaker.open_(known, now)
        reason = f"{decision.failures} of {decision.tries} tries failed, {decision.run} in a row"
        return self._change(name, opened, reason, was=breaker.State.CLOSED)

    def _samples(self, name):
        """Return what was seen within the window of the ratio, and at least the newest that there are."""
        self.env.cr.execute(
            SQL(
                """
                SELECT extract(epoch FROM at)::float8, successes, failures, trailing_failures
                  FROM integration_breaker_sample
                 WHERE name = %(name)s AND at >= LEAST(
                       %(now)s - make_interval(secs => %(window)s),
                       (SELECT min(at) FROM (SELECT at FROM integration_breaker_sample WHERE name = %(name)s
                                              ORDER BY at DESC LIMIT %(least)s) newest))
                 ORDER BY at DESC LIMIT %(most)s
                """,
                name=name,
                now=utc_now(),
                window=breaker.WINDOW_S,
                least=SAMPLES_READ,
                most=MOST_SAMPLES,
            )
        )
        return [breaker.Sample(*row) for row in self.env.cr.fetchall()]

    @api.model
    def _failing(self, names):
        """Return those of these breakers with a failure within the window of the ratio."""
        if not names:
            return frozenset()
        self.env.cr.execute(
            SQL(
                """
                SELECT n.name FROM unnest(%s) AS n (name)
                 WHERE EXISTS (SELECT FROM integration_breaker_sample b
                                WHERE b.name = n.name AND b.failures > 0 AND b.at > %s - make_interval(secs => %s))
                """,
                sorted(names),
                utc_now(),
                breaker.WINDOW_S,
            )
        )
        return frozenset(name for (name,) in self.env.cr.fetchall())

    @api.model
    def _forget_samples(self, limit):
        """Remove old samples, as a chore; return how many rows are left to remove."""
        self.env.cr.execute(
            SQL(
                """
                DELETE FROM integration_breaker_sample WHERE id IN (
                    SELECT id FROM integration_breaker_sample WHERE at < %s - %s::interval ORDER BY at LIMIT %s)
                """,
                utc_now(),
                SAMPLES_KEPT,
                limit,
            )
        )
        return 0 if self.env.cr.rowcount < limit else limit

    # -- states
    # ----------------------------------------------------------------------------------------------------------

    @api.model
    def _now(self):
        """Return the database's clock in unix seconds: the one that all processes share."""
        self.env.cr.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        return self.env.cr.fetchone()[0]

    @api.model
    def _read(self, names, *, lock=False):
        """Return {name: :class:`breaker.Breaker`} of those that ever opened."""
        if not names:
            return {}
        self.env.cr.execute(
            SQL(
                """
                SELECT name, state, extract(epoch FROM since)::float8, extract(epoch FROM opened_at)::float8, wait,
                       extract(epoch FROM due_at)::float8, probe
                  FROM integration_breaker WHERE name = ANY (%s) %s
                """,
                list(names),
                SQL("ORDER BY name FOR UPDATE") if lock else SQL(),  # one order for all, so that nobody waits in a ring
            )
        )
        infinity = float("inf")
        return {
            name: breaker.Breaker(
                breaker.State(state), -infinity if since is None else since, opened, wait, due or infinity, probe
            )
            for name, state, since, opened, wait, due, probe in self.env.cr.fetchall()
        }

    def _change(self, name, after, reason, *, was, probe=None):
        """Store a breaker's next state if it still is as it was; return whether this call did it.

        :param breaker.State was: the state it must have
        :param int probe: the number of probes it must have; None: any
        """
        self.env.cr.execute(
            """
            INSERT INTO integration_breaker AS b (name, state, since, opened_at, wait, due_at, probe)
            VALUES (%(name)s, %(state)s, %(since)s, %(opened)s, %(wait)s, %(due)s, %(probe)s)
            ON CONFLICT (name) DO UPDATE
               SET state = EXCLUDED.state, since = EXCLUDED.since, opened_at = EXCLUDED.opened_at,
                   wait = EXCLUDED.wait, due_at = EXCLUDED.due_at, probe = EXCLUDED.probe
             WHERE b.state = %(was)s AND (%(known)s::int IS NULL OR b.probe = %(known)s)
            RETURNING id
            """,
            {
                "name": name,
                "state": after.state.value,
                "since": _naive(after.since),
                "opened": _naive(after.opened_at),
                "wait": after.wait,
                "due": _naive(after.due_at),
                "probe": after.probe,
                "was": was.value,
                "known": probe,
            },
        )
        row = self.env.cr.fetchone()
        if row:
            self.env.cr.execute(
                SQL(
                    "INSERT INTO integration_breaker_change (breaker_id, at, state, reason) VALUES (%s, %s, %s, %s)",
                    row[0],
                    utc_now(),
                    after.state.value,
                    reason,
                )
            )
            self.invalidate_model()
        return bool(row)

    # -- probes
    # ----------------------------------------------------------------------------------------------------------

    @api.model
    def _begin_probe(self, names):
        """Let one probe out through these breakers, all or none.

        :return: {name: number of the probe}; empty when one is not due, or another process was faster
        """
        now = self._now()
        known = self._read(names, lock=True)
        if len(known) < len(names) or not all(breaker.probe_due(one, now) for one in known.values()):
            return {}
        numbers = {}
        for name, one in known.items():
            after = breaker.begin_probe(one, now, lost_after=LOST_AFTER)
            if not self._change(name, after, "a probe goes out", was=one.state, probe=one.probe):
                return {}
            numbers[name] = after.probe
        return numbers

    @api.model
    def _end_probe(self, name, number, count):
        """Take in what became of a probe (None: it was not sent); return whether that closed the breaker."""
        now = self._now()
        known = self._read([name], lock=True).get(name)
        if known is None:
            return False
        after = breaker.after_probe(known, now, probe=number, count=count)
        if after == known:
            return False
        reason = {breaker.Count.SUCCESS: "the probe was answered", breaker.Count.FAILURE: "the probe failed"}
        changed = self._change(name, after, reason.get(count, "the probe was not sent"), was=known.state)
        return changed and after.state is breaker.State.CLOSED

    def _hasten(self):
        """Make the next probe of these due at once."""
        now = self._now()
        for record in self:
            known = self._read([record.name], lock=True)[record.name]
            after = breaker.hasten(known, now)
            if after != known:
                self._change(record.name, after, "a person asked for a probe", was=known.state)
        self.env["integration.engine"]._wake(plan=True)


class IntegrationBreakerChange(models.Model):
    """What a breaker did, and why. Append-only."""

    _name = "integration.breaker.change"
    _description = "Change of a circuit breaker"
    _order = "id desc"
    _log_access = False
    _rec_name = "state"

    breaker_id = fields.Many2one("integration.breaker", required=True, readonly=True, index=True, ondelete="cascade")
    at = fields.Datetime(required=True, readonly=True)
    state = fields.Selection(STATES, required=True, readonly=True)
    reason = fields.Char(readonly=True)


def _naive(seconds):
    """Return unix seconds as Odoo stores times, or None for a moment that never was or will be."""
    if seconds is None or abs(seconds) == float("inf"):
        return None
    return datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None)
