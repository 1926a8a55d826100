from odoo import api, models
from odoo.exceptions import UserError


class IntegrationDemo(models.AbstractModel):
    """The demo hospital. Nothing is built by installing; ``_build`` makes it, or completes it."""

    _name = "integration.demo"
    _inherit = ["integration.demo.finance", "integration.demo.systems"]
    _description = "Demo hospital"

    @api.model
    def _build(self, base_url, listen_port=None):
        """Make the demo hospital in the main company; calling it again changes nothing.

        :param str base_url: the address under which this Odoo is reached, without a trailing slash
        :param int listen_port: where the receiver on this machine listens; None: as ``hospital.json`` says
        :return: dict of system code to ``{"secret": "whsec_…", "event_types": […]}``
        :raises UserError: in a database in which something else has been posted
        :raises KeyringError: without a usable master key
        """
        # sudo: the builder is called from a shell by whoever owns the database, and plays the part of a release
        demo = self.sudo()
        hospital = demo._hospital()
        company = demo._company(hospital)
        demo = demo.with_company(company).with_context(allowed_company_ids=company.ids)
        demo.env["ir.config_parameter"].set_param("web.base.url", base_url)
        demo._finance(hospital, company)
        secrets = demo._systems(hospital, company)
        demo._receiver(hospital, company, listen_port)
        demo._users(company)
        demo._owners()
        return secrets

    @api.model
    def _company(self, hospital):
        """Return the main company, turned into the hospital."""
        company = self._made("company")
        if company:
            return company
        company = self.env.ref("base.main_company")
        if self.env["account.move"].search_count([("state", "=", "posted")], limit=1):
            raise UserError(
                self.env._(
                    "Something has been posted in this database. The demo hospital is only built in one of its own."
                )
            )
        company.write({"name": hospital["name"], "country_id": self.env.ref(f"base.{hospital['country'].lower()}").id})
        self._load_chart(hospital, company)
        return self._name_it("company", company)

    @api.model
    def _load_chart(self, hospital, company):
        currency = self.env.ref(f"base.{hospital['currency']}")
        currency.active = True
        company.currency_id = currency
        if not company.chart_template:
            self.env["account.chart.template"].try_loading("generic_coa", company)

    @api.model
    def _users(self, company):
        """Make one user per role, without a password: nobody can log in until one is set."""
        roles = {
            "finance.viewer": ("Finance viewer", ["integration_core.group_finance_viewer"]),
            "finance.reviewer": (
                "Finance reviewer",
                ["integration_core.group_finance_reviewer", "account.group_account_invoice"],
            ),
            "integration.operator": ("Integration operator", ["integration_core.group_operator"]),
            "clinical.liaison": ("Clinical liaison", ["integration_core.group_clinical_liaison"]),
            "mapping.steward": ("Mapping steward", ["integration_core.group_steward"]),
            "integration.admin": ("Integration administrator", ["integration_core.group_admin"]),
            "governance.approver": ("Governance approver", ["integration_core.group_governance_approver"]),
            "privacy.officer": ("Privacy officer", ["integration_core.group_privacy_officer"]),
            "auditor": ("Auditor", ["integration_core.group_auditor"]),
        }
        users = self.env["res.users"].with_context(no_reset_password=True, mail_create_nosubscribe=True)
        for login, (name, groups) in roles.items():
            if not self._made(f"user_{login.replace('.', '_')}"):
                user = users.create(
                    {
                        "login": login,
                        "name": name,
                        "company_id": company.id,
                        "company_ids": company.ids,
                        "tz": self._hospital()["timezone"],
                        "action_id": self.env.ref("integration_monitor.action_overview").id,
                        "group_ids": [self.env.ref(xmlid).id for xmlid in ["base.group_user", *groups]],
                    }
                )
                self._name_it(f"user_{login.replace('.', '_')}", user)

    @api.model
    def _owners(self):
        """Give every subscription that nobody answers for to the operator."""
        unowned = self.env["integration.subscription"].search([("owner_id", "=", False)])
        unowned.owner_id = self._made("user_integration_operator")
