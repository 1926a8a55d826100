from odoo import api, models

from ..domain.trace import Stage, Step, What

BILLS = 20
REQUESTS = 60
IDENTIFIERS = 60
PROPOSALS = 60
_REQUESTS = {
    "waiting": What.APPROVAL_WAITS,
    "approved": What.APPROVED,
    "rejected": What.REFUSED,
    "withdrawn": What.REFUSED,
    "expired": What.REFUSED,
}
_BANKS = {
    "waiting": What.BANK_WITHHELD,
    "cooling": What.BANK_WITHHELD,
    "usable": What.BANK_USABLE,
    "refused": What.BANK_REFUSED,
    "ended": What.BANK_REFUSED,
}
_PARTNER_KINDS = ("supplier", "payer")


class IntegrationTraceSupplier(models.AbstractModel):
    """The trace of a contact: proposed, approved, mapped, told to others, and its last documents."""

    _name = "integration.trace.supplier"
    _inherit = ["integration.trace.money"]
    _description = "Trace: suppliers and payers"

    @api.model
    def _trace_partner(self, into, partner):
        """Add what happened to a contact that systems know."""
        entities = self.env["integration.entity"]
        if entities.has_access("read"):
            kinds = [("partner_id", "=", partner.id), ("kind", "in", _PARTNER_KINDS)]
            entities = self._some(into, entities._name, kinds, BILLS)
        else:
            into.blind |= {Stage.MAPPING, Stage.APPROVAL}
        into.steps += [self._entity_step(entity) for entity in entities]
        proposals = self._trace_proposals(into, entities)
        identifiers = self._trace_identifiers(into, entities)
        self._trace_banks(into, partner)
        self._trace_requests(into, entities, identifiers)
        moves, payments = self._trace_bills(into, partner)
        events = self._events_about(into, entities)
        if uuids := [uuid for uuid in proposals.mapped("event_uuid") if uuid]:
            events |= self.env["integration.event"].search([("uuid", "in", uuids)])
        for records in (moves, payments):
            events |= self._events_about(into, records)
        events = self._flow_events(into, events)
        self._trace_events(into, events)
        self._trace_deliveries(into, events)

    @api.model
    def _entity_step(self, entity):
        return Step(
            What.ENTITY_MADE,
            entity.create_date,
            (f"{self._label(entity, 'kind')}: {entity.name}",),
            who=self._person(entity.create_uid),
            model=entity._name,
            ids=(entity.id,),
        )

    @api.model
    def _trace_proposals(self, into, entities):
        proposals = self.env["integration.proposal"]
        if not entities or not proposals.has_access("read"):
            return proposals
        found = self._some(into, proposals._name, [("entity_id", "in", entities.ids)], PROPOSALS)
        for proposal in found:
            common = {
                "names": (proposal.code,),
                "system": proposal.system_id.sudo().name,  # sudo: the name of a system of the reader's company
                "model": proposal._name,
                "ids": (proposal.id,),
                "test": proposal.mode == "test",
            }
            into.steps.append(Step(What.PROPOSED, proposal.since, **common))
            if proposal.decided_at:
                what = What.REFUSED if proposal.state == "dismissed" else What.APPROVED
                who, reason = self._person(proposal.decided_by_id), proposal.reason or ""
                into.steps.append(Step(what, proposal.decided_at, who=who, reason=reason, **common))
        return found

    @api.model
    def _trace_identifiers(self, into, entities):
        identifiers = self.env["integration.identifier"]
        if not entities or not identifiers.has_access("read"):
            return identifiers
        found = self._some(into, identifiers._name, [("entity_id", "in", entities.ids)], IDENTIFIERS)
        for one in found.filtered(lambda identifier: identifier.state in ("approved", "retired")):
            into.steps.append(
                Step(
                    What.CODE_MAPPED,
                    one.decided_at or one.create_date,
                    (one.code,),
                    who=self._person(one.decided_by_id),
                    system=one.system_id.sudo().name,  # sudo: the name of a system of the reader's company
                    model=one._name,
                    ids=(one.id,),
                )
            )
        return found

    @api.model
    def _trace_banks(self, into, partner):
        """Add what became of the contact's bank accounts: whether they may be paid to. No account number."""
        changes = self.env["integration.bank.change"]
        if not changes.has_access("read"):
            return
        for change in self._some(into, changes._name, [("partner_id", "=", partner.id)], REQUESTS):
            what = _BANKS[change.state]
            into.steps.append(
                Step(
                    what,
                    change.since if what is What.BANK_WITHHELD else change.decided_at or change.usable_from,
                    (self._label(change, "what"),),
                    who=self._person(change.decided_by_id),
                    reason=self._label(change, "state"),
                    turn=self._label(change, "turn") if what is What.BANK_WITHHELD else "",
                    model=change._name,
                    ids=(change.id,),
                )
            )

    @api.model
    def _trace_requests(self, into, *records):
        """Add who asked for approval of these, and who gave it."""
        requests = self.env["integration.approval"]
        if not requests.has_access("read"):
            return
        for group in records:
            about = [("res_model", "=", group._name), ("res_id", "in", group.ids)]
            for request in self._some(into, requests._name, about, REQUESTS) if group else ():
                what = _REQUESTS.get(request.state, What.REFUSED)
                waits = what is What.APPROVAL_WAITS
                into.steps.append(
                    Step(
                        what,
                        request.requested_at if waits else request.decided_at or request.requested_at,
                        (request.record_name or "",),
                        who=self._person(request.requested_by_id if waits else request.decided_by_id),
                        reason=request.reason or "",
                        turn=self.env._("Whoever approves") if waits else "",
                        model=requests._name,
                        ids=(request.id,),
                    )
                )

    @api.model
    def _trace_bills(self, into, partner):
        """Add the contact's last documents and their payments."""
        moves = self.env["account.move"]
        if not moves.has_access("read"):
            return self._trace_documents(into, moves)
        types = ("in_invoice", "in_refund", "in_receipt", "out_invoice", "out_refund")
        mine = [("commercial_partner_id", "=", partner.commercial_partner_id.id), ("move_type", "in", types)]
        return self._trace_documents(into, self._some(into, moves._name, mine, BILLS))
