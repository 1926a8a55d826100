"""The test kit: what addons that resolve codes need in their own tests.

::

    from odoo.addons.integration_mapping.tests.kit import MappingKit

    class TestMyHandler(MappingKit, TransactionCase):
        def test_unknown_code_parks(self):
            self.map_codes(self.system, "service", {"CBC": self.blood_count})
            self.handle(self.message("CBC", "GLU"))
            self.assertMeans(self.system, "service", "CBC", self.blood_count)
            self.assertAsksFor(self.system, "service", "GLU")
"""

from datetime import date


class MappingKit:
    """Mixed into a test case of Odoo: maps codes without ceremony, and asks what they mean as a handler would."""

    DAY = date(2026, 6, 1)

    @classmethod
    def map_codes(cls, system, kind, meanings, *, code_system=None, company=None, valid_from=None, valid_to=None):
        """Map codes as a release does: approved at once, for the days given, by default since ever.

        :param dict meanings: ``{code: Odoo's own record}``
        :return: the identifiers, in the order of ``meanings``
        """
        company = company or cls.env.company
        identifiers = cls.env["integration.identifier"]
        entities = cls.env["integration.entity"]
        made = identifiers.sudo().create(
            [
                {
                    "entity_id": entities._for_target(kind, company, target, name=code).id,
                    "system_id": system.id,
                    "code_system": code_system or system._code_system(kind),
                    "code": code,
                    "valid_from": valid_from,
                    "valid_to": valid_to,
                    "state": "approved",
                    "approval_state": "approved",
                }
                for code, target in meanings.items()
            ]
        )
        return identifiers.browse(made.ids)

    def meaning_of(self, system, kind, code, at=None, *, company=None):
        """Return the canonical entity that a code means, an empty record set for none."""
        answers = self.env["integration.mapping"].resolve(system, kind, [code], at or self.DAY, company=company)
        return answers[code]

    def assertMeans(  # noqa: N802 (named as unittest names its own)
        self, system, kind, code, target, at=None, *, company=None):
        """Fail unless the code means Odoo's record ``target``."""
        entity = self.meaning_of(system, kind, code, at, company=company)
        self.assertTrue(entity, f"{kind} {code!r} of {system.code} has no meaning")
        self.assertEqual(entity._target(), target)

    def assertAsksFor(  # noqa: N802
        self, system, kind, code, *, company=None):
        """Fail unless a steward is asked what the code means."""
        company = company or self.env.company
        asked = self.env["integration.mapping.task"].search(
            [
                ("system_id", "=", system.id),
                ("kind", "=", kind),
                ("code", "=", code),
                ("company_id", "=", company.id),
                ("state", "=", "open"),
            ]
        )
        self.assertTrue(asked, f"nobody is asked what {kind} {code!r} of {system.code} means")
