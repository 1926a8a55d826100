import json
from typing import NamedTuple

from odoo import models
from odoo.exceptions import AccessError, UserError

from ..domain import disclosure, schema
from ..domain.clearance import Clearance
from ..domain.strict_json import JSONObject


class Look(NamedTuple):
    """What somebody is shown of a payload: a text, and how many values in it are masked."""

    text: str
    masked: int


class IntegrationPayloadMixin(models.AbstractModel):
    """The one door to payloads: nobody is shown the content of a message but through :meth:`_open_payload`.

    It lets in who is cleared, or has broken the glass in an emergency; it asks why, records the look in the audit trail
    and shows no more than the person's work needs, unless everything is asked for.
    """

    _name = "integration.payload.mixin"
    _description = "Record with a payload"

    # -- what inheriting models override

    def _payload_body(self):
        """Return the body (bytes) after content-decoding; None when it is no longer kept.

        :raises KeyringError: without a usable master key
        """
        raise NotImplementedError

    def _payload_type(self):
        """Return the event type that the body is of, or an empty recordset."""
        raise NotImplementedError

    def _payload_gone(self):
        """Return when and why the body went, in words; False while it is kept."""
        return False

    # -- the door

    def _open_payload(self, reason, *, everything=False):
        """Return the :class:`Look` that the user may take at the payload; it is recorded.

        :param str reason: why the person needs it
        :param bool everything: show also what the person's work does not need
        :raises AccessError: for anybody who is neither cleared nor has broken the glass
        """
        self.ensure_one()
        self.check_access("read")
        glass = self._payload_glass()
        if not (reason or "").strip():
            raise UserError(self.env._("Say why you need to see the content."))
        needed = frozenset(Clearance) if everything else self._payload_needs()
        self.env["integration.audit"]._record(
            "payload.read", self, reason=reason, detail=self._payload_detail(needed, everything, glass)
        )
        body = self._payload_body()
        if body is None:
            raise UserError(self.env._("The content is no longer kept. %s", self._payload_gone() or "").strip())
        return self._payload_look(body, needed)

    def _payload_glass(self):
        """Return the broken glass that lets the user in; empty for who is cleared.

        :raises AccessError: for everybody else
        """
        glasses = self.env["integration.break.glass"]
        if self.env.user.has_group("integration_core.group_payload_reader"):
            return glasses
        glass = glasses._of_user()
        if not glass:
            raise AccessError(self.env._("You are not cleared for payloads."))
        return glass

    def _payload_needs(self):
        """Return the classes of data that the user's work needs."""
        user = self.env.user
        return disclosure.needs(
            finance=user.has_group("integration_core.group_finance_viewer"),
            clinical=user.has_group("integration_core.group_clinical_liaison"),
        )

    def _payload_detail(self, needed, everything, glass):
        """Say in the trail, in stable words, how much was shown and by what right."""
        classes = "everything" if everything else "as needed: " + ", ".join(k.value for k in Clearance if k in needed)
        return f"{classes}; break-glass {glass.id}" if glass else classes

    def _payload_look(self, body, needed):
        try:
            event = json.loads(body)
        except ValueError:  # not even JSON: of a message that was refused for it
            hidden = Clearance.PATIENT not in needed
            return Look(
                disclosure.mask_of(Clearance.PATIENT) if hidden else body.decode("utf-8", "replace"), int(hidden)
            )
        # sudo: what is public of an event type, and how confidential it is; the content is masked by it
        event_type = self._payload_type().sudo()
        kind = Clearance(event_type.classification) if event_type else Clearance.PATIENT
        shown = disclosure.show(event, schema=_usable_schema(event_type), kind=kind, needed=needed)
        return Look(json.dumps(shown.value, indent=2, ensure_ascii=False), shown.masked)


def _usable_schema(event_type) -> JSONObject | None:
    """Return the parsed schema of an event type; None where there is none that can be applied."""
    try:
        parsed = json.loads(event_type.schema_json or "null")
        schema.check(parsed)
    except (ValueError, schema.SchemaError):
        return None
    return parsed
