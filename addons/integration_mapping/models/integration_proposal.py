from datetime import timezone

from markupsafe import Markup
from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import hmac
from psycopg2.errors import SerializationFailure, UniqueViolation

from ..domain import attributes, evidence
from ..domain.likeness import alike, fold
from .integration_entity import BINDINGS, KINDS

PROPOSED = [(kind, label) for kind, label in KINDS if kind in attributes.OF_KIND]
_SCOPE = "integration_mapping.bank_account"
ADVICE = 5
"""Names that are shown as advice."""


class IntegrationProposal(models.Model):
    """A record of another system, to be matched: what it says, what in Odoo it may be, and what people decided.

    ::

        open ──attach──▶ attached      its id becomes a code of a record that exists, by the ordinary approval
         │ ▲──create──▶ created        the same, of a record made from it
         └─┴─dismiss──▶ dismissed      with a reason; opened again when the system says something else

    One row per record of a system, however often it is proposed. Numbers that an authority gave out (VAT, GLN, NPI …)
    say what it may be; a name says nothing, it is shown beside others that are alike, and a person decides.
    """

    _name = "integration.proposal"
    _description = "Proposed record"
    _order = "since desc, id desc"
    _check_company_auto = True

    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True, ondelete="cascade")
    system_id = fields.Many2one("integration.system", required=True, readonly=True, index=True, ondelete="cascade")
    mode = fields.Selection([("test", "Test"), ("live", "Live")], required=True, readonly=True)
    kind = fields.Selection(PROPOSED, required=True, readonly=True)
    code_system = fields.Char(required=True, readonly=True, trim=False)
    code = fields.Char("Its id there", required=True, readonly=True, trim=False)
    name = fields.Char("Called there", required=True, readonly=True)
    told = fields.Json("What it says", readonly=True)
    other = fields.Json("What else it says", readonly=True)
    numbers = fields.Json("Numbers as compared", readonly=True)
    bank_prints = fields.Json(readonly=True, groups=fields.NO_ACCESS, help="Keyed hashes, to be compared with Odoo's.")
    revision = fields.Char(readonly=True, help="Which state of the record this is, as its system counts.")
    told_at = fields.Datetime(readonly=True, help="When its system said so.")
    times = fields.Integer("Proposed", readonly=True, default=1, help="How often it was proposed.")
    event_uuid = fields.Char("Message", readonly=True)
    since = fields.Datetime(required=True, readonly=True, default=fields.Datetime.now)
    changed_at = fields.Datetime("Changed", readonly=True, help="When it last said something else.")
    state = fields.Selection(
        [("open", "To decide"), ("attached", "Attached"), ("created", "Created"), ("dismissed", "Dismissed")],
        required=True,
        readonly=True,
        default="open",
    )
    entity_id = fields.Many2one(
        "integration.entity", "Means", readonly=True, ondelete="restrict", index="btree_not_null"
    )
    identifier_id = fields.Many2one(
        "integration.identifier", "Code", readonly=True, ondelete="set null", index="btree_not_null"
    )
    reason = fields.Char("Why", readonly=True, help="Why it was dismissed.")
    decided_by_id = fields.Many2one("res.users", "Decided by", readonly=True)
    decided_at = fields.Datetime("Decided", readonly=True)
    change_ids = fields.One2many("integration.attribute.change", "proposal_id", "Differences")
    match_ids = fields.Many2many("res.partner", string="May be", compute="_compute_matches")
    match_text = fields.Char("What its numbers say", compute="_compute_matches")
    contradicted = fields.Boolean(compute="_compute_matches", help="Some of its numbers speak against the match.")
    may_attach = fields.Boolean(compute="_compute_matches", help="Its numbers say what it is: one record, undisputed.")
    peer_ids = fields.Many2many("integration.proposal", string="Proposed by others, too", compute="_compute_matches")
    told_html = fields.Html("As sent", compute="_compute_told_html", sanitize=False)
    advice = fields.Char("Called alike", compute="_compute_advice", help="Advice, no evidence: look before you choose.")
    turn = fields.Selection(
        [("steward", "Steward decides"), ("approver", "Another steward approves"), ("nobody", "Nobody")],
        "Whose turn",
        compute="_compute_turn",
    )

    _record_uniq = models.UniqueIndex(
        "(company_id, system_id, mode, kind, code_system, code)", "There is one proposal per record of a system."
    )
    _open_idx = models.Index("(since) WHERE state = 'open'")

    # -- what comes in -----------------------------------------------------------------------------------------------

    @api.model
    def _take(self, batch):
        """Land proposals in the queue: one row per record of a system, however often and in which order it comes.

        :param batch: list of ``HandledEvent`` of one company
        """
        told = {}
        for handled in batch:
            proposed = attributes.read(handled.data)
            told.setdefault(self._key(handled, proposed), []).append((handled, proposed))
        known = self._known(told)
        newest = {key: max(all_of_it, key=_order) for key, all_of_it in told.items()}
        fresh = [key for key in told if key not in known]
        created = self._create_all([self._values(key, *newest[key]) for key in fresh])
        changed = created
        for key, proposal in known.items():
            changed |= proposal._update(*newest[key])
        known.update(zip(fresh, created, strict=True))
        for key, proposal in known.items():
            proposal.times += len(told[key]) - (key in fresh)
            for handled, _proposed in told[key]:
                handled.event._record_effects([("", "applied", None, proposal)])
        numbers = {proposal: proposal.numbers or {} for proposal in changed}
        self.env["integration.party.number"]._replace_of_proposals(numbers)
        changed._settle_known()

    @api.model
    def _key(self, handled, proposed):
        event = handled.event
        kind = event.type_name.split(".")[1]
        return (
            event.company_id,
            event.system_id,
            handled.mode,
            kind,
            event.system_id._code_system(kind),
            proposed.code,
        )

    @api.model
    def _known(self, keys):
        """Return {key: proposal} of what was proposed before; one query."""
        found = self.search(
            [("system_id", "in", [key[1].id for key in keys]), ("code", "in", [key[5] for key in keys])]
        )
        by_key = {(p.company_id, p.system_id, p.mode, p.kind, p.code_system, p.code): p for p in found}
        return {key: by_key[key] for key in keys if key in by_key}

    @api.model
    def _create_all(self, values):
        """Create proposals. Another worker may have created one of them since this transaction began to look.

        The unique index tells, and the engine repeats the batch, which then sees the other's.
        """
        try:
            created = self.create(values)
            self.flush_model()
            return created
        except UniqueViolation as error:
            raise SerializationFailure("a proposal of this name was created at the same time") from error

    @api.model
    def _values(self, key, handled, proposed):
        company, system, mode, kind, code_system, code = key
        identity = {
            "company_id": company.id,
            "system_id": system.id,
            "mode": mode,
            "kind": kind,
            "code_system": code_system,
            "code": code,
        }
        return {**identity, **self._content(handled, proposed), "changed_at": fields.Datetime.now()}

    @api.model
    def _content(self, handled, proposed):
        return {
            "name": proposed.name or proposed.code,
            "told": dict(proposed.told),
            "other": dict(proposed.other) or False,
            "numbers": dict(proposed.numbers) or False,
            "bank_prints": [self._print_of(number) for number in proposed.bank] or False,
            "revision": False if proposed.revision is None else str(proposed.revision),
            "told_at": _moment(handled),
            "event_uuid": handled.event.uuid,
        }

    @api.model
    def _print_of(self, number):
        """Return a keyed hash of a bank account's number: two can be compared, and none can be read."""
        bare = "".join(character for character in number if character.isalnum()).upper()
        # sudo: the secret of the database is read to make the hash
        return hmac(self.env(su=True), _SCOPE, bare)

    def _update(self, handled, proposed):
        """Take over what a later message says; return the proposal when it says something else, else none."""
        self.ensure_one()
        if self._is_older(handled, proposed):
            return self.browse()
        content = self._content(handled, proposed)
        # sudo: nobody reads the hashes as a field
        present = {name: self.sudo()[name] or False for name in content}
        if all(present[name] == content[name] for name in ("name", "told", "other", "bank_prints")):
            self.write({"told_at": content["told_at"], "revision": content["revision"]})
            return self.browse()
        again = {"state": "open"} if self.state == "dismissed" else {}
        self.write({**content, **again, "changed_at": fields.Datetime.now()})
        return self

    def _is_older(self, handled, proposed):
        if self.revision and proposed.revision is not None:
            return proposed.revision < int(self.revision)
        return bool(self.told_at and _moment(handled) < self.told_at)

    def _settle_known(self):
        """Attach what has a meaning already, and look at what it says otherwise than Odoo."""
        waiting = self.filtered(lambda p: p.state == "open")
        for (system, kind, company), group in waiting.grouped(lambda p: (p.system_id, p.kind, p.company_id)).items():
            today = fields.Date.context_today(self)
            keys = {(p.code_system, p.code, today): p for p in group}
            answers = self.env["integration.identifier"]._resolve(system, kind, keys, company)
            for key, entity in answers.items():
                keys[key].write({"state": "attached", "entity_id": entity.id, "decided_at": fields.Datetime.now()})
        for proposal in self.filtered("entity_id"):
            proposal._note_differences()

    # -- what it may be ----------------------------------------------------------------------------------------------

    def _shared(self):
        """Return what shares numbers with these proposals: ({id: {contact id: [Evidence]}}, {id: proposals})."""
        matches, peers = {one.id: {} for one in self}, {}
        rows = self.env["integration.party.number"]._sharing(self)
        ids = {partner_id for _id, _evidence, partner_id, _peer in rows if partner_id}
        # sudo: whether a contact is of this company is asked below; its name is shown to stewards
        partners = {one.id: one for one in self.env["res.partner"].sudo().browse(ids).exists()}
        for proposal_id, found, partner_id, peer_id in rows:
            partner = partners.get(partner_id)
            company = self.browse(proposal_id).company_id
            if partner and partner.active and partner.company_id.id in (False, company.id):
                matches[proposal_id].setdefault(partner_id, []).append(found)
            elif peer_id:
                peers[proposal_id] = peers.get(proposal_id, self.browse()) | self.browse(peer_id)
        return matches, peers

    @api.depends("numbers", "state")
    def _compute_matches(self):
        matches, peers = self._shared()
        partners = self.env["res.partner"].browse({one for found in matches.values() for one in found})
        known = self.env["integration.party.number"]._of_partners(partners)
        # sudo: a contact that shares a number is named, whoever may otherwise read it
        names = {one.id: one.sudo().display_name for one in partners}
        for proposal in self:
            found = matches.get(proposal._origin.id, {})
            against = [one for one in found if evidence.contradictions(proposal.numbers or {}, known.get(one, {}))]
            proposal.match_ids = self.env["res.partner"].browse(found)
            proposal.contradicted = bool(against)
            proposal.may_attach = len(found) == 1 and not against
            proposal.match_text = "; ".join(self._match_texts(found, names, against)) or False
            mine = peers.get(proposal._origin.id, self.browse())
            proposal.peer_ids = mine.filtered(lambda other, one=proposal: one._is_peer(other))

    def _match_texts(self, found, names, against):
        for partner_id, shared in found.items():
            numbers = ", ".join(one.text for one in shared)
            text = self.env._("%(contact)s has the same %(numbers)s", contact=names[partner_id], numbers=numbers)
            yield f"{text} {self.env._('but other numbers differ')}" if partner_id in against else text

    def _is_peer(self, other):
        """Tell whether another system's open proposal says that it is the same, and nothing speaks against it."""
        mine = (self.company_id, self.kind, self.mode)
        if other.state != "open" or (other.company_id, other.kind, other.mode) != mine:
            return False
        return not evidence.contradictions(self.numbers or {}, other.numbers or {})

    def _compute_advice(self):
        for proposal in self:
            proposal.advice = ", ".join(proposal._alike()) or False

    def _alike(self):
        """Return the names of known records that are alike. Advice for who looks; nothing is ever done by it."""
        self.ensure_one()
        word = max((self.name or "").split(), key=len, default="")
        domain = [("kind", "=", self.kind), ("company_id", "=", self.company_id.id), ("name", "ilike", word)]
        entities = self.env["integration.entity"].search(domain, limit=50) if len(word) > 2 else ()
        names = {one.name: fold(one.name) for one in entities}
        return [name for name, _likeness in alike(self.name or "", names, limit=ADVICE)]

    @api.depends("told", "other")
    def _compute_told_html(self):
        row = Markup("<tr><th>%s</th><td style='overflow-wrap: anywhere'>%s</td></tr>")
        labels = self._labels()
        for proposal in self:
            told = proposal.told or {}
            # In the order of the labels, not of the database; what has none keeps the sender's word.
            names = [*(name for name in labels if name in told), *(name for name in told if name not in labels)]
            parts = [*((labels.get(name, name), told[name]) for name in names), *(proposal.other or {}).items()]
            rows = Markup("").join(row % (name, text) for name, text in parts)
            proposal.told_html = Markup("<table class='table table-sm'><tbody>%s</tbody></table>") % rows

    @api.model
    def _labels(self):
        """Return {what is told: what it is called on screens}, in the order in which it is shown."""
        owners = self.env["integration.attribute.owner"]._fields["attribute"]
        labels = dict(owners._description_selection(self.env))
        places = {name: name for name in ("street", "street2", "zip", "city")}
        places |= {"state": "state_id", "country": "country_id"}
        contacts = self.env["res.partner"]._fields
        found = {told: contacts[name]._description_string(self.env) for told, name in places.items()}
        return {"name": labels.pop("name"), **found, **labels}

    @api.depends("state", "identifier_id.approval_state", "change_ids.state")
    def _compute_turn(self):
        for proposal in self:
            asked = proposal.identifier_id.approval_state
            states = proposal.change_ids.mapped("state")
            if proposal._is_undecided() or "open" in states:
                proposal.turn = "steward"
            elif asked == "requested" or "waiting" in states:
                proposal.turn = "approver"
            else:
                proposal.turn = "nobody"

    def _is_undecided(self):
        """Tell whether a steward has to say what it is: new, or its code was sent back."""
        sent_back = self.identifier_id.approval_state in ("draft", "rejected")
        return self.state == "open" or (self.state != "dismissed" and sent_back)

    # -- what people decide ------------------------------------------------------------------------------------------

    def _check_deciding(self):
        self.env["integration.identifier"].check_access("create")
        self.check_access("read")
        for proposal in self:
            if not proposal._is_undecided():
                raise UserError(self.env._("%s was decided on already.", proposal.name))

    def _decide(self, values, action, reason=None):
        decided = {"decided_by_id": self.env.uid, "decided_at": fields.Datetime.now(), "reason": reason or False}
        # sudo: stewards decide by these buttons alone and write nothing of what a system said
        self.sudo().write({**decided, **values})
        self.env["integration.audit"]._record(action, self, reason=reason)

    def action_attach_match(self):
        """Attach each to the one contact that has its numbers; peers that other systems propose go with it."""
        self._check_deciding()
        for proposal in self:
            if not proposal.may_attach:
                raise UserError(self.env._("%s: its numbers do not say what it is. Choose it yourself.", proposal.name))
        for proposal in self.filtered(lambda p: p._is_undecided()):
            if proposal._is_undecided():  # not attached as another one's peer meanwhile
                proposal._attach(proposal._entity_for(proposal.match_ids))
        return self._told()

    def action_attach(self):
        """Open the small form in which a steward chooses what it is."""
        self._check_deciding()
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("What is %s?", self.name),
            "res_model": "integration.proposal.attach",
            "view_mode": "form",
            "target": "new",
            "context": {"default_proposal_id": self.id},
        }

    def action_create_record(self):
        """Make a record of Odoo from each, and attach it; refused where its numbers are known already."""
        self._check_deciding()
        for proposal in self:
            if proposal.mode == "test":
                raise UserError(self.env._("%s is a test: nothing is made in Odoo from it.", proposal.name))
            if proposal.match_ids:
                raise UserError(
                    self.env._(
                        "%(name)s may be there already: %(match)s. Attach it, or dismiss it with a reason.",
                        name=proposal.name,
                        match=proposal.match_text,
                    )
                )
        for proposal in self:
            if proposal._is_undecided():  # not attached as another one's peer meanwhile
                target = proposal._create_target()
                proposal._attach(proposal._entity_for(target), state="created")
        return self._told()

    def _entity_for(self, target):
        entities = self.env["integration.entity"]
        return entities._for_target(self.kind, self.company_id, target, target.display_name)

    def _create_target(self):
        """Create Odoo's own record. Never a bank account: a person enters that, after a call."""
        self.ensure_one()
        model = self.env["integration.entity"]._fields[BINDINGS[self.kind]].comodel_name
        # sudo: a steward need not be allowed to edit Odoo's own data; what is made is the bare record of this proposal
        return self.env[model].sudo().with_company(self.company_id).create(self._target_vals())

    def _target_vals(self):
        told = self.env["integration.entity"]._parts_as_values(self.kind, self.told or {}, self.company_id)
        parts = {"name": self.name, **told, "company_id": self.company_id.id}
        match self.kind:
            case "supplier":
                return {**parts, "is_company": True}
            case "service":
                return {"type": "service", "list_price": 0.0, "default_code": self.code, **parts}
        plan = self.env["account.analytic.plan"].search([], limit=1)
        if not plan:
            raise UserError(self.env._("There is no analytic plan to put the cost center into. Make one first."))
        return {"code": self.code, **parts, "plan_id": plan.id}

    def _attach(self, entity, *, state="attached"):
        """Let its id mean ``entity``, by the ordinary approval, and the ids of its peers, too."""
        peers = self.peer_ids
        self._attach_one(entity, state)
        for peer in peers:
            if peer._is_undecided():
                peer._attach_one(entity, "attached")

    def _attach_one(self, entity, state):
        identifier = self._identifier(entity)
        self._decide(
            {"state": state, "entity_id": entity.id, "identifier_id": identifier.id},
            "proposal.create" if state == "created" else "proposal.attach",
        )
        if identifier.approval_state == "draft":
            identifier.action_submit()
        if identifier._is_in_force():
            self._accepted()

    def _identifier(self, entity):
        """Return the identifier that says so: one that is there or is asked for, else a new one."""
        identifiers = self.env["integration.identifier"]
        question = [("system_id", "=", self.system_id.id), ("kind", "=", self.kind), ("code", "=", self.code)]
        question += [("code_system", "=", self.code_system), ("company_id", "=", self.company_id.id)]
        known = identifiers.search(
            [*question, ("entity_id", "=", entity.id), ("state", "in", ("proposed", "approved"))]
        )
        usable = known.filtered(lambda one: one.approval_state != "rejected")
        return usable[:1] or identifiers.create(
            {
                "system_id": self.system_id.id,
                "code_system": self.code_system,
                "code": self.code,
                "display": self.name,
                "entity_id": entity.id,
                "source": self.env._("Proposed by the system"),
            }
        )

    def _accepted(self):
        """Its code is approved: its numbers are the contact's from now on, and what it says otherwise is shown."""
        rows = [
            (proposal.entity_id.partner_id.id, scheme, value)
            for proposal in self.filtered(lambda p: p.kind == "supplier" and p.mode == "live")
            for scheme, value in (proposal.numbers or {}).items()
            if scheme in evidence.STRONG
        ]
        self.env["integration.party.number"]._put(rows, told=True)
        for proposal in self:
            proposal._note_differences()

    def _dismiss(self, reason):
        """Say that it is not to be matched, and why; opened again when its system says something else."""
        self._check_deciding()
        self._decide({"state": "dismissed"}, "proposal.dismiss", reason)

    def action_reopen(self):
        """Take a dismissal back."""
        self.env["integration.identifier"].check_access("create")
        self.check_access("read")
        for proposal in self:
            if proposal.state != "dismissed":
                raise UserError(self.env._("%s was not dismissed.", proposal.name))
        self._decide({"state": "open"}, "proposal.reopen")
        return True

    @api.model
    def _told(self):
        """Return what refreshes the list after a decision."""
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    # -- what it says otherwise --------------------------------------------------------------------------------------

    def _note_differences(self):
        """Keep one row per attribute that it says otherwise than Odoo; what its owner says is applied or asked for."""
        self.ensure_one()
        if self.mode != "live" or not self.entity_id:
            return
        present = self.entity_id._present_parts()
        found = attributes.differences(self.kind, self.told or {}, present)
        if self._bank_differs():
            found["bank_account"] = {"bank_account": self.told.get("bank_account") or attributes.mask("")}
        self.env["integration.attribute.change"]._note(self, found, present)

    def _bank_differs(self):
        """Tell whether it names a bank account that Odoo does not have for this supplier."""
        # sudo: nobody reads the hashes as a field, and stewards need not read bank accounts
        prints = set(self.sudo().bank_prints or [])
        partner = self.sudo().entity_id.partner_id
        known = {self._print_of(bank.sanitized_acc_number or "") for bank in partner.bank_ids} if prints else set()
        return bool(prints - known)


def _moment(handled):
    """Return when its system said so (naive UTC)."""
    moment = handled.event.occurred_at or handled.event.received_at
    return moment.astimezone(timezone.utc).replace(tzinfo=None) if moment.tzinfo else moment


def _order(one):
    handled, proposed = one
    return (-1 if proposed.revision is None else proposed.revision, _moment(handled), handled.event.id)
