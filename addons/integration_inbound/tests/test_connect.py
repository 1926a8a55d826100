"""The Connect page: what it shows, what it tries, what it finds, and who may."""

import base64
import json
import logging
import time
import uuid

from odoo.addons.integration_core.domain import signing
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from .. import door
from .common import ADMITTED, FINALIZED, PartnerCase
from .domain import mirth


class ConnectCase(PartnerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.operator = new_test_user(cls.env, login="op", groups="integration_core.group_operator", tour_enabled=False)
        cls.page = cls.env["integration.connect"].with_user(cls.operator)

    def audit(self, action):
        return self.env["integration.audit"].search([("action", "=", action)])


@tagged("post_install", "-at_install")
class TestConnect(ConnectCase):
    def test_what_the_other_side_needs(self):
        data = self.page.get_data(self.system.id)
        self.assertEqual((data["code"], data["url"]), ("ehr", self.system.inbound_url))
        self.assertEqual({kind["name"] for kind in data["types"]}, set(self.system.event_type_ids.mapped("name")))
        chosen = next(kind for kind in data["types"] if kind["name"] == FINALIZED)
        self.assertIn(self.system.inbound_url, chosen["curl"])
        self.assertIn("/systems/ehr", chosen["curl"])
        self.assertEqual([row["name"] for row in data["headers"]][:2], ["content-type", "webhook-id"])

    def test_no_secret_is_ever_part_of_it(self):
        told = json.dumps(
            [
                self.page.get_data(self.system.id),
                self.page.get_channel(self.system.id),
                self.page.check_signature(self.system.id, "webhook-id: x", ""),
                self.page.send_test(self.system.id, ADMITTED),
            ]
        )
        for form in (self.secret.text()[6:], self.secret.raw.hex()):
            self.assertNotIn(form, told)

    def test_what_is_in_the_way_is_said_first(self):
        self.assertFalse([found for found in self.troubles() if found["level"] == "danger"])
        lab = self._make_system("lab", types=self.env["integration.event.type"])
        lab.event_type_ids = False
        lab._approving().state = "draft"
        said = " ".join(found["says"] for found in self.troubles(lab))
        for words in ("is a draft", "no valid key", "may not send anything"):
            self.assertIn(words, said)
        lab._approving().state = "suspended"
        self.assertIn("is suspended", " ".join(found["says"] for found in self.troubles(lab)))

    def troubles(self, system=None):
        return self.page.get_data((system or self.system).id)["troubles"]

    def test_only_who_may(self):
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        steward = new_test_user(self.env, login="steward", groups="integration_core.group_steward")
        stranger = new_test_user(
            self.env,
            login="stranger",
            groups="integration_core.group_admin",
            company_id=elsewhere.id,
            company_ids=[(6, 0, elsewhere.ids)],
        )
        calls = {
            "get_data": (),
            "get_channel": (),
            "get_requests": (),
            "open_request": (1,),
            "check_signature": ("", ""),
            "send_test": (ADMITTED,),
            "follow": ("x",),
            "find": ("x",),
        }
        for person in (steward, stranger):
            for method, words in calls.items():
                with self.subTest(person=person.login, method=method), self.assertRaises(AccessError):
                    getattr(self.env["integration.connect"].with_user(person), method)(self.system.id, *words)

    def test_what_no_client_of_ours_sends_is_told_so(self):
        system = self.system.id
        for wrong in ("1", 1.5, True, None, [system], {}, -1, 0, 2**31, 2**40):
            with self.subTest(system=wrong), self.assertRaises(UserError):
                self.page.find(wrong, "x")
        for wrong in ("1", True, None, [1], 2**63):
            with self.subTest(row=wrong), self.assertRaises(UserError):
                self.page.open_request(system, wrong)
        for wrong in (7, ["x"], {"a": 1}, "a\0b", "a\ud800"):
            for method in ("find", "follow"):
                with self.subTest(method=method, text=wrong), self.assertRaises(UserError):
                    getattr(self.page, method)(system, wrong)
        for words in ((7, ""), ("", ["x"])):
            with self.subTest(words=words), self.assertRaises(UserError):
                self.page.check_signature(system, *words)
        self.assertEqual(self.page.find(system, None), [])

    def test_the_last_requests(self):
        self.deliver(self.event(), message_id="m-1")
        self.deliver(self.event(), secret=signing.Secret.generate())
        found = self.page.get_requests(self.system.id)
        rows = {row["kind"]: row for row in found}
        self.assertEqual({kind: row["status"] for kind, row in rows.items()}, {"turned_away": 401, "accepted": 202})
        opened = self.page.open_request(self.system.id, rows["accepted"]["id"])
        self.assertEqual(opened["res_model"], "integration.event")
        lab = self._make_system("lab")
        self.assertFalse(self.page.open_request(lab.id, rows["accepted"]["id"]))


@tagged("post_install", "-at_install")
class TestCheckSignature(ConnectCase):
    BODY = '{"specversion":"1.0"}'

    def check(self, *, secret=None, timestamp=None, body=None, form="text", **how):
        headers = self.signed(self.BODY.encode(), secret=secret, timestamp=timestamp, **how)
        text = "\n".join(f"> {name}: {value}" for name, value in headers.items())
        return self.page.check_signature(self.system.id, text, self.BODY if body is None else body, form)

    def state_of(self, found):
        return {step["name"]: step["state"] for step in found["steps"]}

    def test_a_right_one(self):
        found = self.check()
        self.assertTrue(found["verified"], found)
        self.assertEqual(found["bytes"], len(self.BODY))

    def test_every_form_of_the_body(self):
        raw = self.BODY.encode()
        self.assertTrue(self.check(body=raw.hex(" "), form="hex")["verified"])
        self.assertTrue(self.check(body=base64.b64encode(raw).decode(), form="base64")["verified"])
        with self.assertRaisesRegex(UserError, "not hexadecimal"):
            self.check(form="hex")

    def test_a_retry_with_the_old_time(self):
        found = self.check(timestamp=int(time.time()) - 41 * 60)
        self.assertIn("The signature is right, but its time is 41 min old", found["summary"])

    def test_the_systems_own_tolerance_counts(self):
        self.system.timestamp_tolerance = 72 * 3600
        self.assertTrue(self.check(timestamp=int(time.time()) - 41 * 60)["verified"])

    def test_it_says_what_the_gate_says(self):
        """Headers that the page calls right or wrong are those that the gate accepts or refuses."""
        for headers in (
            self.signed(self.BODY.encode()),
            self.signed(self.BODY.encode(), timestamp=1),
            self.signed(self.BODY.encode() + b"\n"),
            self.signed(self.BODY.encode(), webhook_id="a.b"),
        ):
            text = "\n".join(f"{name}: {value}" for name, value in headers.items())
            found = self.page.check_signature(self.system.id, text, self.BODY)
            status = self.request("POST", self.url, self.BODY.encode(), headers).status_code
            self.assertEqual(found["verified"], status != 401, found["summary"])

    def test_keys_that_do_not_count(self):
        key = self.system.credential_ids
        other = self._make_key(self._make_system("lab"))
        self.assertIn("of the system lab", self.check(secret=other)["summary"])
        for values, says in (
            ({"valid_to": "2001-01-01"}, "has expired"),
            ({"valid_to": False, "valid_from": "2101-01-01"}, "is not valid yet"),
            ({"valid_from": "2001-01-01", "state": "draft"}, "waits for its approval"),
            ({"state": "revoked"}, "was revoked"),
        ):
            key._approving().write(values)
            with self.subTest(says):
                found = self.check()
                self.assertFalse(found["verified"])
                self.assertIn(says, json.dumps(found["steps"]))

    def test_nothing_is_stored_and_nothing_logged(self):
        marker = f"marker{uuid.uuid4().hex}"
        models = ("integration.receipt", "integration.refusal", "integration.event", "integration.refused.message")

        def count():
            return [self.env[model].search_count([]) for model in models]

        before = count()
        with self.assertLogs("odoo", level=logging.DEBUG) as logs:
            logging.getLogger("odoo.http").debug("begun")
            self.page.check_signature(self.system.id, f"webhook-id: {marker}", marker)
        self.assertNotIn(marker, "".join(logs.output))
        self.assertEqual(count(), before)
        noted = self.audit("system.check_signature")
        self.assertEqual((len(noted), noted.res_id, noted.user_id), (1, self.system.id, self.operator.id))
        self.assertNotIn(marker, json.dumps(noted.read(), default=str))


@tagged("post_install", "-at_install")
class TestSendTest(ConnectCase):
    def test_it_is_a_test_whatever_the_systems_mode(self):
        self.assertEqual(self.system.mode, "live")
        sent = self.page.send_test(self.system.id, FINALIZED)
        self.assertEqual((sent["status"], sent["accepted"], sent["reason"]), (202, True, ""))
        event = self.events()
        self.assertEqual((event.mode, event.webhook_id), ("test", sent["message_id"]))
        self.assertEqual(self.receipts("accepted").mapped("mode"), ["test"])
        self.assertEqual(json.loads(sent["answer"])["event"], event.uuid)
        self.assertEqual(self.audit("system.send_test").detail, sent["message_id"])
        # What comes over the wire is live, before and after.
        self.deliver(self.event())
        self.assertEqual(self.events()[0].mode, "live")

    def assert_same(self, sent, answer):
        """The answer shown is the one that the gate gives over HTTP, but for ids and what is left of the allowance."""
        self.assertEqual(sent["status"], answer.status_code)
        shown, wire = json.loads(sent["answer"]), answer.json()
        self.assertEqual(shown.keys(), wire.keys())
        own = {name: "" for name in ("id", "event") if name in wire}
        self.assertEqual({**shown, **own}, {**wire, **own})
        ours = {"content-type", "x-request-id", "www-authenticate", "retry-after", "ratelimit", "ratelimit-policy"}
        self.assertEqual({row["name"].lower() for row in sent["headers"]}, ours & {*map(str.lower, answer.headers)})

    def test_the_answer_is_the_one_that_the_sender_would_get(self):
        kind = self.env["integration.event.type"]._named(ADMITTED)
        with self.subTest("accepted"):
            self.assert_same(self.page.send_test(self.system.id, ADMITTED), self.deliver(self.event()))
        with self.subTest("breaks its schema"):
            kind.example_json = '{"data": {}}'
            self.assert_same(self.page.send_test(self.system.id, ADMITTED), self.deliver(self.event() | {"data": {}}))
        with self.subTest("too fast"):
            self.system.rate_per_minute = 1
            door.limiter.forget()
            self.deliver(self.event())
            self.assert_same(self.page.send_test(self.system.id, ADMITTED), self.deliver(self.event()))
        with self.subTest("not verified"):
            self.system._approving().state = "suspended"
            self.assert_same(self.page.send_test(self.system.id, ADMITTED), self.deliver(self.event()))

    def test_a_refusal_is_explained_to_the_person_alone(self):
        self.system._approving().state = "suspended"
        sent = self.page.send_test(self.system.id, ADMITTED)
        self.assertEqual(sent["status"], 401)
        self.assertIn("Activate the system", sent["reason"])
        self.assertEqual(sent["answer"], json.dumps(self.deliver(self.event()).json(), indent=2))
        self.assertFalse(self.receipts())

    def test_without_a_key(self):
        self.system.credential_ids._approving().write({"state": "revoked"})
        sent = self.page.send_test(self.system.id, ADMITTED)
        self.assertEqual(sent["status"], 401)
        self.assertIn("no key that is active", sent["reason"])

    def test_what_breaks_its_schema(self):
        kind = self.env["integration.event.type"]._named(ADMITTED)
        kind.example_json = '{"data": {}}'
        sent = self.page.send_test(self.system.id, ADMITTED)
        self.assertEqual(sent["status"], 422)
        self.assertIn("/data", sent["answer"])
        self.assertFalse(self.refused())

    def test_it_counts_as_one_of_the_systems_messages(self):
        self.system.rate_per_minute = 1
        self.assertEqual(self.page.send_test(self.system.id, ADMITTED)["status"], 202)
        self.assertEqual(self.page.send_test(self.system.id, ADMITTED)["status"], 429)

    def test_only_what_the_system_may_send(self):
        self.system.event_type_ids = False
        with self.assertRaises(UserError):
            self.page.send_test(self.system.id, ADMITTED)

    def test_it_is_followed_to_its_end(self):
        self.env["integration.subscription"].search([]).unlink()
        sent = self.page.send_test(self.system.id, FINALIZED)
        found = self.page.follow(self.system.id, sent["message_id"])
        self.assertEqual((found["status"], found["done"], found["mode"]), ("parked", True, "test"))
        self.assertEqual(found["lines"], [{"line": "1", "status": "parked", "reason": "no_subscriber"}])
        self.assertEqual(found["action"]["res_id"], self.events().id)
        self.assertEqual(self.page.follow(self.system.id, "never")["status"], "unknown")


@tagged("post_install", "-at_install")
class TestFind(ConnectCase):
    def find(self, text):
        return self.page.find(self.system.id, text)

    def kinds(self, text):
        return sorted(row["kind"] for row in self.find(text))

    def test_what_was_accepted_by_each_of_its_ids(self):
        self.env["integration.subscription"].search([]).unlink()
        event = self.event()
        answer = self.deliver(event, message_id="m-1")
        for text in ("m-1", " m-1 ", event["id"], answer.json()["event"], answer.headers["x-request-id"]):
            (row,) = self.find(text)
            self.assertEqual((row["kind"], row["webhook_id"]), ("parked", "m-1"))
            self.assertEqual(row["action"]["res_model"], "integration.event")

    def test_what_was_sent_twice(self):
        event = self.event(FINALIZED)
        first = self.deliver(event, message_id="m-1")
        again = self.deliver(event, message_id="m-1")
        self.assertEqual(len(self.find("m-1")), 2)
        self.assertIn("duplicate", self.kinds("m-1"))
        (row,) = self.find(again.headers["x-request-id"])
        self.assertEqual((row["kind"], row["webhook_id"]), ("duplicate", "m-1"))
        self.assertEqual(self.kinds(first.headers["x-request-id"]).count("duplicate"), 0)

    def test_what_was_refused(self):
        answer = self.deliver(self.event() | {"type": "clinical.unheard.of.v1"}, message_id="m-2")
        for text in ("m-2", answer.headers["x-request-id"]):
            (row,) = self.find(text)
            self.assertEqual((row["kind"], row["title"]), ("rejected", "Refused, 422"))
            self.assertEqual(row["action"]["res_model"], "integration.refused.message")

    def test_what_was_refused_by_the_id_of_its_event(self):
        event = self.event() | {"type": "clinical.unheard.of.v1"}
        self.deliver(event, message_id="m-2")
        self.assertEqual(self.kinds(event["id"]), ["rejected"])

    def test_what_was_turned_away(self):
        answer = self.deliver(self.event(), message_id="m-3", timestamp=1)
        (row,) = self.find(answer.headers["x-request-id"])
        self.assertEqual((row["kind"], row["address"]), ("turned_away", "127.0.0.1"))
        self.assertIn("re-used it on a retry", row["says"])
        self.assertEqual(row["action"]["res_model"], "integration.refusal")
        self.assertFalse(self.find("m-3"))  # what was not believed has no message id
        self.assertFalse(self.find(answer.headers["x-request-id"][:8]))

    def test_what_is_no_longer_kept(self):
        self.deliver(self.event(), message_id="m-1")
        self.env.cr.execute("DELETE FROM integration_delivery WHERE event_id = %s", (self.events().id,))
        self.env.cr.execute("DELETE FROM integration_event WHERE id = %s", (self.events().id,))
        self.env.invalidate_all()
        (row,) = self.find("m-1")
        self.assertEqual(row["title"], "Accepted, and gone")

    def test_nothing_of_another_system(self):
        answer = self.deliver(self.event(), message_id="m-1")
        lab = self._make_system("lab")
        for text in ("m-1", answer.json()["event"], answer.headers["x-request-id"], "", "%", "_" * 32):
            self.assertFalse(self.page.find(lab.id, text))


@tagged("post_install", "-at_install")
class TestChannel(ConnectCase):
    """The channel's own code, run by Node, against the gate."""

    MESSAGE = json.dumps({"type": FINALIZED, "time": "2026-11-20T09:31:00Z", "data": {}})

    def channel(self):
        file = self.page.get_channel(self.system.id)
        self.assertEqual(file["name"], "odoo-ehr-channel.xml")
        return mirth.parse(file["content"])

    def raw(self):
        event = self.event(FINALIZED)
        event["data"]["lines"][0]["display"] = "Zoë · 東京"
        return json.dumps({"type": FINALIZED, "time": event["time"], "data": event["data"]}, ensure_ascii=False)

    def post(self, root, raw, **how):
        headers, body, _maps = mirth.send(root, raw, secret=self.secret.text(), **how)
        return self.request("POST", root.findtext(f"{mirth.DESTINATION}/properties/host"), body, headers)

    def decided(self, root, answer, message_id=1):
        ran = mirth.run(
            mirth.script_of(root, "response"),
            connectorMap={"odooId": f"{root.findtext('id')}-{message_id}", "responseStatusCode": answer.status_code},
            answer={"body": answer.text, "headers": {"x-request-id": answer.headers["x-request-id"]}},
        )
        return ran.responseStatus

    def test_what_it_sends_is_accepted_once(self):
        root, raw = self.channel(), self.raw()
        first = self.post(root, raw)
        self.assertEqual(first.status_code, 202, first.text)
        self.assertEqual(self.decided(root, first), "SENT")
        again = self.post(root, raw)
        self.assertEqual((again.status_code, again.json()["event"]), (200, first.json()["event"]))
        self.assertEqual(self.decided(root, again), "SENT")
        self.assertEqual(self.events().webhook_id, f"{root.findtext('id')}-1")

    def test_a_stale_try_is_refused_and_the_next_one_accepted(self):
        root, raw = self.channel(), self.raw()
        stale = self.post(root, raw, now=int(time.time()) - 3600)
        self.assertEqual((stale.status_code, self.decided(root, stale)), (401, "QUEUED"))
        self.assertEqual(self.post(root, raw).status_code, 202)

    def test_what_would_be_refused_for_ever_is_an_error(self):
        root = self.channel()
        answer = self.post(root, self.MESSAGE)
        self.assertEqual((answer.status_code, self.decided(root, answer)), (422, "ERROR"))

    def test_each_download_is_a_channel_of_its_own(self):
        self.assertNotEqual(self.channel().findtext("id"), self.channel().findtext("id"))


@tagged("post_install", "-at_install")
class TestScreen(ConnectCase):
    """In the browser, as an operator, from the system's form and back to a message."""

    def test_the_page(self):
        self.env["integration.subscription"].search([]).unlink()
        self.deliver(self.event(), message_id="first")
        self.deliver(self.event(), timestamp=1_700_000_000)
        self.start_tour(f"/odoo/integration-systems/{self.system.id}", "integration_connect", login="op")
