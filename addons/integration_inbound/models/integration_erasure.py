from odoo import api, models
from odoo.addons.integration_core.domain import patients
from odoo.addons.integration_core.domain.keyring import KeyringError
from odoo.addons.integration_core.domain.patients import About
from odoo.addons.integration_core.models.integration_erasure import BATCH
from odoo.tools import SQL

from ..domain import admission


class IntegrationErasure(models.Model):
    _inherit = "integration.erasure"

    @api.model
    def _phases(self):
        return [*super()._phases(), "refused"]

    def _kinds(self):
        return [*super()._kinds(), "refused"]

    def _candidates_refused(self, after):
        return self._first_of(
            SQL(
                """
                SELECT p.refused_id FROM integration_refused_payload p
                  JOIN integration_refused_message m ON m.id = p.refused_id
                 WHERE p.refused_id > %s AND m.system_id = %s ORDER BY p.refused_id LIMIT %s
                """,
                after,
                self.system_id.id,
                BATCH,
            )
        )

    def _about_refused(self, ids):
        """Return which refused bodies are about the patient, and how many could not be read."""
        finder = self.env["integration.patient.finder"]
        hashed = finder._hasher(self.system_id)
        messages = self.env["integration.refused.message"].browse(ids)
        seen = {message.id: patients.read(self._body_of(message), hashed) for message in messages}
        own = self._encounters()
        named = {one.encounter for one in seen.values() if one.encounter}
        known = {**dict.fromkeys(own, self.patient_refs[0]), **finder._patients(self.system_id, named)}
        found = [one for one, what in seen.items() if patients.about(what, self.patient_refs, known) is About.YES]
        return found, sum(not one.readable for one in seen.values())

    def _body_of(self, message):
        try:
            raw = self.env["integration.refused.payload"]._load(message)
        except KeyringError:
            self.env["integration.keyring"]._get()
            return None  # the key is there: this one was tampered with
        if raw is None or admission.parse_content_encoding(message.content_encoding) != "gzip":
            return raw
        body = admission.gunzip(raw, self.system_id.max_body_bytes)
        return body if isinstance(body, bytes) else None

    def _lines_of_refused(self, ids):
        return SQL(
            """
            SELECT %s, 'refused', m.id, m.webhook_id, m.type_name, m.received_at, 'found'
              FROM integration_refused_message m WHERE m.id = ANY (%s) ORDER BY m.id
            """,
            self.id,
            list(ids),
        )

    def _open_refused(self, ids):
        return set(
            self._first_of(
                SQL("SELECT id FROM integration_refused_message WHERE id = ANY (%s) AND state = 'open'", list(ids))
            )
        )

    def _left_refused(self, ids):
        return self._first_of(
            SQL("SELECT refused_id FROM integration_refused_payload WHERE refused_id = ANY (%s)", list(ids))
        )
