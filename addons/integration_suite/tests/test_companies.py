import logging

from odoo import Command
from odoo.exceptions import AccessError, MissingError, UserError
from odoo.tests import HttpCase, new_test_user, tagged

from .common import MATRIX, RolesCase, group_of, suite_models
from .records import Records

_logger = logging.getLogger(__name__)
_ROLES = [role for role in MATRIX.roles if role not in ("engine", "settings", "employee")]
_KEPT = {name: row.name for name, row in MATRIX.models().items()}


class CompaniesCase(RolesCase):
    """The same records in two companies, and people with every role in one, in both, and in every company."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.a, cls.b = cls.env["res.company"].create([{"name": "House A"}, {"name": "House B"}])
        cls.made = {company: Records(cls.env, company).make_all() for company in (cls.a, cls.b)}
        cls.of_a = cls._everything("of.house.a", cls.a)
        cls.of_b = cls._everything("of.house.b", cls.b)
        cls.of_both = cls._everything("of.house.both", cls.a | cls.b)
        cls.of_all = cls._everything("of.house.all", cls.a | cls.env["res.company"].search([]))

    @classmethod
    def _everything(cls, login, companies):
        """Return somebody with every role, in these companies."""
        return new_test_user(
            cls.env,
            login,
            groups=",".join(["base.group_allow_export", *(group_of(role) for role in _ROLES)]),
            company_id=companies[0].id,
            company_ids=[Command.set(companies.ids)],
        )

    def seen(self, user, records, companies=None):
        """Return records as a person sees them, with these companies at work, or with all that are theirs."""
        context = {"allowed_company_ids": (companies or user.company_ids).ids}
        return records.with_env(self.env(user=user, su=False, context=context))

    def stored(self, *kept):
        """Yield (name, record of A, record of B) of each stored model whose companies are kept apart so."""
        for name, of_a in self.made[self.a].items():
            if name in _KEPT and _KEPT[name] in kept:
                yield name, of_a, self.made[self.b][name]


@tagged("post_install", "-at_install")
class TestCompanies(CompaniesCase):
    """People of one company see and change nothing of another's; proven from each side, for every model."""

    def test_every_stored_model_takes_part(self):
        stored = {name for name in suite_models(self.env) if not self.env[name]._abstract}
        transient = {name for name in stored if self.env[name]._transient}
        own = {name for name in self.made[self.a] if name.startswith("integration.")}
        self.assertEqual(own, stored - transient)
        self.assertEqual({name for name in stored if _KEPT[name] == "own deeds"}, transient)
        _logger.info("companies: %s models, of which %s keep companies apart", len(stored), len([*self.stored("own")]))

    def test_each_side_finds_and_reads_its_own_alone(self):
        with self.faults() as faults:
            for name, of_a, of_b in self.stored("own", "shared"):
                with faults.of(name):
                    for user, own, others in ((self.of_a, of_a, of_b), (self.of_b, of_b, of_a)):
                        self._sees(user, own, others)
                    both = self.seen(self.of_both, of_a | of_b)
                    self.assertEqual(both.search([("id", "in", both.ids)]), both)
                    self._sees(self.of_both, of_a, of_b, companies=self.a)

    def _sees(self, user, own, others, companies=None):
        """Prove that a person finds, reads, counts and exports ``own`` and nothing of ``others``."""
        mine, theirs = self.seen(user, own, companies), self.seen(user, others, companies)
        together = [("id", "in", (own | others).ids)]
        self.env.invalidate_all()
        self.assertEqual(mine.search(together), mine)
        self.assertEqual(mine.search_count(together), len(own))
        self.assertEqual(sum(count for (count,) in mine._read_group(together, [], ["__count"])), len(own))
        [group] = mine.formatted_read_group(together, aggregates=["__count"])
        self.assertEqual(group["__count"], len(own))
        self.assertEqual({row["id"] for row in mine.search_read(together, ["id"])}, set(own.ids))
        mine.read(["display_name"])
        for look in (lambda: theirs.read(["display_name"]), lambda: theirs.export_data(["display_name"])["datas"]):
            try:
                self.assertFalse(look(), "a query leaves others' rows out instead of refusing them")
            except (AccessError, MissingError):
                continue

    def test_nobody_changes_what_is_anothers(self):
        with self.faults() as faults:
            for name, of_a, of_b in self.stored("own", "shared"):
                with faults.of(name):
                    for user, others in ((self.of_a, of_b), (self.of_b, of_a)):
                        theirs = self.seen(user, others)
                        for operation in ("write", "unlink"):
                            self.assertFalse(theirs.has_access(operation))
                        with self.assertRaises(AccessError):
                            theirs.write({})
                            theirs.check_access("write")
                        with self.assertRaises(AccessError):
                            theirs.unlink()

    def test_nobody_moves_a_record_to_a_company_that_is_not_theirs(self):
        """Nor makes one there."""
        tried = 0
        with self.faults() as faults:
            for name, of_a, _of_b in self.stored("own", "shared"):
                mine = self.seen(self.of_a, of_a)
                if "company_id" not in mine._fields or not mine.has_access("write"):
                    continue
                tried += 1
                with faults.of(name):
                    self._stays(mine, {"company_id": self.b.id})
        self.assertGreaterEqual(tried, 6)
        others_entity = self.made[self.b]["integration.entity"]
        self._stays(self.seen(self.of_a, self.made[self.a]["integration.identifier"]), {"entity_id": others_entity.id})

    def _stays(self, record, values):
        """Prove that a write leaves a record in its company: it is refused, or nothing comes of it."""
        try:
            with self.env.cr.savepoint():
                record.write(values)
                record.env.flush_all()
        except AccessError:
            record.env.invalidate_all()
        except UserError as refused:  # only for what it refers to, which is still this company's
            self.assertIn("company inconsistencies", str(refused))
            record.env.invalidate_all()
        self.assertEqual(record.sudo().company_id, self.a)

    def test_what_serves_every_company_is_changed_by_those_in_all_of_them(self):
        with self.faults() as faults:
            for name, record, _same in self.stored("shared"):
                if name not in ("integration.subscription", "integration.billing.rule"):
                    continue
                with faults.of(name):
                    shared = record.copy({"company_id": False, **({"encounter_class": "x"} if "rule" in name else {})})
                    self._changed_by_those_in_all(shared)
            for name, record, _same in self.stored("everyone"):
                with faults.of(name):
                    self._changed_by_those_in_all(record)

    def _changed_by_those_in_all(self, record):
        for user in (self.of_a, self.of_b, self.of_both):
            self.assertTrue(self.seen(user, record).has_access("read"))
            self.assertFalse(self.seen(user, record).has_access("write"))
            self.assertFalse(self.seen(user, record).has_access("unlink"))
        self.assertTrue(self.seen(self.of_all, record).has_access("write"))

    def test_a_hold_of_everything_is_for_those_in_every_company(self):
        holds, reason = self.env["integration.hold"], "The receiver moves house"
        for scope, more in (("all", {}), ("lane", {"lane": "bulk"})):
            for user in (self.of_a, self.of_both):
                with self.subTest(scope=scope, user=user.login), self.assertRaises(AccessError):
                    self.seen(user, holds)._hold(scope, reason, **more)
            hold = self.seen(self.of_all, holds)._hold(scope, reason, **more)
            with self.assertRaises(AccessError):
                self.seen(self.of_a, hold)._release(reason)
            hold._release(reason)
        own = self.seen(self.of_b, self.made[self.b]["integration.hold"])
        own._release(reason)
        self.assertFalse(own.sudo().exists())

    def test_the_overview_offers_what_one_may(self):
        for user, may in ((self.of_a, False), (self.of_all, True)):
            overview = self.seen(user, self.env["integration.overview"])
            self.assertEqual(bool(overview.get_data()["holds"]["pause"]), may)

    def test_what_serves_every_company_is_paused_and_approved_by_those_in_all_of_them(self):
        shared = self.made[self.a]["integration.subscription"].copy({"company_id": False})
        event_type = self.made[self.a]["integration.event.type"]
        for user in (self.of_a, self.of_both):
            for refused in (
                self.seen(user, shared).action_pause,
                self.seen(user, shared).action_resume,
                self.seen(user, event_type).action_approve,
                self.seen(user, event_type).action_reject,
            ):
                with self.assertRaises(AccessError):
                    refused()
        self.seen(self.of_all, shared).action_pause()
        self.assertEqual(shared.state, "paused")
        self.seen(self.of_all, event_type).action_reject("Not yet")
        self.assertEqual(event_type.approval_state, "rejected")

    def test_a_new_company_is_one_more_to_be_allowed_in(self):
        record = self.made[self.a]["integration.event.type"]
        self.assertTrue(self.seen(self.of_all, record).has_access("write"))
        self.env["res.company"].create({"name": "House D"})
        self.assertFalse(self.seen(self.of_all, record).has_access("write"))

    def test_facts_about_the_server_are_edited_by_nobody(self):
        with self.faults() as faults:
            for name, record, _same in self.stored("server"):
                with faults.of(name):
                    self.assertTrue(self.seen(self.of_a, record).has_access("read"))
                    for operation in ("write", "create", "unlink"):
                        self.assertFalse(self.seen(self.of_all, record).has_access(operation))

    def test_what_is_nobodys_is_read_by_nobody(self):
        with self.faults() as faults:
            for name, record, _same in self.stored("nobody"):
                with faults.of(name):
                    for operation in ("read", "write", "create", "unlink"):
                        self.assertFalse(self.seen(self.of_all, record).has_access(operation))

    def test_dialogs_are_seen_by_those_who_opened_them(self):
        records = Records(self.env, self.a)
        records.made = dict(self.made[self.a])
        with self.faults() as faults:
            for name in (name for name, kept in _KEPT.items() if kept == "own deeds"):
                with faults.of(name):
                    ours = self.seen(self.of_a, self.env[name]).has_access("read")
                    opener = self.of_a if ours else self.users["settings"]
                    mine = records.dialog(name, opener)
                    self.assertFalse(self.seen(self.of_both, mine).has_access("read"))
                    self.assertTrue(self.seen(opener, mine).has_access("read"))

    def test_dialogs_do_nothing_to_what_is_anothers(self):
        """A dialog takes any id that it is told: the deed itself asks whose it is."""
        others = self.made[self.b]
        system, identifier = others["integration.system"], others["integration.identifier"]
        charge, refused = others["integration.charge"], others["integration.refused.message"]
        event = others["integration.event"]
        about_delivery, about_hold = (
            {"active_model": one._name, "active_ids": one.ids}
            for one in (others["integration.delivery"], others["integration.hold"])
        )
        why, close, revoke = {"reason": "It is said to be ours"}, {"decision": "close"}, {"how": "revoke"}
        deeds = (
            ("integration.reason.wizard", {"operation": "retry", **why}, about_delivery, "action_confirm"),
            ("integration.reason.wizard", {"operation": "skip", **why}, about_delivery, "action_confirm"),
            ("integration.reason.wizard", {"operation": "release", **why}, about_hold, "action_confirm"),
            ("integration.assign.wizard", {"user_id": self.of_a.id, **why}, about_delivery, "action_confirm"),
            ("integration.hold.wizard", {"scope": "system", "system_id": system.id, **why}, {}, "action_hold"),
            ("integration.key.wizard", {"system_id": system.id}, {}, "action_create"),
            ("integration.charge.reject", {"charge_ids": charge.ids, **why}, {}, "action_reject"),
            ("integration.refused.decision", {"message_ids": refused.ids, **close, **why}, {}, "action_confirm"),
            ("integration.identifier.end", {"identifier_ids": identifier.ids, **revoke, **why}, {}, "action_confirm"),
            ("integration.payload.wizard", {"event_id": event.id, **why}, {}, "action_open"),
        )
        with self.faults() as faults:
            for name, values, active, deed in deeds:
                with faults.of(name, values.get("operation", deed)), self.assertRaises(AccessError):
                    context = {"allowed_company_ids": self.a.ids, **active}
                    dialog = self.env(user=self.of_a, su=False, context=context)[name].create(values)
                    getattr(dialog, deed)()


