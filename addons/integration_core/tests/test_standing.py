"""Connections that stay open: one plan for many requests, and nothing that depends on them."""

import os
from unittest.mock import patch

import psycopg2
from odoo import sql_db
from odoo.tests import TransactionCase
from odoo.tools import SQL

from .. import standing, tools

OTHER_DATABASE = "postgres"


class TestStanding(TransactionCase):
    def setUp(self):
        super().setUp()
        self.dbname = self.env.cr.dbname
        self.connections = standing.Connections(most=2)
        self.addCleanup(self.connections.close)
        place = tools.Statement.place
        self.statement = tools.Statement.of(
            self.env.cr,
            SQL(
                """
                SELECT pg_backend_pid(), %s::integer + 1, '100 %%',
                       (SELECT count(*) FROM pg_prepared_statements), current_setting('transaction_isolation')
                """,
                place("number"),
            ),
        )

    def run_on(self, connections, number=1, dbname=None):
        return connections.run(dbname or self.dbname, self.statement, {"number": number})

    def terminate(self, pid):
        with sql_db.db_connect(self.dbname).cursor() as cr:
            cr.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))
            self.assertTrue(cr.fetchone()[0])

    def test_a_statement_is_planned_once(self):
        pid, number, percent, prepared, isolation = self.run_on(self.connections)
        self.assertEqual((number, percent, prepared, isolation), (2, "100 %", 1, "read committed"))
        self.assertEqual(self.run_on(self.connections, 41)[:4], (pid, 42, "100 %", 1))

    def test_elsewhere_the_same_statement_is_plain_text(self):
        self.statement.execute(self.env.cr, {"number": 6})
        self.assertEqual(self.env.cr.fetchone()[1:4], (7, "100 %", 0))

    def test_each_statement_is_committed_at_once(self):
        statement = tools.Statement.of(self.env.cr, SQL("SELECT pg_current_xact_id()::text"))
        one, other = (self.connections.run(self.dbname, statement, {})[0] for _number in range(2))
        self.assertNotEqual(one, other)

    def test_a_lost_connection_is_told_and_replaced(self):
        pid = self.run_on(self.connections)[0]
        self.terminate(pid)
        self.assertIsNone(self.run_on(self.connections))
        self.assertNotEqual(self.run_on(self.connections)[0], pid)

    def test_a_statement_that_fails_takes_its_connection_along(self):
        pid = self.run_on(self.connections)[0]
        self.assertIsNone(self.run_on(self.connections, "no number"))
        self.assertNotEqual(self.run_on(self.connections)[0], pid)

    def test_there_are_never_more_than_allowed(self):
        taken = [self.connections._take(self.dbname) for _number in range(2)]
        self.assertIsNone(self.run_on(self.connections))
        self.connections._give_back(taken.pop())
        self.assertTrue(self.run_on(self.connections))
        self.connections._give_back(taken.pop())

    def test_another_database_gets_the_place_of_an_idle_one(self):
        connections = standing.Connections(most=1)
        self.addCleanup(connections.close)
        pid = self.run_on(connections)[0]
        self.assertNotEqual(self.run_on(connections, dbname=OTHER_DATABASE)[0], pid)
        self.assertNotEqual(self.run_on(connections)[0], pid)

    def test_an_idle_one_is_not_used_again_after_a_while(self):
        pid = self.run_on(self.connections)[0]
        with patch.object(standing, "IDLE_SECONDS", -1.0):
            self.assertNotEqual(self.run_on(self.connections)[0], pid)
        self.assertEqual(self.connections._count, 1)

    def test_a_forked_process_opens_its_own(self):
        pid = self.run_on(self.connections)[0]
        parents = list(self.connections._idle)
        self.addCleanup(lambda: [one.connection.close() for one in parents])
        with patch.object(os, "getpid", return_value=-1):
            self.assertNotEqual(self.run_on(self.connections)[0], pid)
            self.assertFalse(parents[0].connection.closed)
            self.connections.close()

    def test_who_was_refused_does_not_ask_again_at_once(self):
        with patch.object(psycopg2, "connect", side_effect=psycopg2.OperationalError("too many")) as connect:
            self.assertIsNone(self.run_on(self.connections))
            self.assertIsNone(self.run_on(self.connections))
            self.assertEqual(connect.call_count, 1)
        self.assertIsNone(self.run_on(self.connections))
        with patch.object(standing.time, "monotonic", return_value=standing.time.monotonic() + 11):
            self.assertTrue(self.run_on(self.connections))
