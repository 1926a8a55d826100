import logging

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from ..domain import matrix
from .common import MATRIX, RolesCase, group_of, suite_models
from .records import Records

_logger = logging.getLogger(__name__)
_EVERY_ROLE = [role for role in MATRIX.roles if role not in ("engine", "settings", "employee")]


@tagged("post_install", "-at_install")
class TestCompanies(RolesCase):
    """People of one company see and change nothing of another's; proven from each side, for every model."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.a, cls.b, cls.c = cls.env["res.company"].create(
            [{"name": "House A"}, {"name": "House B"}, {"name": "House C"}]
        )
        cls.mine = {company: Records(cls.env, company).make_all() for company in (cls.a, cls.b)}
        cls.of_a = cls._everything("of.a", cls.a)
        cls.of_b = cls._everything("of.b", cls.b)
        cls.of_both = cls._everything("of.both", cls.a | cls.b)
        cls.of_all = cls._everything("of.all", cls.env["res.company"].search([]))

    @classmethod
    def _everything(cls, login, companies):
        """Return somebody with every role, in these companies."""
        groups = ",".join(group_of(role) for role in _EVERY_ROLE)
        return new_test_user(
            cls.env, login, groups=groups, company_id=companies[0].id, company_ids=[(6, 0, companies.ids)]
        )

    def seen(self, user, record):
        """Return a record as a person sees it, with all companies that are theirs at work."""
        return record.with_env(self.env(user=user, su=False, context={"allowed_company_ids": user.company_ids.ids}))

    def test_make(self):
        for name in suite_models(self.env):
            pass