@tagged("post_install", "-at_install")
class TestCompaniesOverTheNetwork(CompaniesCase, HttpCase):
    """The same over JSON-RPC, with the companies that the caller itself says it works in."""

    def test_asking_for_another_company_gives_nothing_of_it(self):
        self.authenticate(self.of_a.login, self.of_a.login)
        with self.faults() as faults:
            for name, of_a, of_b in self.stored("own", "shared"):
                with faults.of(name):
                    for companies in (None, self.b, self.a | self.b):
                        self._gets_nothing(name, of_a | of_b, of_b, companies)

    def _gets_nothing(self, name, records, others, companies):
        """Prove that who works in A gets nothing of B, whatever companies the call itself names."""
        context = {"allowed_company_ids": companies.ids} if companies else {}
        answer = self._ask(name, "search_read", [[["id", "in", records.ids]], ["id"]], context)
        self.assertFalse({row["id"] for row in answer.get("result", [])} & set(others.ids))
        name_alone = (("read", {"fields": ["display_name"]}), ("web_read", {"specification": {"display_name": {}}}))
        for method, more in name_alone:
            answer = self._ask(name, method, [others.ids], context, **more)
            refused = answer.get("error", {}).get("data", {}).get("name") == "odoo.exceptions.AccessError"
            self.assertTrue(refused or answer.get("result") == [], answer)

    def _ask(self, model, method, args, context, **kwargs):
        call = {"model": model, "method": method, "args": args, "kwargs": {"context": context, **kwargs}}
        return self.url_open(f"/web/dataset/call_kw/{model}/{method}", json={"params": call}).json()
