from odoo import api, fields, models

from .. import checks, tools
from ..domain.guide import progress
from ..domain.verdict import Level

FIRST_EVENT = "integration_core.first_event"
"""Name of the notification on the bus that says: a system was heard of; its payload is the system's id."""
_ADMIN = "integration_core.group_admin"


class IntegrationSetupGuide(models.AbstractModel):
    """The way from an empty database to the first draft invoice of one system, step by step.

    Nothing is stored: where each step stands is read from the records it is about, so it can be left and taken up again
    at any time, by anybody. Addons add steps by extending :meth:`_steps`, with one method ``_step_<key>(system)`` each.
    """

    _name = "integration.setup.guide"
    _description = "Guide"

    @api.model
    def get_data(self, system_id=None):
        """Return all that the page shows, as JSON values.

        :param int system_id: the system to guide through; 0 for one that is still to be registered, None for the newest
            one that is not live yet or, when all are live, the newest
        :raises AccessError: to those without a role that may read it
        """
        self.env["integration.setup.check"]._check_reader()
        systems = self.env["integration.system"].search([("company_id", "in", self.env.companies.ids)], order="id desc")
        system = self._chosen(systems, system_id)
        offered = (self._senders(systems) | system).sorted("id", reverse=True)
        here = self.with_company(system.company_id or self.env.company)
        steps = [here._step(key, title, system) for _sequence, key, title in sorted(here._steps())]
        found = progress([step["done"] for step in steps])
        for step, state in zip(steps, found.states, strict=True):
            step["state"] = state.value
        return {
            "system_id": system.id,
            "systems": [{"id": one.id, "name": one.display_name, "mode": one.mode} for one in offered],
            "steps": steps,
            "done": found.done,
            "next": steps[found.current]["title"] if found.current is not None else "",
            "may_register": self.env.user.has_group(_ADMIN),
            "check": self.env["ir.actions.actions"]._for_xml_id("integration_core.action_setup_check"),
        }

    @api.model
    def _chosen(self, systems, system_id):
        if system_id == 0:
            return systems.browse()
        asked = systems.filtered(lambda one: one.id == system_id)
        senders = self._senders(systems)
        return asked or senders.filtered(lambda one: one.mode != "live")[:1] or senders[:1]

    @api.model
    def _senders(self, systems):
        """Return those of the systems that send, or will. Hook: addons leave out those that are there to listen."""
        return systems

    @api.model
    def _step(self, key, title, system):
        return {"key": key, "title": title, **getattr(self, f"_step_{key}")(system)}

    @api.model
    def _steps(self):
        """Return a list of (sequence, key, title).

        Hook: addons add theirs, each with a method ``_step_<key>(system)`` that returns what :meth:`_says` does.
        """
        return [
            (10, "company", self.env._("The company is ready")),
            (20, "system", self.env._("Register the system")),
            (30, "key", self.env._("Create its key")),
            (40, "types", self.env._("Say what it may send")),
            (50, "active", self.env._("Switch it on, in test mode")),
            (60, "event", self.env._("The first event arrives")),
            (80, "live", self.env._("Go live")),
        ]

    @api.model
    def _says(
        self,
        done,
        text,
        *,
        details=(),
        copy=None,
        label=None,
        action=None,
        call=None,
        role=_ADMIN,
        turn=None,
        waits=False,
    ):
        """Return what a step shows.

        :param bool done: nothing is left to do
        :param str text: where it stands, in one sentence
        :param details: further lines
        :param str copy: a text to copy
        :param str label: what its button says; there is none without
        :param dict action: what the button opens
        :param call: (model, method, ids) that the button calls instead
        :param str role: XML id of the group whose turn it is; nobody else gets the button
        :param str turn: whose turn it is, where it is nobody's here
        :param bool waits: the turn is another system's: the page looks for news
        """
        mine = self.env.user.has_group(role)
        button = {"label": label, "action": action, "call": call} if label and mine and not (done and call) else None
        if turn is None:
            # sudo: the name of a role is no secret
            turn = "" if mine or done else self.env.ref(role).sudo().name
        return {
            "done": bool(done),
            "text": text,
            "details": list(details),
            "copy": copy or "",
            "button": button,
            "turn": turn,
            "waits": waits,
        }

    @api.model
    def _first(self, system):
        """Return what every step says as long as there is no system, or None."""
        return None if system else self._says(False, self.env._("Comes after the system is registered."))

    @api.model
    def _open(self, xmlid, **changes):
        """Return an action by its XML id, with some of its values changed."""
        return {**self.env["ir.actions.actions"]._for_xml_id(xmlid), **changes}

    @api.model
    def _form(self, system):
        return self._open("integration_core.action_system", res_id=system.id, views=[[False, "form"]])

    # -- steps

    def _step_company(self, system):
        model = self.env["integration.setup.check"]
        results = model._run(sections={"safety", checks.COMPANY}, companies=self.env.company)
        red = [result for result in results if result["level"] == Level.DANGER.value]
        amber = [result for result in results if result["level"] == Level.WARNING.value]
        company = self.env.company.display_name
        if red:
            text = self.env._("%(company)s: %(count)s to mend first.", company=company, count=len(red))
        elif amber:
            text = self.env._("%(company)s can begin. Worth a look: %(count)s.", company=company, count=len(amber))
        else:
            text = self.env._("%s has all that charges and invoices need.", company)
        return self._says(
            not red,
            text,
            details=[f"{result['title']}: {result['text']}" for result in [*red, *amber]],
            label=self.env._("Set-up check") if red or amber else None,
            action=self._open("integration_core.action_setup_check"),
        )

    def _step_system(self, system):
        if not system:
            text = self.env._("A system is an application that sends events: give it a name, a code and its time zone.")
            new = self._open("integration_core.action_system", views=[[False, "form"]])
            return self._says(False, text, label=self.env._("Register a system"), action=new)
        text = self.env._(
            "%(name)s, code %(code)s, in %(zone)s.", name=system.name, code=system.code, zone=system.timezone
        )
        return self._says(True, text, label=self.env._("Open"), action=self._form(system), role="base.group_user")

    def _step_key(self, system):
        if not system:
            return self._first(system)
        now = fields.Datetime.now()
        keys = system.credential_ids.filtered(lambda key: key.use == "inbound")
        valid = keys.filtered(lambda key: key._is_valid_at(now))
        if valid:
            return self._says(True, self.env._("Key: %s.", ", ".join(valid.mapped("name"))))
        if keys.filtered(lambda key: key.approval_state == "requested"):
            text = self.env._("Its key waits for the approval of a second administrator.")
            return self._says(
                False, text, label=self.env._("Approvals"), action=self._open("integration_core.action_approval")
            )
        return self._says(
            False,
            self.env._("The other side signs with it. It is shown once: hand it over safely."),
            label=self.env._("Create key"),
            action=self._open(
                "integration_core.action_create_key",
                context={"active_model": system._name, "active_id": system.id, "active_ids": system.ids},
            ),
        )

    def _step_types(self, system):
        if not system:
            return self._first(system)
        names = sorted(system.event_type_ids.mapped("name"))
        text = (
            self.env._("%s kinds of events.", len(names))
            if names
            else self.env._(
                "It may send nothing yet. For charges: clinical.service.finalized.v1 and what belongs to it."
                " Its clearance rises with what you add, until it is live."
            )
        )
        return self._says(
            bool(names),
            text,
            details=names[:5] + (["…"] if len(names) > 5 else []),
            label=self.env._("Event types"),
            action=self._form(system),
        )

    def _step_active(self, system):
        if not system:
            return self._first(system)
        if system.state == "active":
            return self._says(True, self.env._("It is active, and may send."))
        return self._says(
            False,
            self.env._("Until it is active, all that it sends is refused. In test mode nothing makes a document."),
            label=self.env._("Activate"),
            call=[system._name, "action_activate", system.ids],
        )

    def _step_event(self, system):
        if not system:
            return self._first(system)
        first, type_name = self._first_heard(system)
        if first:
            ago = tools.age_in_words(self.env, first)
            text = (
                self.env._("%(type)s arrived %(ago)s ago.", type=type_name, ago=ago)
                if type_name
                else self.env._("It was first heard of %s ago.", ago)
            )
            return self._says(
                True,
                text,
                label=self.env._("Events"),
                action=self._open(
                    "integration_core.action_event_of_system",
                    context={"active_model": system._name, "active_id": system.id, "active_ids": system.ids},
                ),
                role="integration_core.group_operator",
            )
        return self._says(
            False,
            self.env._("Waiting for your first event… This page shows it as soon as it is there."),
            details=self._while_waiting(system),
            copy=system.inbound_url,
            turn=self.env._("The other side's"),
            waits=True,
        )

    @api.model
    def _heard(self, system):
        """Return the keys of some of the first messages that a system sent; a look into an index, whatever its size."""
        # sudo: whether anything arrived may be known by whoever may see the system
        keys = self.env["integration.event.key"].sudo()
        return keys.search([("system_id", "=", system.id)], order="webhook_id", limit=50).sorted("seen_at")

    @api.model
    def _first_heard(self, system):
        """Return when a system's first message came (naive UTC, or None) and its type, while the journal has it."""
        first = self._heard(system)[:1]
        # sudo: as above, and its type is no secret
        event = self.env["integration.event"].sudo().search([("uuid", "=", first.event_uuid)]) if first else None
        return first.seen_at or None, event and event.event_type_id.name

    def _while_waiting(self, system):
        """Return lines for those who wait for a system's first event. Hook: addons tell what was refused."""
        return [
            self.env._("The other side posts to the address below, signed with the key (Standard Webhooks 1.0.0)."),
        ]

    def _step_live(self, system):
        if not system:
            return self._first(system)
        if system.mode == "live":
            return self._says(True, self.env._("It is live: what it sends makes charges."))
        if system.approval_state == "requested":
            return self._says(
                False,
                self.env._("Going live waits for the approval of a second administrator."),
                label=self.env._("Approvals"),
                action=self._open("integration_core.action_approval"),
            )
        return self._says(
            False,
            self.env._("It is in test mode: what it sends is checked and mapped, and makes no document."),
            details=[self.env._("When all its codes are mapped, press “Go live…” on the system.")],
            label=self.env._("Open the system"),
            action=self._form(system),
        )
