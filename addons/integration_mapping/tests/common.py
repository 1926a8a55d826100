"""What the tests of mapping share: codes of two systems, and people who map and approve."""

from datetime import date

from odoo import fields
from odoo.addons.integration_core.tests.common import IntegrationCase
from odoo.tests import new_test_user

CODES = "local"


class MappingCase(IntegrationCase):
    """A live system ``ehr``, a test system ``trial``, two services, and exactly two stewards."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.trial = cls._make_system("trial", live=False)
        cls.Identifier = cls.env["integration.identifier"]
        cls.Entity = cls.env["integration.entity"]
        cls.Task = cls.env["integration.mapping.task"]
        cls._only_stewards()
        cls.author = new_test_user(cls.env, "author", groups="integration_core.group_steward")
        cls.approver = new_test_user(cls.env, "approver", groups="integration_core.group_steward")
        cls.blood = cls._make_service("Blood count")
        cls.xray = cls._make_service("X-ray")

    @classmethod
    def _only_stewards(cls):
        """Take the stewards' right from everybody, so that a test says who holds it."""
        for group in ("integration_core.group_admin", "integration_core.group_steward"):
            cls.env.ref(group).user_ids = [fields.Command.clear()]

    def leave_author_alone(self):
        """Let the author be the only steward, as if there never had been another."""
        self.approver.group_ids = self.env.ref("base.group_user")
        self._forget_approvers()

    @classmethod
    def _make_service(cls, name, company=None):
        company = company or cls.env.company
        product = cls.env["product.product"].create({"name": name, "type": "service"})
        return cls.Entity._for_target("service", company, product)

    @classmethod
    def _make_cost_center(cls, name, company=None):
        plan = cls.env["account.analytic.plan"].search([], limit=1)
        plan = plan or cls.env["account.analytic.plan"].create({"name": "Cost centers"})
        company = company or cls.env.company
        return cls.env["account.analytic.account"].create({"name": name, "plan_id": plan.id, "company_id": company.id})

    def propose(self, entity=None, *, user=None, system=None, code="CBC", **vals):
        """Return a proposal by ``user`` (the author)."""
        return self.Identifier.with_user(user or self.author).create(
            {
                "entity_id": (entity or self.blood).id,
                "system_id": (system or self.system).id,
                "code_system": CODES,
                "code": code,
                **vals,
            }
        )

    def map(self, entity=None, **vals):
        """Return an approved identifier: proposed by the author, approved by the approver."""
        identifier = self.propose(entity, **vals)
        identifier.action_submit()
        if identifier.approval_state == "requested":
            identifier.with_user(self.approver).action_approve()
        return identifier

    def meaning(self, code="CBC", day=date(2026, 6, 1), *, system=None, kind="service", company=None):
        """Return what ``code`` means on ``day``, an empty recordset when nothing."""
        key = (CODES, code, day)
        answers = self.Identifier._resolve(system or self.system, kind, {key}, company or self.env.company)
        return answers.get(key, self.Entity)
