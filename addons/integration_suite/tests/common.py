"""What the tests of roles and companies share: the table, a person per role, and what the running system does."""

import inspect
from contextlib import contextmanager
from pathlib import Path

from odoo import Command, models
from odoo.addons.integration_core.tests.common import IntegrationCase
from odoo.exceptions import UserError
from odoo.tests import new_test_user

from ..domain import matrix

ROOT = Path(__file__).parents[3]
MATRIX = matrix.load(ROOT)
_GROUPS = {
    "settings": "base.group_system",
    "employee": "base.group_user",
    # A clearance beside a role: by itself it opens nothing.
    "payload_reader": "integration_core.group_operator,integration_core.group_payload_reader",
}
_SUITE = "integration_"
_MODULE = "odoo.addons.integration_"


def group_of(role):
    """Return the XML ids of the groups of who has that role alone."""
    return _GROUPS.get(role, f"integration_core.group_{role}")


def suite_models(env):
    """Return the names of the suite's own models, as the registry has them."""
    return sorted(
        name
        for name in env.registry
        if env[name]._original_module.startswith(_SUITE) and not _is_of_the_tests(type(env[name]))
    )


def _inherits(model, mixin):
    return issubclass(type(model), model.env.registry[mixin])


def _is_of_the_tests(model_class):
    return any(cls.__module__.startswith(_MODULE) and ".tests." in cls.__module__ for cls in model_class.__mro__)


def extended_models(env):
    """Return the names of Odoo's own models to which the suite adds fields or public methods."""
    odoo = [name for name in env.registry if not env[name]._original_module.startswith(_SUITE)]
    return sorted(name for name in odoo if own_fields(env[name]) or methods(env[name]))


def own_fields(model):
    """Return the names of the fields that the suite defines, those of Odoo's mixins left out."""
    if model._original_module.startswith(_SUITE):
        mixins = ("mail.thread", "mail.activity.mixin")
        borrowed = {name for one in mixins if _inherits(model, one) for name in model.env[one]._fields}
        return sorted(set(model._fields) - borrowed)
    return sorted(
        name
        for name, field in model._fields.items()
        if field._modules and all(module.startswith(_SUITE) for module in field._modules)
    )


def methods(model):
    """Return the names of the methods of the suite that may be called from outside."""
    classes = type(model).__mro__
    found = {
        name
        for cls in classes
        if cls.__module__.startswith(_MODULE)
        for name, member in vars(cls).items()
        if inspect.isfunction(member) and not name.startswith("_")
    }
    if model._abstract:  # what records inherit is asked of them
        found = {name for name in found if getattr(getattr(type(model), name), "_api_model", False)}
    odoo = [cls for cls in classes if not cls.__module__.startswith(_MODULE) and cls.__module__.startswith("odoo.")]
    return sorted(
        name
        for name in found
        if not any(name in vars(cls) for cls in odoo if issubclass(cls, models.BaseModel) and cls is not type(model))
        and not any(getattr(vars(cls).get(name), "_api_private", False) for cls in classes)
    )


class Faults(list):
    """What is wrong, collected: one look at a failed test shows all of it."""

    @contextmanager
    def of(self, *what):
        """Note an exception instead of letting it end the test; ``what`` says where it was."""
        try:
            yield
        except (AssertionError, UserError, ValueError) as error:
            first_lines = " ".join(str(error).split("\n")[:3])
            self.append(f"{' '.join(what)}: {type(error).__name__}: {first_lines}")


class RolesCase(IntegrationCase):
    """A person per role, with that role alone."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.matrix = MATRIX
        cls.users = {role: cls._person(role) for role in MATRIX.roles}

    @classmethod
    def _person(cls, role):
        if role == "engine":  # no account: it has no password
            group = cls.env.ref(group_of(role))
            return cls.env["res.users"].create({"name": role, "login": role, "group_ids": [Command.set(group.ids)]})
        return new_test_user(cls.env, f"role.{role}", groups=group_of(role))

    def as_role(self, role, name):
        """Return a model as somebody with that role sees it."""
        return self.env[name].with_user(self.users[role])

    @contextmanager
    def faults(self):
        """Collect what is wrong and fail with all of it at the end."""
        found = Faults()
        yield found
        self.assertFalse(found, "\n".join([f"{len(found)} faults:", *found]))

    def may(self, role, name):
        """Return the operations that the system allows, as the table writes them."""
        model = self.as_role(role, name)
        return "".join(letter for letter, operation in matrix.OPERATIONS.items() if model.has_access(operation))

    def observed(self, name):
        """Return the rows about a model as the running system is; of methods their names alone."""
        model = self.env[name]
        suite = model._original_module.startswith(_SUITE)
        told = self.matrix.models().get(name)
        stored = suite and not model._abstract
        rights = {role: rights for role in self.users if (rights := self.may(role, name))} if stored else {}
        kept = told.name if told else "own" if stored else "none" if suite else "odoo"
        rows = [matrix.Row(name, "records", kept, rights, told.note if told else "")]
        if own_fields(model) and not model._abstract:
            rows += self._observed_fields(name, rights)
        known = {row.name: row for kind in ("button", "call") for row in self.matrix.of(kind, name)}
        found = [known.get(method) or matrix.Row(name, "button", method, {}) for method in methods(model)]
        return rows + sorted(found, key=lambda row: row.kind)

    def _observed_fields(self, name, rights):
        readers = [role for role in self.users if "r" in rights.get(role, "")]
        if not self.env[name]._original_module.startswith(_SUITE):
            readers = list(self.users)  # who may read the record is Odoo's affair
        seen = {role: self.as_role(role, name).fields_get(attributes=["type"]) for role in readers}
        by_roles = {}
        for field in own_fields(self.env[name]):
            by_roles.setdefault(tuple(role for role in readers if field in seen[role]), []).append(field)
        return [
            matrix.Row(name, "fields", " ".join(names), dict.fromkeys(roles, "x"))
            for roles, names in sorted(by_roles.items(), key=lambda pair: (-len(pair[0]), pair[1]))
        ]
