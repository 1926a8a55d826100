import logging
from contextlib import suppress

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from ..domain import matrix
from .common import MATRIX, RolesCase, extended_models, group_of, suite_models
from .records import Records

_logger = logging.getLogger(__name__)
_SECRETS = {
    "integration.credential": ("sealed", "data_key_id"),
    "integration.data.key": ("wrapped",),
    "integration.delivery": ("wire_ids",),
    "integration.key.wizard": ("entered", "entered_key_id"),
    "integration.metrics.token": ("digest", "salt", "previous_digest", "previous_salt"),
    "integration.payload": ("sealed",),
    "integration.refused.payload": ("sealed",),
}
"""What no role sees, whoever asks and however: secrets, and contents as they are kept."""
_MONEY = {
    "integration.delivery": ("affected_amount",),
    "integration.mapping.task": ("waiting_money",),
    "integration.receipt": ("amount", "currency"),
}
_WITHOUT_MONEY = ("clinical_liaison", "operator", "governance_approver", "privacy_officer", "auditor")
_READERS = ("finance_viewer", "clinical_liaison", "governance_approver", "privacy_officer", "auditor", "employee")
_OWN_DEEDS = {("governance_approver", "integration.delegation"): {"c"}}
"""What they make nevertheless, about themselves."""


@tagged("post_install", "-at_install")
class TestRoles(RolesCase):
    """The table of roles, ``docs/roles.csv``, is what the ORM allows."""

    def test_every_model_field_and_method_is_in_the_table_and_as_it_says(self):
        names = [*suite_models(self.env), *extended_models(self.env)]
        with self.faults() as faults:
            for name in names:
                is_so, told = matrix.write(MATRIX.roles, self.observed(name), head=False), MATRIX.lines(name)
                if is_so != told:
                    faults.append(f"{name}: if it is meant, docs/roles.csv must say\n{is_so}instead of\n{told}")
            faults += [f"{name}: there is no such model" for name in MATRIX.models() if name not in names]
        shown = sum(len(MATRIX.fields(name)) for name in names)
        _logger.info(
            "roles: %s roles, %s models, 4 operations, %s fields, %s methods, %s menus: as the table says",
            len(MATRIX.roles),
            len(names),
            shown,
            sum(len(MATRIX.methods(name)) for name in names),
            len([*MATRIX.of("menu")]),
        )

    def test_who_changes_nothing_may_write_nothing(self):
        for name in suite_models(self.env):
            # A dialog changes nothing by itself; what its buttons do is tried method by method.
            if not self.env[name]._abstract and not self.env[name]._transient:
                for role in _READERS:
                    with self.subTest(model=name, role=role):
                        self.assertFalse(set(self.may(role, name)) - {"r"} - _OWN_DEEDS.get((role, name), set()))

    def test_secrets_are_seen_by_nobody(self):
        every = ",".join(group_of(role) for role in MATRIX.roles if role != "engine")
        somebody = new_test_user(self.env, "with.every.role", groups=every)
        for name, names in _SECRETS.items():
            model = self.env[name].with_user(somebody)
            for field in names:
                with self.subTest(model=name, field=field):
                    self.assertEqual(model._fields[field].groups, fields.NO_ACCESS)
                    self.assertFalse(MATRIX.fields(name)[field])
                    with self.assertRaises(AccessError):
                        model.search([(field, "!=", False)])
                    with self.assertRaises(AccessError):
                        model.search([], limit=1).mapped(field)
                        model._read_group([], [field])

    def test_money_is_for_finance(self):
        for role in _WITHOUT_MONEY:
            for name, names in _MONEY.items():
                if self.as_role(role, name).has_access("read"):
                    seen = self.as_role(role, name).fields_get(attributes=["type"])
                    with self.subTest(role=role, model=name):
                        self.assertFalse(set(names) & set(seen))
            for name in ("integration.charge", "integration.ledger.line", "integration.billing.group"):
                with self.subTest(role=role, model=name):
                    self.assertFalse(self.as_role(role, name).has_access("read"))

    def test_contents_are_opened_by_those_cleared_alone(self):
        """Whoever is not may break the glass, which is another deed: see the tests of patient data."""
        event = Records(self.env, self.company).of("integration.event")
        self.env["integration.payload"]._store(event, b"{}")
        opened = set()
        for role, user in self.users.items():
            with self.subTest(role), suppress(AccessError):
                event.with_user(user)._open_payload("to see who may")
                opened.add(role)
        self.assertEqual(opened, {"payload_reader"})
