from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import format_datetime

_DEEDS = ("identifier.change", "identifier.retire", "identifier.revoke")
"""Of the audit trail, what is not told by approvals already."""


class IntegrationCrosswalkCell(models.AbstractModel):
    """One cell of the crosswalk: what stands in it, what became of it, and a proposal for it."""

    _name = "integration.crosswalk.cell"
    _description = "Cell of the crosswalk"

    # -- a proposal ---------------------------------------------------------------------------------------------------

    @api.model
    def propose(self, entity_id=None, system_id=None, code=None, more=None):
        """Propose that a system calls an entity so, and ask for approval.

        :param int entity_id: the canonical entity
        :param int system_id: the system
        :param str code: byte for byte as the system sends it
        :param dict more: ``valid_from``, ``valid_to`` (ISO dates), ``code_system`` and ``note``, each optional
        :return: dict ``{"id", "message", "type"}``: the identifier, and what to tell whoever proposed
        :raises UserError: where the code means something on these days already, or is proposed already
        """
        identifiers = self.env["integration.identifier"]
        identifiers.check_access("create")
        entity = self.env["integration.entity"].browse(entity_id or ()).exists()
        system = self.env["integration.system"].browse(system_id or ()).exists()
        if not (entity and system and isinstance(code, str) and code.strip()):
            raise UserError(self.env._("Type the code that the system uses."))
        entity.check_access("read")
        system.check_access("read")
        more = more if isinstance(more, dict) else {}
        wanted = {name: more[name] for name in ("valid_from", "valid_to", "code_system", "note") if more.get(name)}
        identifier = identifiers.create(
            {"entity_id": entity.id, "system_id": system.id, "kind": entity.kind, "code": code, **wanted}
        )
        identifier._check_free()
        self._check_not_proposed(identifier)
        identifier.action_submit()
        if identifier.approval_state == "requested":
            message, kind = self.env._("%s is proposed. Another steward must approve it.", code), "info"
        else:
            message, kind = self.env._("%s is mapped. What waited goes on by itself.", code), "success"
        return {"id": identifier.id, "message": message, "type": kind}

    @api.model
    def _check_not_proposed(self, identifier):
        domain = [*identifier._question_domain(), ("state", "=", "proposed"), ("id", "!=", identifier.id)]
        for other in self.env["integration.identifier"].search(domain):
            if other._span().overlaps(identifier._span()):
                raise UserError(
                    self.env._(
                        "%(code)s is proposed already, for %(entity)s (%(holds)s). Have that decided first.",
                        code=identifier.code,
                        entity=other.entity_id.display_name,
                        holds=other.holds,
                    )
                )

    # -- a code -------------------------------------------------------------------------------------------------------

    @api.model
    def get_code(self, identifier_id=None):
        """Return all that the screen tells of one identifier, with what the user may do about it.

        :param int identifier_id: the identifier
        :return: dict of JSON values
        """
        self.env["integration.identifier"].check_access("read")
        identifier = self._existing("integration.identifier", identifier_id)
        states, approvals = (
            dict(identifier._fields[name]._description_selection(self.env)) for name in ("state", "approval_state")
        )
        may_write = identifier.has_access("write")
        return {
            "id": identifier.id,
            "code": identifier.code,
            "code_system": identifier.code_system,
            "called": identifier.display or "",
            "system": identifier.system_id.name,
            "entity": identifier.entity_id.name,
            "state": identifier.state,
            "state_text": states[identifier.state],
            "approval": identifier.approval_state,
            "approval_text": approvals[identifier.approval_state],
            "holds": identifier.holds,
            "steward": identifier.steward_id.name or "",
            "source": identifier.source or "",
            "note": identifier.note or "",
            "facts": self._facts(identifier),
            "may": {
                "change": may_write and identifier.state == "approved",
                "end": may_write and identifier.state in ("approved", "retired"),
                "submit": may_write
                and identifier.state == "proposed"
                and identifier.approval_state in ("draft", "rejected"),
                "approve": identifier.can_approve,
                "withdraw": identifier.can_withdraw,
            },
        }

    @api.model
    def _existing(self, model, number):
        record = self.env[model].browse(number or ()).exists()
        if not record:
            raise UserError(self.env._("That is no longer there. Reload the page."))
        record.check_access("read")
        return record

    @api.model
    def _facts(self, identifier):
        """Return ``[(label, text)]``: who asked and decided, what it touches, what came of it."""
        facts = []
        if identifier.approval_state == "requested":
            facts.append((self.env._("Asked by"), self._person(identifier.requested_by_id, identifier.requested_at)))
        elif identifier.decided_by_id:
            label = self.env._("Rejected by") if identifier.approval_state == "rejected" else self.env._("Approved by")
            facts.append((label, self._person(identifier.decided_by_id, identifier.decided_at)))
        money = self._sees_money()
        for name in ("impact", "effect"):
            shown = f"{name}_money" if money else name
            if identifier[shown]:
                facts.append((identifier._fields[name]._description_string(self.env), identifier[shown]))
        return facts

    @api.model
    def _sees_money(self):
        task = self.env["integration.mapping.task"]
        return task._has_field_access(task._fields["waiting_money"], "read")

    @api.model
    def _person(self, user, moment):
        # sudo: the name of who decided, as every form shows it
        name = user.sudo().name or ""
        return f"{name}, {format_datetime(self.env, moment, dt_format='short')}" if moment else name

    # -- its history --------------------------------------------------------------------------------------------------

    @api.model
    def get_history(self, entity_id=None, system_id=None):
        """Return what became of every code of a cell, as far as the user may read, latest first.

        :param int entity_id: the canonical entity
        :param int system_id: the system
        :return: dict ``{"codes": [{"id", "code", "holds", "state", "deeds"}], "trail"}``; ``trail`` tells whether the
            user reads the audit trail, which alone says why a mapping was ended
        """
        self.env["integration.identifier"].check_access("read")
        identifiers = self.env["integration.identifier"].search(
            [("entity_id", "=", entity_id), ("system_id", "=", system_id)], order="id desc"
        )
        words = dict(identifiers._fields["state"]._description_selection(self.env))
        deeds = self._deeds(identifiers)
        return {
            "trail": self.env["integration.audit"].has_access("read"),
            "codes": [
                {
                    "id": one.id,
                    "code": one.code,
                    "code_system": one.code_system,
                    "holds": one.holds,
                    "state": one.state,
                    "state_text": words[one.state],
                    "deeds": [
                        {**deed, "at": format_datetime(self.env, deed["at"], dt_format="short")}
                        for deed in sorted(deeds[one.id], key=lambda deed: deed["at"], reverse=True)
                    ],
                }
                for one in identifiers
            ],
        }

    @api.model
    def _deeds(self, identifiers):
        """Return ``{identifier id: [{"at", "who", "what", "why"}]}``."""
        deeds = {one.id: [self._deed(one.create_date, one.create_uid, self.env._("Proposed"))] for one in identifiers}
        told = self._requests(identifiers, deeds)
        for one in identifiers - told:
            if one.decided_at:
                why = one.decision_reason
                deeds[one.id].append(self._deed(one.decided_at, one.decided_by_id, self.env._("Approved"), why))
        for one in self.env["integration.identifier"].search([("replaces_id", "in", identifiers.ids)]):
            if one.state in ("approved", "retired") and one.decided_at:
                what = self.env._("Succeeded: means %s from then on", one.entity_id.name)
                deeds[one.replaces_id.id].append(self._deed(one.decided_at, one.decided_by_id, what, one.note))
        self._trail(identifiers, deeds)
        return deeds

    @api.model
    def _deed(self, at, user, what, why=""):
        # sudo: the name of who did it, as every form shows it
        return {"at": at, "who": user.sudo().name or "", "what": what, "why": why or ""}

    @api.model
    def _requests(self, identifiers, deeds):
        """Tell of the requests that the user may read; return the identifiers that they are about."""
        approvals = self.env["integration.approval"]
        if not approvals.has_access("read"):
            return identifiers.browse()
        requests = approvals.search([("res_model", "=", identifiers._name), ("res_id", "in", identifiers.ids)])
        words = dict(approvals._fields["state"]._description_selection(self.env))
        for one in requests:
            asked = self.env._("Used at once") if one.urgent else self.env._("Asked for approval")
            deeds[one.res_id].append(self._deed(one.requested_at, one.requested_by_id, asked, one.urgent_reason))
            if one.state != "waiting":
                what = self.env._("Approved by its author") if one.self_approved else words[one.state]
                deeds[one.res_id].append(self._deed(one.decided_at, one.decided_by_id, what, one.reason))
        return identifiers.browse(requests.mapped("res_id"))

    @api.model
    def _trail(self, identifiers, deeds):
        audit = self.env["integration.audit"]
        if not audit.has_access("read"):
            return
        words = {
            "identifier.change": self.env._("Changed"),
            "identifier.retire": self.env._("Retired"),
            "identifier.revoke": self.env._("Revoked"),
        }
        domain = [("res_model", "=", identifiers._name), ("res_id", "in", identifiers.ids), ("action", "in", _DEEDS)]
        for row in audit.search(domain):
            why = ": ".join(filter(None, (row.reason, row.detail)))
            deeds[row.res_id].append({"at": row.at, "who": row.user_name, "what": words[row.action], "why": why})
