import json
import re
import time
import uuid
from datetime import datetime, timezone
from http import HTTPStatus

from odoo import SUPERUSER_ID, api, fields, models
from odoo.addons.integration_core.domain import diagnosis, pasted, signing
from odoo.addons.integration_core.domain.keyring import KeyringError
from odoo.addons.integration_core.domain.profiles import Profile, examples
from odoo.exceptions import AccessError, UserError
from odoo.tools import config, format_datetime

from .. import answering, door
from ..domain import admission, channel, reasons, refusals, snippets

SHOWN = 25
"""Last requests on the page; the list behind it has more."""
_OTHERS = 100  # keys of others that a signature is compared with
_MAX_SOUGHT_CHARS = 300
_MAX_SYSTEM_ID = 2**31 - 1  # of PostgreSQL's integers
_MAX_REQUEST_ID = 2**63 - 1
_NOT_STORABLE = re.compile("[\0\ud800-\udfff]")

_REQUEST_COLUMNS = ["at", "kind", "status", "code", "reason", "webhook_id", "request_id", "address", "times", "mode"]


class IntegrationConnect(models.AbstractModel):
    """What the Connect page of a system shows and does: for the hour in which two engineers get it to work.

    Everything is read with the user's own rights and companies. Nothing that is pasted here is stored or logged.
    """

    _name = "integration.connect"
    _description = "Connect a system"

    @api.model
    def _of(self, system_id):
        """Return the system, for those who may see how it is connected.

        :raises AccessError: for everybody else
        :raises UserError: where it is none
        """
        if not self.env.user.has_group("integration_core.group_operator"):
            raise AccessError(self.env._("Only integration operators and administrators connect systems."))
        system = self.env["integration.system"].browse(self._id(system_id, _MAX_SYSTEM_ID)).exists()
        if not system:
            raise UserError(self.env._("There is no such system."))
        system.check_access("read")
        return system

    @api.model
    def _id(self, value, most):
        """Return an id that a client sent.

        :raises UserError: for what can be none
        """
        if type(value) is not int or not 0 < value <= most:
            raise UserError(self.env._("An id must be a whole number."))
        return value

    @api.model
    def _text(self, value):
        """Return text that a client sent; nothing is empty text.

        :raises UserError: for what is not text
        """
        text = value or ""
        if not isinstance(text, str):
            raise UserError(self.env._("This must be text."))
        return text

    @api.model
    def _words(self, value):
        """Return text that a client sent to be looked for.

        :raises UserError: for what is not text, and for text that PostgreSQL cannot hold
        """
        text = self._text(value)
        if _NOT_STORABLE.search(text):
            raise UserError(self.env._("This text holds a character that no text may hold."))
        return text

    # -- what the other side needs -------------------------------------------------------------------------------------

    @api.model
    def get_data(self, system_id):
        """Return all that the page shows at first, as JSON values. No secret is part of it."""
        system = self._of(system_id)
        types = [self._type(system, event_type) for event_type in self._granted(system)]
        return {
            "id": system.id,
            "name": system.name,
            "code": system.code,
            "url": system.inbound_url,
            "mode": system.mode,
            "state": system.state,
            "profile": "" if system.signature_profile == "standard" else self._profile_name(system),
            "headers": self._headers(),
            "secret_variable": snippets.SECRET_VARIABLE,
            "ask_secret": snippets.ask_secret(),
            "types": types,
            "limits": {
                "bytes": system.max_body_bytes,
                "per_minute": system.rate_per_minute,
                "seconds": system.timestamp_tolerance,
            },
            "troubles": self._troubles(system, types),
            "is_admin": self.env.user.has_group("integration_core.group_admin"),
            "secret_key": channel.secret_key(system.code),
            "scripts": {
                "sign": channel.script("sign", system.code),
                "response": channel.script("response", system.code),
            },
        }

    @api.model
    def _profile_name(self, system):
        return dict(system._fields["signature_profile"]._description_selection(self.env))[system.signature_profile]

    @api.model
    def _granted(self, system):
        return system.event_type_ids.filtered(lambda kind: kind.direction == "inbound" and kind.state != "draft")

    def _type(self, system, event_type):
        example = self._example(event_type)
        return {
            "name": event_type.name,
            "title": event_type.title,
            "schema_url": f"/integration/v1/schemas/{event_type.name}",
            "curl": snippets.curl(
                url=system.inbound_url,
                code=system.code,
                example=example,
                time=_now(),
                database=self._named_database(),
            ),
        }

    @staticmethod
    def _example(event_type):
        try:
            example = json.loads(event_type.example_json or "{}")
        except ValueError:
            example = {}
        data = example.get("data", {}) if isinstance(example, dict) else {}
        subject = example.get("subject") if isinstance(example, dict) else None
        return {"type": event_type.name, "subject": subject, "data": data}

    @api.model
    def _headers(self):
        named = self._named_database()
        rows = [
            ("content-type", "application/cloudevents+json", ""),
            ("webhook-id", "", self.env._("names this message for ever; the same on every re-send; no dot in it")),
            ("webhook-timestamp", "", self.env._("unix seconds, fresh on every try")),
            (
                "webhook-signature",
                "",
                self.env._("v1, and the base64 HMAC-SHA256 of {webhook-id}.{webhook-timestamp}.{body}"),
            ),
        ]
        if named:
            rows.append(("X-Odoo-Database", named, self.env._("this host serves several databases")))
        return [{"name": name, "value": value, "says": says} for name, value, says in rows]

    @api.model
    def _named_database(self):
        """Return the name of this database where a request must name it, else None."""
        return self.env.cr.dbname if len(config["db_name"] or []) != 1 and not config["dbfilter"] else None

    @api.model
    def _troubles(self, system, types):
        """Return what stands in the way of a first message, each with whose turn it is and what to press."""
        found = []
        key_problem = self.env["integration.keyring"].sudo()._status()  # sudo: why nothing is accepted is no secret
        if key_problem:
            found.append(self._trouble("danger", self.env._("Nothing is accepted: %s", key_problem)))
        if system.state == "suspended":
            says = self.env._("The system is suspended: whatever it sends is answered 401.")
            found.append(self._trouble("danger", says, self.env._("An administrator activates it again.")))
        elif system.state != "active":
            says = self.env._("The system is a draft: whatever it sends is answered 401.")
            found.append(self._trouble("danger", says, self.env._("An administrator presses Activate on its form.")))
        if system.lacks_fitting_key:
            says = self.env._("The system has no valid key for the way it proves its messages.")
            mend = (
                self.env._("An administrator presses Register certificate on its form.")
                if system.signature_profile == "mtls"
                else self.env._("An administrator presses Create key on its form.")
            )
            found.append(self._trouble("danger", says, mend))
        if not types:
            says = self.env._("The system may not send anything yet.")
            mend = self.env._("An administrator adds event types under May send.")
            found.append(self._trouble("danger", says, mend))
        if not (system.inbound_url or "").startswith("https://"):
            says = self.env._("The address is not encrypted, or of this machine only.")
            mend = self.env._("Set Odoo's public address before you hand it out: the set-up check says how.")
            found.append(self._trouble("warning", says, mend))
        return found

    @staticmethod
    def _trouble(level, says, mend=""):
        return {"level": level, "says": says, "mend": mend}

    @api.model
    def _valid_keys(self, system):
        now = fields.Datetime.now()
        return system.credential_ids.filtered(lambda key: key.use == "inbound" and key._is_valid_at(now))

    @api.model
    def get_channel(self, system_id):
        """Return {name, content} of the channel that Mirth Connect or Open Integration Engine imports."""
        system = self._of(system_id)
        content = channel.build(code=system.code, url=system.inbound_url, channel_id=str(uuid.uuid4()))
        return {"name": f"odoo-{system.code}-channel.xml", "content": content}

    # -- what it has sent ----------------------------------------------------------------------------------------------

    @api.model
    def get_requests(self, system_id):
        """Return the last requests of the system, newest first."""
        system = self._of(system_id)
        found = self.env["integration.request"].search_fetch(
            [("system_id", "=", system.id)], _REQUEST_COLUMNS, limit=SHOWN
        )
        kinds = dict(self.env["integration.request"]._fields["kind"]._description_selection(self.env))
        return [
            {
                **{name: row[name] or "" for name in _REQUEST_COLUMNS},
                "id": row.id,
                "at": format_datetime(self.env, row.at, dt_format="medium"),
                "outcome": kinds[row.kind],
            }
            for row in found
        ]

    @api.model
    def open_request(self, system_id, row_id):
        """Return the action that opens what is known of one of the last requests."""
        system = self._of(system_id)
        row_id = self._id(row_id, _MAX_REQUEST_ID)
        row = self.env["integration.request"].search([("id", "=", row_id), ("system_id", "=", system.id)])
        return row.action_open() if row else False

    # -- is this signature right ---------------------------------------------------------------------------------------

    @api.model
    def check_signature(self, system_id, headers, body, form="text"):
        """Say of a pasted request which step of the gate's it fails at, and how to mend it. Nothing of it is kept.

        :param str headers: as ``curl -v``, an integration engine or a log shows them; a body may follow
        :param str body: what was sent; empty: what followed the headers
        :param str form: ``text``, ``hex`` or ``base64``
        """
        system = self._of(system_id)
        self.env["integration.audit"]._record("system.check_signature", system)
        request = pasted.read_request(self._text(headers))
        text = self._text(body) or (request.body if form == "text" else "") or ""
        try:
            raw = pasted.read_body(text, form if form in ("hex", "base64") else "text")
            known = self._known_keys(system)
        except pasted.BodyFormError as error:
            raise UserError(str(error)) from None
        except KeyringError as error:
            raise UserError(error.remedy) from error
        if system.signature_profile != "standard":
            return self._check_profile(system, request, raw)
        found = diagnosis.diagnose(
            request,
            raw,
            system_code=system.code,
            keys=known,
            now=time.time(),
            past_tolerance=system.timestamp_tolerance,
        )
        return {
            "verified": found.verified,
            "summary": found.summary,
            "mend": found.mend,
            "steps": [step.as_dict() for step in found.steps],
            "bytes": len(raw),
            "ending": diagnosis.ending(raw),
            "digest": diagnosis.fingerprint(raw),
            "active": system.state == "active",
        }

    @api.model
    def _check_profile(self, system, request, raw):
        """Say of a request of another profile what the gate would; of a certificate, as if a proxy had passed it on."""
        proxies = door.trusted_proxies()
        sent = admission.Request(
            system.code,
            request.headers,
            raw,
            target=request.path or f"/integration/v1/inbound/{system.code}",
            peer=str(proxies[0].network_address) if proxies else None,
        )
        # su: the gate works in the sender's name, as it does where nobody is logged in
        cause = self.env(user=SUPERUSER_ID, su=True, context={"lang": "en_US"})["integration.gate"]._look_at(sent)
        reason = reasons.of("turned_away", cause) if cause else None
        step = {
            "name": "signature",
            "title": self._profile_name(system),
            "state": "failed" if reason else "ok",
            "says": reason.says if reason else self.env._("The proof is right, and so is its time."),
            "mend": reason.mend if reason else "",
        }
        return {
            "verified": reason is None,
            "summary": step["says"],
            "mend": step["mend"],
            "steps": [step],
            "bytes": len(raw),
            "ending": diagnosis.ending(raw),
            "digest": diagnosis.fingerprint(raw),
            "active": system.state == "active",
        }

    @api.model
    def _known_keys(self, system):
        """Return the :class:`diagnosis.KnownKey` of the system and of whatever a sender may have taken by mistake."""
        # sudo: keys are compared with, never shown; only those of the user's own companies
        credentials = self.env["integration.credential"].sudo()
        own = credentials.search([("system_id", "=", system.id)])
        others = credentials.search(
            [("id", "not in", own.ids), ("company_id", "in", self.env.companies.ids), ("state", "=", "active")],
            limit=_OTHERS,
        )
        now = fields.Datetime.now()
        return [known for key in own | others if (known := self._known_key(system, key, now))]

    @api.model
    def _known_key(self, system, key, now):
        if not key.sealed:  # not every kind of credential has something to compare with
            return None
        try:
            material = key._signing_key()
        except signing.KeyFormatError:
            return None
        if isinstance(material, signing.TextSecret):  # no Standard Webhooks sender can have it
            return None
        if isinstance(material, signing.PrivateKey):
            material = material.public_key()
        return diagnosis.KnownKey(key.name, material, self._condition(system, key, now), key.system_id.code or "")

    @staticmethod
    def _condition(system, key, now):
        if key.use != "inbound":
            return "outbound"
        if key.system_id != system:
            return "other_system"
        if key.state in ("revoked", "draft"):
            return key.state
        if key.valid_from > now:
            return "not_yet"
        return "valid" if key._is_valid_at(now) else "expired"

    # -- try it --------------------------------------------------------------------------------------------------------

    @api.model
    def send_test(self, system_id, type_name):
        """Send the example of an event type as the system would, through the gate itself; always as a test.

        :return: the answer as the other side would get it, and why where it would not be told
        """
        system = self._of(system_id)
        event_type = self._granted(system).filtered(lambda kind: kind.name == type_name)
        if not event_type:
            raise UserError(self.env._("Choose one of the event types that the system may send."))
        message_id = f"test-{uuid.uuid4().hex}"
        self.env["integration.audit"]._record("system.send_test", system, detail=message_id)
        event = snippets.example_event(self._example(event_type), code=system.code, event_id=message_id, time=_now())
        body = json.dumps(event, ensure_ascii=False, indent=1).encode()
        try:
            request = self._signed(system, message_id, body)
        except KeyringError as error:
            raise UserError(error.remedy) from error
        return self._sent(system, request, body)

    @api.model
    def _signed(self, system, message_id, body):
        """Return the request; without a key of the system's it is signed with one that does not fit."""
        settings = system._signature_settings()
        if settings.profile is Profile.MTLS:
            raise UserError(
                self.env._("A client certificate is proven by its TLS connection: send a test from the other side.")
            )
        # sudo: the key signs, it is not shown
        keys = self._valid_keys(system).sudo()
        signers = [(key._signing_key(), key.name) for key in keys if key.version in system._fitting_versions()]
        holder = examples.Holder(*signers[0]) if signers else examples.Holder()
        path = f"/integration/v1/inbound/{system.code}"
        sent = examples.sign_example(
            settings, body, holder=holder, now=int(time.time()), message_id=message_id, target=path
        )
        return admission.Request(system.code, sent.headers, body, target=path)

    @api.model
    def _sent(self, system, request, body):
        request_id = uuid.uuid4().hex
        # su: the gate works in the sender's name, as it does where nobody is logged in
        gate = self.env(user=SUPERUSER_ID, su=True, context={"lang": "en_US"})["integration.gate"]
        judged = gate._try(request, request_id=request_id)
        if judged is None:
            raise UserError(self.env["integration.keyring"].sudo()._status())  # sudo: what is missing is no secret
        verdict, cause = judged
        due = answering.answer(
            verdict.admission,
            message_id=verdict.message_id,
            headers=verdict.headers,
            instance=f"/integration/v1/inbound/{system.code}",
        )
        code = cause or verdict.code
        return {
            "status": due.status,
            "phrase": HTTPStatus(due.status).phrase,
            "headers": [
                {"name": name, "value": value} for name, value in {**due.headers, "x-request-id": request_id}.items()
            ],
            "answer": json.dumps(json.loads(due.body), indent=2, ensure_ascii=False),
            "body": body.decode(),
            "message_id": verdict.message_id,
            "accepted": verdict.admission.outcome == "accepted",
            "reason": reasons.REASONS[code].words if code in reasons.REASONS else (code or ""),
        }

    @api.model
    def follow(self, system_id, message_id):
        """Return how far one of the system's messages has come: what the sender may ask, and the way to its event."""
        system = self._of(system_id)
        message_id = self._words(message_id)
        document = self.env["integration.event"]._status_of(system, message_id)
        if document is None:
            return {"status": "unknown", "lines": [], "done": False, "action": False}
        event = self.env["integration.event"].search(
            [("system_id", "=", system.id), ("webhook_id", "=", message_id)], limit=1
        )
        return {
            "status": document["status"],
            "reason": document["reason"],
            "lines": document["lines"],
            "done": document["status"] != "waiting",
            "action": _form(event),
            "mode": event.mode,
        }

    # -- where is this message -----------------------------------------------------------------------------------------

    @api.model
    def find(self, system_id, text):
        """Return what is known of a message of the system by one of its ids: everything, newest first.

        :param str text: a ``webhook-id``, an event's id (the sender's or Odoo's) or an ``x-request-id``
        """
        system = self._of(system_id)
        sought = self._words(text).strip()[:_MAX_SOUGHT_CHARS]
        if not sought:
            return []
        found = [
            *self._find_events(system, sought),
            *self._find_receipts(system, sought),
            *self._find_refused(system, sought),
            *self._find_turned_away(system, sought),
        ]
        return sorted(found, key=lambda row: row.pop("sort"), reverse=True)

    def _finding(self, at, kind, title, says, **more):
        return {
            "sort": at or datetime.min,
            "at": at and format_datetime(self.env, at, dt_format="medium"),
            "kind": kind,
            "title": title,
            "says": says,
            "action": False,
            "lines": [],
            **more,
        }

    def _find_events(self, system, sought):
        journal = self.env["integration.event"]
        own = [("system_id", "=", system.id)]
        keys = self._identities(system, sought)
        uuids = [sought, *(event_uuid for event_uuid, _seen_at in keys)]
        events = journal
        for domain in ([("uuid", "in", uuids)], [("request_id", "=", sought)]):
            events |= journal.search([*own, *domain], limit=10)
        rows = [self._event_found(event) for event in events]
        kept = set(events.mapped("uuid"))
        says = self.env._("It was accepted once. The event itself is no longer kept.")
        return rows + [
            self._finding(seen_at, "accepted", self.env._("Accepted, and gone"), says, event=event_uuid)
            for event_uuid, seen_at in keys
            if event_uuid not in kept
        ]

    @api.model
    def _identities(self, system, sought):
        """Return (event uuid, when) of what was accepted under an id of the sender's; kept longer than events."""
        self.env.cr.execute(
            """
            SELECT event_uuid, seen_at FROM integration_event_key WHERE system_id = %(system)s AND webhook_id = %(id)s
            UNION
            SELECT event_uuid, seen_at FROM integration_event_key
             WHERE system_id = %(system)s AND source = %(source)s AND source_event_id = %(id)s
            """,
            {"system": system.id, "id": sought, "source": system._source},
        )
        return self.env.cr.fetchall()

    def _event_found(self, event):
        document = event._status_document()
        says = {
            "waiting": self.env._("Accepted; Odoo has not finished with it."),
            "parked": self.env._("Accepted; it waits for a person."),
            "rejected": self.env._("Accepted, and then given up."),
            "applied": self.env._("Accepted and carried out."),
        }[document["status"]]
        return self._finding(
            event.received_at,
            document["status"],
            event.type_name,
            says,
            lines=document["lines"],
            reason=document["reason"],
            mode=event.mode,
            webhook_id=event.webhook_id,
            request_id=event.request_id,
            event=event.uuid,
            action=_form(event),
        )

    def _find_receipts(self, system, sought):
        """Return the messages that were repeated or refused under this id, each once, however many lines it had."""
        receipts = self.env["integration.receipt"].search(
            [
                ("system_id", "=", system.id),
                ("outcome", "!=", "accepted"),
                "|",
                ("webhook_id", "=", sought),
                ("request_id", "=", sought),
            ],
            limit=200,
        )
        once = {(row.webhook_id, row.received_at, row.request_id): row for row in receipts}
        return [self._receipt_found(row) for row in once.values()]

    def _receipt_found(self, row):
        reason = reasons.of(row.outcome, row.reason or None)
        duplicate = row.outcome == "duplicate"
        found = (
            self.env["integration.event"].search([("uuid", "=", row.event_uuid)], limit=1)
            if duplicate
            else self.env["integration.refused.message"].search(
                [("system_id", "=", row.system_id.id), ("webhook_id", "=", row.webhook_id)], limit=1
            )
        )
        return self._finding(
            row.received_at,
            row.outcome,
            self.env._("Sent again") if duplicate else self.env._("Refused, %s", reason.status),
            reason.words,
            mode=row.mode,
            webhook_id=row.webhook_id,
            request_id=row.request_id,
            action=_form(found),
        )

    def _find_refused(self, system, sought):
        """Return the refused messages that carry this event id; by their other ids their receipts are found."""
        messages = self.env["integration.refused.message"].search(
            [("system_id", "=", system.id), ("source_event_id", "=", sought), ("webhook_id", "!=", sought)], limit=20
        )
        return [
            self._finding(
                message.received_at,
                "rejected",
                self.env._("Refused, %s", reasons.of("rejected", message.code).status),
                message.explanation,
                mode=message.mode,
                webhook_id=message.webhook_id,
                request_id=message.request_id,
                action=_form(message),
            )
            for message in messages
        ]

    def _find_turned_away(self, system, sought):
        """Return what was turned away with this request id: under the system's code, or counted with others."""
        if not (sought.isascii() and sought.isalnum()):  # so it is no x-request-id, and no pattern either
            return []
        found = self.env["integration.refusal"].search(
            [("claimed", "in", [system.code, refusals.OTHERS]), ("request_ids", "like", sought)], limit=20
        )
        return [
            self._finding(
                refusal.last_at,
                "turned_away",
                self.env._("Turned away, %s", reasons.of("turned_away", refusal.cause).status),
                reasons.of("turned_away", refusal.cause).words,
                request_id=sought,
                address=refusal.address,
                times=refusal.count,
                action=_form(refusal),
            )
            for refusal in found
            if sought in (refusal.request_ids or "").split()
        ]


def _form(record):
    """Return the action that opens a record, or False for none."""
    if not record:
        return False
    return {"type": "ir.actions.act_window", "res_model": record._name, "res_id": record.id, "views": [[False, "form"]]}


def _now():
    return datetime.now(timezone.utc)
