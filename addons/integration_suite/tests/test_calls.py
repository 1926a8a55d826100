import inspect
import logging
from collections import Counter

from odoo.exceptions import AccessError, UserError
from odoo.service.model import call_kw, get_public_method
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from .common import MATRIX, RolesCase, methods, suite_models
from .records import Records

_logger = logging.getLogger(__name__)
_QUIET = ("odoo.http", "odoo.addons.base.models.ir_model", "odoo.addons.base.models.ir_rule")
_ACCESS_ERROR = "odoo.exceptions.AccessError"
_BUSINESS = {f"odoo.exceptions.{name}" for name in ("UserError", "ValidationError", "MissingError")}
"""What a method may answer to somebody who may ask it: this cannot be done now, and why."""


class CallsCase(RolesCase):
    """A record of each model, and how each method is asked."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.records = Records(cls.env, cls.company)
        cls.records.make_all()

    def asked(self):
        """Yield (model, method, roles that it answers) of every row of the table."""
        for model in MATRIX.models():
            for method, roles in MATRIX.methods(model).items():
                yield model, method, roles

    def arguments(self, role, model, method):
        """Return the positional and the named arguments of a call: on which record, and what it is told besides."""
        system, event_type = self.records.of("integration.system"), self.records.of("integration.event.type")
        told = {"system_id": system.id, "type_name": event_type.name, "headers": "webhook-id: 1", "body": "{}"}
        told |= {"text": "x", "message_id": "x", "row_id": 1, "key": "x"}
        parameters = list(inspect.signature(getattr(type(self.env[model]), method)).parameters.values())[1:]
        named = {one.name: told[one.name] for one in parameters if one.default is inspect.Parameter.empty}
        return self._ids(role, model, method), named

    def _ids(self, role, model, method):
        if getattr(getattr(type(self.env[model]), method), "_api_model", False):
            return []
        if not self.env[model]._transient:
            return [self.records.of(model).ids[:1]]
        return [self.records.dialog(model, self.users[role]).ids]


@tagged("post_install", "-at_install")
class TestCalls(CallsCase):
    """Every public method of the suite, called as the network's calls are, by each role: answered or refused."""

    @mute_logger(*_QUIET)
    def test_every_method_answers_those_who_may_and_refuses_everybody_else(self):
        wrong, count = [], 0
        for role, user in self.users.items():
            if role == "engine":
                continue  # no account: integration_core's test_run_as
            for model, method, roles in self.asked():
                answered = self._is_answered(role, user, model, method)
                count += 1
                if answered != (role in roles):
                    wrong.append(f"{role}: {model}.{method} is {'answered' if answered else 'refused'}")
        self.assertFalse(wrong, "\n".join(["Not as docs/roles.csv says:", *wrong]))
        _logger.info("roles: %s calls of %s roles", count, len(self.users))

    def _is_answered(self, role, user, model, method):
        """Return whether the method answers somebody with that role; what it did is undone."""
        with self.env.cr.savepoint() as savepoint:
            positional, named = self.arguments(role, model, method)
            self.env.invalidate_all()
            try:
                call_kw(self.env(user=user, su=False, context={})[model], method, positional, named)
                return True
            except AccessError:
                return False
            except UserError:
                return True
            finally:
                self.env.invalidate_all(flush=False)
                savepoint.rollback()

    def test_private_methods_are_out_of_reach(self):
        tried = 0
        for name in suite_models(self.env):
            model, public = self.env[name], methods(self.env[name])
            private = {
                method
                for cls in type(model).__mro__
                if cls.__module__.startswith("odoo.addons.integration_")
                for method, member in vars(cls).items()
                if inspect.isfunction(member) and method.startswith("_") and method not in public
            }
            for method in private:
                tried += 1
                with self.subTest(model=name, method=method), self.assertRaises(AccessError):
                    get_public_method(model, method)
        self.assertGreater(tried, 500)


@tagged("post_install", "-at_install")
class TestCallsOverTheNetwork(CallsCase, HttpCase):
    """The same through a real server, in a session of each role."""

    @mute_logger(*_QUIET)
    def test_each_role_is_answered_what_is_its_own_and_refused_the_rest(self):
        """A share of the calls of each role, and all of whoever holds none: `TestCalls` tries every one of them."""
        wrong, count = [], 0
        for role, asked in self._shares().items():
            self.authenticate(self.users[role].login, self.users[role].login)
            for model, method, roles in asked:
                answered = self._is_answered(role, model, method)
                count += 1
                if answered != (role in roles):
                    wrong.append(f"{role}: {model}.{method} is {'answered' if answered else 'refused'}")
        self.assertFalse(wrong, "\n".join(["Not as docs/roles.csv says:", *wrong]))
        _logger.info("roles: %s calls over the network as %s roles", count, len(self._shares()))

    def _shares(self):
        """Return {role: (model, method, roles that it answers) to try}.

        Each method is tried by the employee, by one role that it answers and by one that it refuses: by whoever has the
        fewest of that kind so far.
        """
        people = sorted(set(self.users) - {"engine"})  # it has no account: integration_core's test_run_as
        shares, had = {role: [] for role in people}, Counter()
        for row in self.asked():
            answered = [role for role in people if role in row[2]]
            refused = [role for role in people if role not in row[2] and role != "employee"]
            chosen = {"employee"}
            for kind, group in (("answered", answered), ("refused", refused)):
                if group:
                    role = min(group, key=lambda role, kind=kind: had[role, kind])
                    had[role, kind] += 1
                    chosen.add(role)
            for role in chosen:
                shares[role].append(row)
        return shares

    def test_every_role_has_a_share_of_both_kinds(self):
        for role, asked in self._shares().items():
            with self.subTest(role):
                self.assertEqual({role in roles for _model, _method, roles in asked}, {True, False})

    def _is_answered(self, role, model, method):
        with self.env.cr.savepoint(flush=False) as savepoint:
            positional, named = self.arguments(role, model, method)
            name = self._error_of(model, method, positional, named)
            savepoint.rollback()
        self.env.invalidate_all(flush=False)
        self.assertIn(name, {None, _ACCESS_ERROR, *_BUSINESS}, f"{model}.{method} as {role}")
        return name != _ACCESS_ERROR

    def _error_of(self, model, method, positional, named):
        """Return the name of the exception that a call ends with, None for an answer."""
        call = {"model": model, "method": method, "args": positional, "kwargs": named}
        answer = self.url_open(f"/web/dataset/call_kw/{model}/{method}", json={"params": call}).json()
        return answer["error"]["data"]["name"] if "error" in answer else None

    @mute_logger(*_QUIET)
    def test_private_methods_are_refused(self):
        self.authenticate(self.users["admin"].login, self.users["admin"].login)
        for model, method in (
            ("integration.keyring", "_book"),
            ("integration.event", "_open_payload"),
            ("integration.credential", "_rotate"),
            ("integration.audit", "write"),
            ("integration.endpoint", "init"),
        ):
            with self.subTest(model=model, method=method):
                self.assertEqual(self._error_of(model, method, [[]], {}), _ACCESS_ERROR)
