import logging

from odoo.tests import tagged

from ..domain import matrix
from .common import MATRIX, RolesCase, extended_models, suite_models

_logger = logging.getLogger(__name__)


@tagged("post_install", "-at_install")
class TestRoles(RolesCase):
    """The table of roles, ``docs/roles.csv``, is what the ORM allows."""

    def test_every_model_field_and_method_is_in_the_table_and_as_it_says(self):
        names = [*suite_models(self.env), *extended_models(self.env)]
        for name in names:
            with self.subTest(name):
                is_so = matrix.write(MATRIX.roles, self.observed(name), head=False)
                self.assertEqual(is_so, MATRIX.lines(name), f"If it is meant, docs/roles.csv must say:\n{is_so}")
        self.assertFalse(set(MATRIX.models()) - set(names), "the table speaks of models that there are not")
