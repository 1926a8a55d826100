"""Senders that cannot speak Standard Webhooks, over the real controller: accepted, repeated, refused."""

import base64
import datetime
import hashlib
import json
import time
import uuid

import psycopg2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from odoo import fields
from odoo.addons.integration_core.domain import profiles, signing
from odoo.addons.integration_core.domain.profiles import content_digest, examples, message_signatures
from odoo.exceptions import UserError, ValidationError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .. import door
from ..domain import admission
from .common import ADMITTED, JSON_TYPE, PartnerCase

PROFILES = ("stripe", "github", "rfc9421", "mtls")


def make_certificate(name="ehr.example.org", *, days=30, begins=-1):
    """Return the PEM of a self-signed certificate that is valid from ``begins`` days from now on."""
    key = Ed25519PrivateKey.generate()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=begins))
        .not_valid_after(now + datetime.timedelta(days=days))
        .sign(key, None)
    )
    return certificate.public_bytes(Encoding.PEM).decode()


class ProfileCase(PartnerCase):
    """A live system of each profile, and the sender that holds its key."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.holders = {profile: cls._make_sender(profile) for profile in PROFILES}
        # A proxy on this very machine, which is where the tests send from.
        cls.enterClassContext(cls.config(cls, integration_trusted_proxies="127.0.0.1, ::1"))

    @classmethod
    def _make_sender(cls, profile, code=None, **values):
        system = cls._make_system(code or profile)
        system.write({"signature_profile": profile, **values})
        return cls._give_key(system)

    @classmethod
    def _give_key(cls, system):
        if system.signature_profile == "mtls":
            pem = make_certificate(system.code)
            key = cls._register(system, pem)
            return examples.Holder(
                key_id=key.name, der=x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)
            )
        version = "v1a" if system.signature_profile == "rfc9421" else "v1"
        key, text = cls.env["integration.credential"]._generate(
            {"system_id": system.id}, company=system.company_id, use="inbound", version=version
        )
        key._approving().write({"state": "active"})
        material = signing.PrivateKey.parse(text) if version == "v1a" else signing.Secret.parse(text)
        return examples.Holder(material, key.name)

    @classmethod
    def _register(cls, system, pem):
        """Register a certificate as an administrator would; return its active key."""
        cls.env["integration.certificate.wizard"].create({"system_id": system.id, "pem": pem}).action_register()
        key = system.credential_ids.sorted("id")[-1:]
        key._approving().write(
            {"state": "active", "valid_from": fields.Datetime.subtract(fields.Datetime.now(), days=1)}
        )
        return key

    def body(self, code, **attributes):
        return json.dumps(self.event(system=code, **attributes)).encode()

    def proven(self, profile, body, *, code=None, now=None, holder=None, method="POST", path="", **how):
        """Return (URL, headers) of a request of ``profile`` that its system accepts."""
        url = self._url(code or profile) + path
        signed = examples.sign_example(
            self._settings(code or profile),
            body,
            holder=holder or self.holders[profile],
            now=int(time.time()) if now is None else now,
            method=method,
            target=url,
            **how,
        )
        return url, dict(signed.headers)

    def _settings(self, code):
        return self.env["integration.system"].search([("code", "=", code)])._signature_settings()

    def send(self, profile, body, **how):
        url, headers = self.proven(profile, body, **how)
        return self.request("POST", url, body, headers)

    def events_of(self, code):
        return self.env["integration.event"].search([("system_id.code", "=", code)])

    def cause_of(self, response):
        """Return why a request was turned away, found as an operator finds it: by its request id."""
        self.assertEqual(response.status_code, 401, response.text)
        found = self.env["integration.refusal"].search([("request_ids", "like", response.headers["x-request-id"])])
        return found.cause


@tagged("post_install", "-at_install")
class TestProfiles(ProfileCase):
    def test_accepted_repeated_and_signed_again(self):
        for profile in PROFILES:
            with self.subTest(profile=profile):
                body = self.body(profile)
                first = self.send(profile, body, message_id=f"m-{profile}")
                self.assertEqual(first.status_code, 202, first.text)
                event = self.events_of(profile)
                digest = hashlib.sha256(body).hexdigest()
                expected = {"stripe": f"sha256-{digest}", "github": f"m-github:{digest[:32]}"}
                message_id = expected.get(profile, f"m-{profile}")
                self.assertEqual(first.json(), {"status": "accepted", "id": message_id, "event": event.uuid})
                self.assertEqual((event.webhook_id, event.mode), (message_id, "live"))
                replayed = self.send(profile, body, message_id=f"m-{profile}")
                again = self.send(profile, body, message_id=f"m-{profile}", now=int(time.time()) - 60)
                for response in (replayed, again):
                    self.assertEqual(response.status_code, 200, response.text)
                    self.assertEqual(response.json(), {**first.json(), "status": "duplicate"})
                self.assertEqual(len(self.events_of(profile)), 1)

    def test_a_changed_message_under_the_same_id(self):
        for profile in ("rfc9421", "mtls"):
            self.assertEqual(self.send(profile, self.body(profile), message_id="one").status_code, 202)
            self.assert_problem(self.send(profile, self.body(profile), message_id="one"), 409, "id-conflict")
        for profile in ("stripe", "github"):  # their ids are not signed: the event's own id decides
            self.assertEqual(self.send(profile, self.body(profile, id="evt"), message_id="one").status_code, 202)
            changed = self.body(profile, id="evt", subject="other")
            self.assert_problem(self.send(profile, changed, message_id="one"), 409, "id-conflict")

    def test_a_captured_body_under_any_other_id_is_a_duplicate(self):
        for profile in ("stripe", "github"):
            body = self.body(profile)
            first = self.send(profile, body, message_id="one").json()
            again = self.send(profile, body, message_id="two")
            self.assertEqual((again.status_code, again.json()["event"]), (200, first["event"]))
            self.assertEqual(len(self.events_of(profile)), 1)
        # and does not occupy the id of the message that it was put beside
        self.assertEqual(self.send("github", self.body("github"), message_id="two").status_code, 202)

    def test_refused_alike_whatever_the_profile_and_the_cause(self):
        answers = set()
        for profile, cause, response in self.refused_requests():
            with self.subTest(profile=profile, cause=cause):
                self.assertEqual(self.cause_of(response), cause)
                headers = {
                    k.lower(): v for k, v in response.headers.items() if k.lower() not in ("x-request-id", "date")
                }
                answers.add((response.content, tuple(sorted(headers.items()))))
        self.assertEqual(len(answers), 1)
        self.assertFalse(self.events())

    def refused_requests(self):
        """Yield (profile, cause, response) of requests that fail verification for different reasons."""
        for profile in PROFILES:
            self._make_sender(profile, f"keyless-{profile}")
            keyless = self.env["integration.system"].search([("code", "=", f"keyless-{profile}")])
            keyless.credential_ids._approving().write({"state": "revoked"})
            suspended = f"suspended-{profile}"
            gone = self._make_sender(profile, suspended)
            self.env["integration.system"].search([("code", "=", suspended)]).action_suspend()
            body = self.body(profile)
            stranger = examples.Holder(type(gone.key).generate(), self.holders[profile].key_id, b"another certificate")
            yield profile, "no_match", self.send(profile, body, holder=stranger)
            yield profile, "suspended_system", self.send(profile, body, code=suspended, holder=gone)
            yield profile, "no_key", self.send(profile, body, code=f"keyless-{profile}", holder=gone)
            url, headers = self.proven(profile, body)
            proof = self._settings(profile).proof_header
            bare = {name: value for name, value in headers.items() if name != proof}
            yield profile, "missing_header", self.request("POST", url, body, bare)
            other = "bad_digest" if profile == "rfc9421" else "no_match"
            if profile != "mtls":
                yield profile, other, self.request("POST", url, body + b" ", headers)
            if profile in ("stripe", "rfc9421"):
                yield profile, "too_old", self.send(profile, body, now=int(time.time()) - 310)
                yield profile, "in_future", self.send(profile, body, now=int(time.time()) + 400)
        body = self.body("rfc9421")
        nobody = examples.Holder(self.holders["rfc9421"].key, "key_nobody")
        yield "rfc9421", "unknown_key", self.send("rfc9421", body, holder=nobody)
        url, headers = self.proven("github", b"")
        yield "github", "nothing_signed", self.request("POST", url, b"", headers)
        url, headers = self.proven("rfc9421", body)
        yield "rfc9421", "not_covered", self.request("POST", url + "?a=b", body, headers)
        with self.config(integration_trusted_proxies="10.0.0.1"):
            yield "mtls", "untrusted_proxy", self.send("mtls", self.body("mtls"))

    def test_the_message_never_chooses_its_profile(self):
        body = self.body("ehr")
        for profile in PROFILES:
            holder = examples.Holder(self.secret, der=self.holders["mtls"].der)
            signed = examples.sign_example(
                profiles.Settings(profiles.Profile(profile)), body, holder=holder, now=int(time.time()), target=self.url
            )
            self.assertEqual(self.request("POST", self.url, body, dict(signed.headers)).status_code, 401)
        for profile in PROFILES:
            body = self.body(profile)
            holder = self.holders[profile]
            secret = holder.key if isinstance(holder.key, signing.Secret) else self.secret
            response = self.request("POST", self._url(profile), body, self.signed(body, secret=secret))
            self.assertEqual(response.status_code, 401, profile)

    def test_unknown_systems_cost_as_many_queries_as_wrong_signatures(self):
        configuration = self.env["integration.configuration"]
        gate = self.env["integration.gate"]
        self.assertEqual(len(configuration._current().nobodies), 1 + len(PROFILES))
        counts = {}
        self.env["integration.system"]._gate_url()  # once per process
        for profile in PROFILES:
            body = self.body(profile)
            url, headers = self.proven(profile, body, holder=examples.Holder(self.secret, der=b"x"))
            for code in (profile, f"nobody-{profile}"):
                request = admission.Request(code, headers, body, target=url, peer="127.0.0.1")
                self.env.invalidate_all()
                before = self.env.cr.sql_log_count
                gate._receive(request, door.sent_by(request, None, "a" * 32), book=gate._book(), address="::1")
                counts[code] = self.env.cr.sql_log_count - before
        self.assertEqual(len(set(counts.values())), 1, counts)

    def test_an_unknown_system_always_seems_to_have_the_same_profile(self):
        book = self.env["integration.configuration"]._current()
        seen = {code: book.party_of(code) for code in (f"s{number}" for number in range(100))}
        self.assertFalse([party for party in seen.values() if party.exists])
        self.assertEqual({party.signature.profile.value for party in seen.values()}, {"standard", *PROFILES})
        self.system.name = "Renamed"  # another configuration
        book = self.env["integration.configuration"]._current()
        for code, party in seen.items():
            self.assertEqual(book.party_of(code).signature, party.signature)
        book.party_of("\ud800")

    def test_status(self):
        for profile in PROFILES:
            with self.subTest(profile=profile):
                accepted = self.send(profile, self.body(profile)).json()
                path = f"/messages/{accepted['id']}"
                url, headers = self.proven(profile, b"", method="GET", path=path, message_id="question")
                response = self.request("GET", url, None, headers)
                if profile == "github":
                    self.assertEqual(self.cause_of(response), "nothing_signed")
                else:
                    self.assertEqual((response.status_code, response.json()["id"]), (200, accepted["id"]))
        url, headers = self.proven("rfc9421", b"", method="GET", path="/messages/one")
        other = self._url("rfc9421") + "/messages/two"
        self.assertEqual(self.cause_of(self.request("GET", other, None, headers)), "no_match")


@tagged("post_install", "-at_install")
class TestClientCertificates(ProfileCase):
    def system_of(self, code="mtls"):
        return self.env["integration.system"].search([("code", "=", code)])

    def test_the_proxy_is_the_peer_of_the_connection_whatever_headers_say(self):
        forwarded = {"X-Forwarded-For": "10.9.9.9", "X-Forwarded-Host": "odoo.example.org"}
        for proxy_mode in (False, True):
            for trusted, expected in (("127.0.0.1", 202), ("10.9.9.9", 401)):
                with (
                    self.subTest(proxy_mode=proxy_mode, trusted=trusted),
                    self.config(proxy_mode=proxy_mode, integration_trusted_proxies=trusted),
                ):
                    body = self.body("mtls")
                    url, headers = self.proven("mtls", body, message_id=uuid.uuid4().hex)
                    response = self.request("POST", url, body, {**headers, **forwarded})
                    self.assertEqual(response.status_code, expected, response.text)

    def test_nobody_is_believed_by_default_or_after_a_mistake(self):
        for trusted in ("", "everybody", "10.0.0.1/8"):
            with self.config(integration_trusted_proxies=trusted):
                if trusted:
                    with self.assertLogs("odoo.addons.integration_inbound.door", "ERROR"):
                        response = self.send("mtls", self.body("mtls"))
                else:
                    response = self.send("mtls", self.body("mtls"))
                self.assertEqual(self.cause_of(response), "untrusted_proxy")

    def test_the_next_certificate_before_the_last_one_ends(self):
        system = self.system_of()
        old = self.holders["mtls"]
        new = self._give_key(system)
        for holder in (old, new):
            response = self.send("mtls", self.body("mtls"), holder=holder, message_id=uuid.uuid4().hex)
            self.assertEqual(response.status_code, 202, response.text)
        system.credential_ids.filtered(lambda key: key.name == old.key_id).action_revoke()
        self.assertEqual(self.send("mtls", self.body("mtls"), holder=old).status_code, 401)

    def test_no_longer_than_the_certificate_is_valid_whatever_the_key_says(self):
        system = self.system_of()
        pem = make_certificate(days=1)
        key = self._register(system, pem)
        found = self.env["integration.certificate.wizard"].new({"pem": pem})._read_certificate()[0]
        self.assertEqual(key.valid_to, found.valid_to.replace(microsecond=0))
        key._approving().write({"valid_to": False})
        [material] = [each.material for each in key._verify_keys(fields.Datetime.now())]
        self.assertEqual(material, found.material)

    def test_what_the_wizard_refuses(self):
        wizard = self.env["integration.certificate.wizard"].create({"system_id": self.system_of().id})
        for pem, words in (
            ("", "Choose"),
            ("nonsense", "no X.509"),
            (make_certificate(days=-1, begins=-2), "expired"),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "private key"),
            (make_certificate() + make_certificate(), "exactly one"),
        ):
            wizard.pem = pem
            self.assertEqual(bool(wizard.problem), bool(pem))
            with self.assertRaisesRegex(UserError, words):
                wizard.action_register()

    def test_no_key_is_made_in_place_of_a_certificate(self):
        system = self.system_of()
        with self.assertRaisesRegex(UserError, "Register"):
            self.env["integration.credential"]._generate(
                {"system_id": system.id}, company=system.company_id, use="inbound", version="x509"
            )

    def test_a_file_is_read_too_and_shown_before_it_is_kept(self):
        pem = make_certificate("lab.example.org")
        wizard = self.env["integration.certificate.wizard"].create(
            {"system_id": self.system_of().id, "certificate": base64.b64encode(pem.encode())}
        )
        der = x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)
        self.assertEqual(wizard.subject, "CN=lab.example.org")
        self.assertEqual(wizard.fingerprint.replace(":", "").lower(), hashlib.sha256(der).hexdigest())

    def test_a_live_system_needs_a_second_person_for_it(self):
        ann = new_test_user(self.env, "ann", groups="integration_core.group_admin")
        bob = new_test_user(self.env, "bob", groups="integration_core.group_admin")
        system = self.system_of()
        pem = make_certificate()
        wizard = self.env["integration.certificate.wizard"].with_user(ann)
        wizard.create({"system_id": system.id, "pem": pem}).action_register()
        key = system.credential_ids.sorted("id")[-1]
        self.assertEqual((key.state, key.approval_state, key.version), ("draft", "requested", "x509"))
        der = x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)
        holder = examples.Holder(key_id=key.name, der=der)
        self.assertEqual(self.send("mtls", self.body("mtls"), holder=holder).status_code, 401)
        key.with_user(bob).action_approve()
        self.assertEqual(self.send("mtls", self.body("mtls"), holder=holder).status_code, 202)


@tagged("post_install", "-at_install")
class TestBinaryMode(ProfileCase):
    def binary(self, *, left_out=(), body=b'{"a": 1}', type_name=ADMITTED, message_id=None, **attributes):
        """Return (URL, headers) of an event in binary mode whose headers are covered, but for those left out."""
        url = self._url("rfc9421")
        holder = self.holders["rfc9421"]
        event = {"specversion": "1.0", "id": uuid.uuid4().hex, "source": "/systems/rfc9421", "type": type_name}
        event.update({"time": "2026-11-20T10:00:00Z", **attributes})
        headers = {f"ce-{name}": value for name, value in event.items()}
        headers.update({"content-type": "application/json", "content-digest": content_digest.of(body)})
        if message_id:
            headers["webhook-id"] = message_id
        request = admission.Request("rfc9421", headers, body, target=url)
        covered = ["@method", "@path", *(name for name in headers if name not in left_out)]
        now = int(time.time())
        signed = message_signatures.sign(request, holder.key, key_id=holder.key_id, created=now, covered=covered)
        return url, {**headers, **signed}

    def send_binary(self, body, **how):
        url, headers = self.binary(body=body, **how)
        return self.request("POST", url, body, headers)

    def data(self):
        return json.dumps(self.event()["data"]).encode()

    def test_accepted_as_the_structured_event_it_stands_for(self):
        body = self.data()
        response = self.send_binary(body, id="evt-1", subject="encounter%2FE%201")
        self.assertEqual(response.status_code, 202, response.text)
        event = self.events_of("rfc9421")
        self.assertEqual((event.webhook_id, event.source_event_id), ("evt-1", "evt-1"))  # its id, for want of another
        kept = json.loads(event._read_payload())
        self.assertEqual((kept["subject"], kept["data"]), ("encounter/E 1", json.loads(body)))
        self.assertEqual(self.send_binary(body, id="evt-1", subject="encounter%2FE%201").status_code, 200)
        self.assert_problem(self.send_binary(body, id="evt-1"), 409, "id-conflict")

    def test_every_attribute_must_be_covered(self):
        for name in ("ce-type", "ce-id", "content-type"):
            response = self.send_binary(self.data(), left_out=[name], message_id=uuid.uuid4().hex)
            document = self.assert_problem(response, 415, "unsupported-media-type")
            self.assertIn("covers", document["detail"])
        url, headers = self.binary(body=self.data(), message_id="m")
        response = self.request("POST", url, self.data(), {**headers, "ce-subject": "added on the way"})
        self.assert_problem(response, 415, "unsupported-media-type")

    def test_of_no_other_profile(self):
        for profile in ("stripe", "github", "mtls"):
            body = self.data()
            url, headers = self.proven(profile, body)
            headers.update({"content-type": "application/json", "ce-specversion": "1.0", "ce-id": "1"})
            self.assert_problem(self.request("POST", url, body, headers), 415, "unsupported-media-type")

    def test_data_that_are_not_json(self):
        self.assert_problem(self.send_binary(b'1,"id":"2"'), 400, "malformed-body")

    def test_a_refused_one_is_kept_whole_and_accepted_later(self):
        system = self.env["integration.system"].search([("code", "=", "rfc9421")])
        granted = system.event_type_ids
        system.event_type_ids = False
        self.assert_problem(self.send_binary(self.data(), id="evt-9"), 403, "event-type-not-granted")
        message = self.env["integration.refused.message"].search([("system_id", "=", system.id)])
        self.assertEqual((message.webhook_id, message.type_name, message.content_type), ("evt-9", ADMITTED, JSON_TYPE))
        system.event_type_ids = granted
        message.with_user(new_test_user(self.env, "op", groups="integration_core.group_operator")).action_replay("ok")
        self.assertEqual(message.state, "replayed")
        self.assertEqual(self.events_of("rfc9421").source_event_id, "evt-9")


@tagged("post_install", "-at_install")
class TestSettings(ProfileCase):
    def test_what_weakens_a_live_system_needs_a_second_person(self):
        ann = new_test_user(self.env, "ann", groups="integration_core.group_admin")
        for values in (
            {"signature_profile": "github"},
            {"signature_header": "x-sig"},
            {"message_id_header": "x-id"},
            {"timestamp_tolerance": 259_200},
        ):
            system = self._make_system(f"s{len(self.env['integration.system'].search([]))}")
            system._approving().write({"approval_state": "approved"})
            system.with_user(ann).write(values)
            self.assertEqual((system.approval_state, system.mode, system.author_id), ("draft", "test", ann), values)

    def test_72_hours_and_no_more(self):
        for tolerance in (299, 259_201):
            with (
                mute_logger("odoo.sql_db"),
                self.assertRaises(psycopg2.errors.CheckViolation),
                self.env.cr.savepoint(),
            ):
                self.system.write({"timestamp_tolerance": tolerance})
                self.env.flush_all()
        system = self.env["integration.system"].search([("code", "=", "stripe")])
        system.timestamp_tolerance = 259_200
        old = int(time.time()) - 259_000
        self.assertEqual(self.send("stripe", self.body("stripe"), now=old).status_code, 202)
        self.assertEqual(self.send("stripe", self.body("stripe"), now=old - 1000).status_code, 401)
        self.assertEqual(self.send("stripe", self.body("stripe"), now=int(time.time()) + 400).status_code, 401)

    def test_names_of_headers(self):
        system = self.env["integration.system"].search([("code", "=", "stripe")])
        for values in (
            {"signature_header": "content-type"},
            {"signature_header": "x y"},
            {"message_id_header": "x_y"},
            {"message_id_header": "Host"},
            {"signature_header": "x-a", "message_id_header": "X-A"},
        ):
            with self.assertRaises(ValidationError), self.env.cr.savepoint():
                system.write(values)
        system.write({"signature_header": "X-Vendor-Signature", "message_id_header": "X-Vendor-Id"})
        self.assertEqual(system.signature_header_used, "x-vendor-signature")
        response = self.send("stripe", self.body("stripe"), message_id="m")
        self.assertEqual(response.status_code, 202)
        self.assertTrue(response.json()["id"].startswith("m:"))

    def test_a_system_whose_keys_do_not_fit_says_so(self):
        system = self.env["integration.system"].search([("code", "=", "stripe")])
        self.assertFalse(system.lacks_fitting_key)
        system.signature_profile = "mtls"
        self.assertTrue(system.lacks_fitting_key)
        self.assertEqual(door.trusted_proxies()[0].with_prefixlen, "127.0.0.1/32")
        self.assertIn("127.0.0.1/32", system.trusted_proxies)

    def test_a_signature_may_cover_the_address_of_the_gate(self):
        """Where messages come in by a name of their own, that is what a sender signs, and no longer Odoo's."""
        self.env["ir.config_parameter"].set_param("integration_core.gate_url", "https://gate.example.org")
        body, holder = self.body("rfc9421"), self.holders["rfc9421"]
        url, headers = self.proven("rfc9421", body)
        request = admission.Request("rfc9421", headers, body, target=url)
        covered = ["@method", "@target-uri", "content-digest", "webhook-id"]
        for base, status in (("https://elsewhere.example", 401), ("https://gate.example.org", 202)):
            signed = message_signatures.sign(
                request, holder.key, key_id=holder.key_id, created=int(time.time()), covered=covered, base_url=base
            )
            self.assertEqual(self.request("POST", url, body, {**headers, **signed}).status_code, status)

    def enter(self, system, text):
        """Enter a sender's secret as an administrator does; return the key, in force."""
        action = self.env["integration.key.wizard"]._open_for(system)
        wizard = self.env["integration.key.wizard"].with_context(**action["context"])
        made = wizard.create({"origin": "partner", "partner_key": text})
        self.assertEqual(made.entered_version, "text")
        made.action_create()
        key = system.credential_ids.sorted("id")[-1:]
        key._approval_grant(self_approved=False)
        return key

    def test_a_text_that_the_sender_made(self):
        for profile, text in (("stripe", signing.Secret.generate().text()), ("github", "a secret to everybody, ünder")):
            with self.subTest(profile=profile):
                system = self.env["integration.system"].search([("code", "=", profile)])
                system.credential_ids.action_revoke()
                key = self.enter(system, text)
                self.assertEqual((key.version, key.made_by, key._text()), ("text", "partner", text))
                self.assertFalse(system.lacks_fitting_key)
                self.env.flush_all()
                self.env.cr.execute("SELECT c::text FROM integration_credential c WHERE id = %s", (key.id,))
                self.assertNotIn(text, self.env.cr.fetchone()[0])
                holder = examples.Holder(signing.TextSecret.parse(text), key.name)
                self.assertEqual(self.send(profile, self.body(profile), holder=holder).status_code, 202)
                wrong = examples.Holder(signing.TextSecret.parse(text + "x"), key.name)
                self.assertEqual(self.send(profile, self.body(profile), holder=wrong).status_code, 401)
                operator = new_test_user(self.env, f"op_{profile}", groups="integration_core.group_operator")
                trial = self.env["integration.connect"].with_user(operator).send_test(system.id, ADMITTED)
                self.assertEqual(trial["status"], 202, trial)
                made, shown = key._rotate(system, use="inbound")
                self.assertEqual((made.version, shown[:6]), ("v1", "whsec_"))
                system.signature_profile = "standard"
                made.action_revoke()
                self.assertTrue(system.lacks_fitting_key)

    def test_a_text_that_is_too_short_or_pasted_with_a_space_is_refused_without_repeating_it(self):
        system = self.env["integration.system"].search([("code", "=", "github")])
        for text in ("fifteen letters", " a secret to everybody", "a secret to everybody "):
            with self.assertRaises(ValidationError) as refusal, self.env.cr.savepoint():
                self.enter(system, text)
            self.assertNotIn(text.strip(), str(refusal.exception))

    def test_whoever_sees_the_system_sees_that_nothing_of_it_works(self):
        viewer = new_test_user(self.env, "viewer", groups="integration_core.group_finance_viewer")
        system = self.env["integration.system"].search([("code", "=", "stripe")])
        self.assertFalse(system.with_user(viewer).lacks_fitting_key)
        system.credential_ids.action_revoke()
        self.assertTrue(system.with_user(viewer).lacks_fitting_key)

    def test_every_cause_has_words(self):
        words = dict(self.env["integration.refusal"]._fields["cause"].selection)
        self.assertLessEqual({cause.value for cause in signing.Cause}, set(words))

    def test_a_change_of_profile_counts_at_once(self):
        body = self.body("stripe")
        self.assertEqual(self.send("stripe", body).status_code, 202)
        self.env.cr.execute("UPDATE integration_system SET signature_profile = 'standard' WHERE code = 'stripe'")
        self.env.invalidate_all()
        holder = self.holders["stripe"]
        signed = examples.sign_example(
            profiles.Settings(profiles.Profile.STRIPE), body, holder=holder, now=int(time.time())
        )
        response = self.request("POST", self._url("stripe"), body, dict(signed.headers))
        self.assertEqual(response.status_code, 401)
