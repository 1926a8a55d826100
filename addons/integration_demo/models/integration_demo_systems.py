from odoo import api, fields, models

RELEASE = "Approved by the release of the demo hospital."


class IntegrationDemoSystems(models.AbstractModel):
    """The systems that send, the receiver, and what each calls the hospital's records."""

    _name = "integration.demo.systems"
    _inherit = "integration.demo.records"
    _description = "Systems of the demo hospital"

    @api.model
    def _systems(self, hospital, company):
        """Make the systems that send, live and approved, with their keys and codes; return their secrets."""
        secrets = {}
        for code, facts in hospital["systems"].items():
            system = self._system(code, facts, hospital, company)
            self._identifiers(system, code, hospital, company)
            key = self._key(f"key_{code}", {"system_id": system.id}, company, "inbound")
            secrets[code] = {"secret": key._text(), "event_types": list(facts["event_types"])}
        return secrets

    @api.model
    def _system(self, code, facts, hospital, company):
        types = self.env["integration.event.type"].search([("name", "in", facts.get("event_types", []))])
        values = {
            "code": code,
            "name": facts["name"],
            "company_id": company.id,
            "timezone": hospital["timezone"],
            "event_type_ids": types.ids,
            "owner_id": self.env.ref("base.user_admin").id,
            "state": "active",
            "mode": "live",
            "live_from": fields.Datetime.now(),
            **self._approved(),
            "self_pay_default": facts.get("self_pay_default", False),
        }
        return self._make(f"system_{code}", "integration.system", values)

    @api.model
    def _approved(self):
        """Return the values of a record that is approved by the release, as everything that a module ships is."""
        return {"approval_state": "approved", "decided_at": fields.Datetime.now(), "decision_reason": RELEASE}

    @api.model
    def _key(self, name, holder_values, company, use):
        """Return the key of this name; make it the first time."""
        key = self._made(name)
        if not key:
            key, _text = self.env["integration.credential"]._generate(holder_values, company=company, use=use)
            key.write({**self._approved(), "state": "active"})
            self._name_it(name, key)
        return key

    # -- what the systems call things ---------------------------------------------------------------------------------

    @api.model
    def _identifiers(self, system, code, hospital, company):
        """Say what one system calls the facility, the departments, the payers and its own services."""
        if code == "synthea":
            return  # its codes are unmapped on purpose: mapping them is what one tries with it
        self._identifier(system, "facility", hospital["facility"]["code"], self._made("entity_facility"))
        for department in hospital["departments"]:
            self._identifier(system, "department", department["code"], self._made(f"department_{department['code']}"))
        for payer in hospital["payers"]:
            self._identifier(system, "payer", payer["code"], self._made(f"entity_payer_{payer['code']}"))
        for service in hospital["services"]:
            if service["system"] == code:
                self._identifier(system, "service", service["code"], self._made(f"entity_service_{service['code']}"))

    @api.model
    def _identifier(self, system, kind, code, entity):
        values = {
            "entity_id": entity.id,
            "system_id": system.id,
            "code_system": system._code_system(kind),
            "code": code,
            "state": "approved",
            **self._approved(),
        }
        return self._make(f"identifier_{system.code}_{kind}_{code}", "integration.identifier", values)

    @api.model
    def _metrics_token(self, known=None):
        """Return the bearer token with which the demo's metrics are read; ``known`` where that still works.

        Only a hash is kept of a token: whoever has lost it gets a new one, and the old one ends.
        """
        # sudo: as in _build; only this method makes the token of whoever owns the database
        readers = self.env["integration.metrics.token"].sudo()
        reader = self._make("metrics_token", readers._name, {"name": "The demo's own reader"}).sudo()
        if known and readers._admits(f"Bearer {known}"):
            return known
        return reader._make(previous_salt=False, previous_digest=False, previous_until=False)

    # -- the receiver -------------------------------------------------------------------------------------------------

    @api.model
    def _receiver(self, hospital, company, listen_port):
        """Make the endpoint on this machine, which listens only while somebody runs the simulator's receiver."""
        facts = hospital["receiver"]
        port = listen_port or facts["port"]
        allowed = {"host": facts["host"], "port": port}
        self._make("egress", "integration.egress.allow", {**allowed, "reason": "The demo receiver on this machine."})
        endpoint = self._endpoint(facts, port, hospital, company)
        self._key("key_endpoint", {"endpoint_id": endpoint.id}, company, "outbound")
        types = self.env["integration.event.type"].search([("name", "in", facts["event_types"])])
        self._make(
            "subscription",
            "integration.subscription",
            {
                "name": f"{facts['name']}: invoices, credit notes and payments",
                "company_id": company.id,
                "consumer": "endpoint",
                "endpoint_id": endpoint.id,
                "event_type_ids": types.ids,
            },
        )

    @api.model
    def _endpoint(self, facts, port, hospital, company):
        system = self._system(facts["code"], {"name": facts["name"]}, hospital, company)
        values = {
            "name": facts["name"],
            "company_id": company.id,
            "system_id": system.id,
            "url": f"http://{facts['host']}:{port}/",
            "owner_id": self.env.ref("base.user_admin").id,
            "state": "active",
            "approved_mode": "live",
            **self._approved(),
        }
        return self._make("endpoint", "integration.endpoint", values)

    @api.model
    def _receivers(self):
        """Return the receivers: dict of system code to ``{"url": …, "secret": "whsec_…"}``; empty before ``_build``.

        :raises KeyringError: without a usable master key
        """
        endpoint = self._made("endpoint")
        if not endpoint:
            return {}
        # sudo: as in _build; the key is opened for the one who owns the database
        return {
            endpoint.sudo().system_id.code: {"url": endpoint.url, "secret": self._made("key_endpoint").sudo()._text()}
        }
