from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..models import integration_erasure
from .retaining import RetentionCase
from .test_journal import ADMITTED, DATA

MERGED = "clinical.patient.merged.v1"
VOIDED = "clinical.service.voided.v1"
SECRET = "MRN-SECRET-77"


@tagged("post_install", "-at_install")
class TestErasure(RetentionCase):
    """What names one patient is found, shown, approved by another person, and erased; nothing of anybody else."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.officer = cls.person("officer", "privacy_officer")
        cls.second = cls.person("second", "privacy_officer")

    def admitted(self, name, patient=SECRET, *, drain=True, **more):
        data = {**DATA, "encounter": name, "patient": {"id": patient}}
        event = self.post(ADMITTED, data, event_id=name, webhook_id=name, **more)[1]
        if drain:
            self.drain()
        return event

    def voided(self, encounter):
        """Return a message that names the encounter and no patient."""
        data = {"encounter": encounter, "lines": [{"line": "1", "reason": "entered-in-error"}]}
        return self.post(VOIDED, data)[1]

    def request(self, numbers=SECRET, *, user=None, system=None, search=True):
        """Request an erasure through the screen, and let the engine search."""
        wizard = (
            self.env["integration.erasure.wizard"]
            .with_user(user or self.officer)
            .create(
                {
                    "name": "Case 12",
                    "reason": "art. 17",
                    "system_id": (system or self.system).id,
                    "patient_numbers": numbers,
                }
            )
        )
        erasure = self.env["integration.erasure"].browse(wizard.action_request()["res_id"])
        if search:
            self.advance()
        return erasure

    def advance(self, turns=50):
        """Let the engine carry out batches until nothing is left to do now."""
        for _turn in range(turns):
            self.env.flush_all()
            self.env.cr.execute(
                "SELECT 1 FROM integration_erasure WHERE state IN ('searching', 'erasing', 'waiting')"
                " AND (rest_until IS NULL OR rest_until <= now() AT TIME ZONE 'UTC')"
            )
            if not self.env.cr.fetchone():
                break
            self.env["integration.erasure"]._advance()
        self.env.invalidate_all()

    def approve(self, erasure, user=None):
        erasure.with_user(user or self.second).action_approve()
        self.advance()

    def has_content(self, *events):
        return [bool(self.count("integration_payload", "event_id", event.ids)) for event in events]

    def look_again(self, erasure):
        erasure.sudo().rest_until = False
        self.advance()

    # -- the way

    def test_preview_approval_and_result(self):
        mine, other = self.admitted("A"), self.admitted("B", "MRN-2")
        erasure = self.request()
        self.assertEqual((erasure.state, erasure.found_count, erasure.opened_count), ("requested", 1, 2))
        self.assertIn("1 messages", erasure.stays_text)
        self.assertEqual(self.has_content(mine, other), [True, True], "nothing goes before it is approved")
        self.approve(erasure)
        self.assertEqual(self.has_content(mine, other), [False, True])
        self.assertEqual((erasure.state, erasure.erased_count, erasure.approved_by_id), ("done", 1, self.second))
        self.assertIn("Erased on request", mine.content_gone)
        self.assertTrue(mine.body_digest)
        self.assertFalse(erasure.line_ids, "which messages were one patient's is told no longer")
        [paper] = self.certificates("payload")
        self.assertEqual((paper.reason, paper.erasure_id, paper.row_ids), ("erasure", erasure, str(mine.id)))

    def test_the_engine_does_it(self):
        mine = self.admitted("A")
        erasure = self.request(search=False)
        self.drain()
        self.assertEqual(erasure.state, "requested")
        erasure.with_user(self.second).action_approve()
        self.drain()
        self.assertEqual((erasure.state, self.has_content(mine)), ("done", [False]))

    def test_batches_go_on_behind_one_another(self):
        mine = [self.admitted(f"A{one}") for one in range(5)]
        others = [self.admitted(f"B{one}", f"MRN-{one}") for one in range(4)]
        with patch.object(integration_erasure, "BATCH", 2):
            erasure = self.request()
            self.assertEqual((erasure.found_count, erasure.opened_count), (5, 9))
            self.approve(erasure)
        self.assertEqual(self.has_content(*mine, *others), [False] * 5 + [True] * 4)
        self.assertEqual([paper.count for paper in self.certificates("payload")], [2, 2, 1])

    def test_a_message_without_a_number_goes_by_its_encounter(self):
        """It came first, so that at its turn nobody knew the encounter."""
        mine, other = self.voided("A"), self.voided("B")
        self.admitted("A")
        self.admitted("B", "MRN-2")
        erasure = self.request()
        self.assertEqual(erasure.found_count, 2)
        self.approve(erasure)
        self.assertEqual(self.has_content(mine, other), [False, True])

    def test_what_nobody_can_tell_stays_and_is_counted(self):
        message, mine = self.voided("Z"), self.voided("A")
        self.admitted("A")
        erasure = self.request()
        self.assertEqual((erasure.found_count, erasure.unreadable_count), (2, 1))
        self.approve(erasure)
        self.assertEqual(self.has_content(message, mine), [True, False])

    def test_a_message_of_the_encounter_that_names_somebody_else_stays(self):
        mine = self.admitted("A")
        other = self.post(ADMITTED, {**DATA, "encounter": "A", "patient": {"id": "MRN-2"}})[1]
        self.drain()
        self.approve(self.request())
        self.assertEqual(self.has_content(mine, other), [False, True])

    def test_merged_numbers(self):
        first, second, other = self.admitted("A"), self.admitted("B", "MRN-9"), self.admitted("C", "MRN-99")
        merge = self.post(MERGED, {"patient": {"id": "MRN-9"}, "merged_into": SECRET, "at": "2026-11-20T10:00:00Z"})[1]
        erasure = self.request(f"{SECRET}\n MRN-9\n")
        self.assertEqual(erasure.number_count, 2)
        self.approve(erasure)
        self.assertEqual(self.has_content(first, second, other, merge), [False, False, True, False])

    def test_the_same_number_of_another_system_is_somebody_else(self):
        lab = self._make_system("lab")
        mine, theirs = self.admitted("A"), self.admitted("B", system=lab)
        self.approve(self.request())
        self.assertEqual(self.has_content(mine, theirs), [False, True])

    def test_what_comes_after_the_search_goes_too(self):
        erasure = self.request()
        late = self.admitted("A")
        self.approve(erasure)
        self.assertEqual(self.has_content(late), [False])

    def test_what_receivers_answered_goes(self):
        mine, other = self.admitted("A"), self.admitted("B", "MRN-2")
        for event in (mine, other):
            self.sql("UPDATE integration_attempt SET excerpt = 'no bed' WHERE delivery_id = %s", event.delivery_ids.id)
        self.approve(self.request())
        self.assertEqual((mine | other).delivery_ids.attempt_ids.mapped("excerpt").count("no bed"), 1)
        self.assertFalse(mine.delivery_ids.attempt_ids.excerpt)

    # -- what waits

    def test_what_is_open_waits_and_is_named(self):
        closed, opened = self.admitted("A"), self.admitted("B")
        self.sql("UPDATE integration_delivery SET state = 'dead' WHERE event_id = %s", opened.id)
        erasure = self.request()
        self.assertEqual((erasure.found_count, erasure.open_count), (2, 1))
        self.assertEqual(erasure.line_ids.filtered(lambda line: line.state == "open").name, opened.uuid)
        self.approve(erasure)
        self.assertEqual((erasure.state, erasure.open_count), ("waiting", 1))
        self.assertEqual(self.has_content(closed, opened), [False, True])
        self.look_again(erasure)
        self.assertEqual(erasure.state, "waiting")
        self.sql("UPDATE integration_delivery SET state = 'skipped' WHERE event_id = %s", opened.id)
        self.look_again(erasure)
        self.assertEqual((erasure.state, erasure.erased_count), ("done", 2))
        self.assertEqual(self.has_content(opened), [False])

    def test_a_legal_hold_stops_it(self):
        event = self.admitted("A")
        hold = self.env["integration.legal.hold"].with_user(self.officer)._set(
            {"name": "Case", "reason": "lawsuit", "scope": "company", "company_id": self.company.id}
        )
        erasure = self.request()
        self.assertEqual(erasure.held_count, 1)
        self.approve(erasure)
        self.assertEqual((erasure.state, self.has_content(event)), ("waiting", [True]))
        hold.with_user(self.second)._lift("settled")
        self.look_again(erasure)
        self.assertEqual((erasure.state, self.has_content(event)), ("done", [False]))

    def test_a_hold_that_is_set_after_the_search_stops_it_too(self):
        event = self.admitted("A")
        erasure = self.request()
        self.env["integration.legal.hold"].with_user(self.officer)._set(
            {"name": "Case", "reason": "lawsuit", "scope": "company", "company_id": self.company.id}
        )
        self.approve(erasure)
        self.assertEqual((erasure.state, erasure.held_count, self.has_content(event)), ("waiting", 1, [True]))

    # -- who decides

    def test_another_officer_decides(self):
        event = self.admitted("A")
        erasure = self.request()
        twin = self.person("twin", "privacy_officer")
        twin.email = self.officer.email
        for nobody in (self.officer, twin, self.person("boss", "admin"), self.person("aud", "auditor")):
            self.assertFalse(erasure.with_user(nobody).may_decide)
            with self.assertRaises(AccessError):
                erasure.with_user(nobody).action_approve()
        with self.assertRaises(UserError):
            erasure.with_user(self.second)._refuse("")
        erasure.with_user(self.second)._refuse("Not this patient's request")
        self.assertEqual((erasure.state, bool(erasure.line_ids)), ("refused", False))
        with self.assertRaises(UserError):
            erasure.with_user(self.second).action_approve()
        self.advance()
        self.assertEqual(self.has_content(event), [True])

    def test_nothing_is_approved_before_it_was_searched(self):
        erasure = self.request(search=False)
        with self.assertRaises(UserError):
            erasure.with_user(self.second).action_approve()

    def test_who_requests(self):
        self.request(user=self.person("boss", "admin"))
        for group in ("auditor", "operator"):
            user = self.person(f"no_{group}", group)
            with self.assertRaises(AccessError):
                self.env["integration.erasure"].with_user(user)._request(
                    {"name": "x", "reason": "x", "system_id": self.system.id, "patient_refs": ["x"]}
                )

    def test_auditors_read_it(self):
        self.admitted("A")
        erasure = self.request().with_user(self.person("aud", "auditor"))
        names = [name for name, field in erasure._fields.items() if not field.groups]
        self.assertEqual(erasure.read(names)[0]["found_count"], 1)
        self.assertEqual(erasure.line_ids.read(["name", "state", "type_name"])[0]["state"], "found")

    def test_it_cannot_be_written_or_deleted(self):
        erasure = self.request()
        for user in (self.officer, self.second, self.person("boss", "admin")):
            with self.assertRaises(AccessError):
                erasure.with_user(user).write({"state": "erasing"})
            with self.assertRaises(AccessError):
                erasure.with_user(user).unlink()
        with self.assertRaises(UserError):
            erasure.sudo().unlink()

    def test_companies_do_not_see_each_others(self):
        self.admitted("A")
        erasure = self.request()
        other = self.env["res.company"].create({"name": "Other"})
        outsider = self.person("out", "privacy_officer", company_id=other.id, company_ids=[(6, 0, other.ids)])
        self.assertFalse(erasure.with_user(outsider).search([]))
        self.assertFalse(erasure.line_ids.with_user(outsider).search([]))
        with self.assertRaises(AccessError):
            erasure.with_user(outsider).action_approve()
        with self.assertRaises(AccessError):
            self.request(user=outsider)

    # -- what is told

    def test_it_is_audited_once_each(self):
        self.admitted("A")
        self.admitted("B", "MRN-2")
        erasure = self.request()
        self.approve(erasure)
        rows = self.env["integration.audit"].search([("action", "=like", "erasure.%")], order="id")
        self.assertEqual(
            [(row.action, row.user_id) for row in rows if row.action in ("erasure.request", "erasure.approve")],
            [("erasure.request", self.officer.id), ("erasure.approve", self.second.id)],
        )
        self.assertEqual(rows.mapped("action").count("erasure.search"), 1)
        self.assertEqual(rows.mapped("action").count("erasure.done"), 1)
        self.assertIn("opened 2 contents", rows.filtered(lambda row: row.action == "erasure.search").detail)

    def test_the_number_is_nowhere_in_clear(self):
        self.admitted("A")
        erasure = self.request()
        self.approve(erasure)
        self.env.flush_all()
        for table in (
            "integration_erasure",
            "integration_erasure_line",
            "integration_erasure_wizard",
            "integration_retention_certificate",
            "integration_audit",
        ):
            self.assertNotIn(SECRET, self.text_of(table), table)
        with self.assertRaises(AccessError):
            erasure.with_user(self.officer).read(["patient_refs"])

    def test_a_number_is_asked_for_with_its_system(self):
        lab = self._make_system("lab")
        wizard = self.env["integration.erasure.wizard"].with_user(self.officer).create(
            {"name": "x", "reason": "x", "system_id": self.system.id, "patient_numbers": SECRET}
        )
        wizard.system_id = lab
        with self.assertRaisesRegex(UserError, "number"):
            wizard.action_request()
