"""Approved changes of Odoo's own suppliers, services and cost centers are told to others, once, and nothing else."""

import json
import logging
import time
from unittest.mock import patch

from odoo.addons.integration_core.domain import catalogue, schema
from odoo.tests import tagged

from .test_proposal import OTHER_VAT, VAT, ProposalCase

_logger = logging.getLogger(__name__)


@tagged("post_install", "-at_install")
class TestMasterData(ProposalCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.entity = cls.Entity._for_target("supplier", cls.company, cls.acme)

    def told(self, kind, record):
        self.commit()
        events = self.env["integration.event"].search(
            [("type_name", "=", f"masterdata.{kind}.changed.v1"), ("res_id", "=", record.id)], order="id"
        )
        messages = [json.loads(event._read_payload())["data"] for event in events]
        compiled = schema.compile_schema(catalogue.schema(f"masterdata.{kind}.changed.v1"))
        for data in messages:
            self.assertEqual(compiled.validate(data), [])
        return messages

    def test_a_change_of_an_approved_supplier_is_told_once_with_what_changed(self):
        self.map(self.entity, code="S-1")
        before = len(self.told("supplier", self.entity))
        self.acme.write({"name": "Acme Group", "street": "Kerkstraat 1"})
        self.acme.write({"vat": OTHER_VAT})
        messages = self.told("supplier", self.entity)
        self.assertEqual(len(messages), before + 1)
        data = messages[-1]
        self.assertEqual(data["changed"], ["address", "name", "vat"])
        self.assertEqual((data["name"], data["attributes"]["vat"]), ("Acme Group", OTHER_VAT))
        self.assertEqual(data["attributes"]["address"], "Kerkstraat 1")

    def test_what_does_not_change_is_no_news(self):
        self.map(self.entity, code="S-1")
        before = self.told("supplier", self.entity)
        self.acme.write({"vat": VAT, "comment": "Note"})
        self.assertEqual(self.told("supplier", self.entity), before)

    def test_without_an_approved_code_it_is_no_news(self):
        self.propose(self.entity, code="S-1")
        self.acme.name = "Acme Group"
        self.assertEqual(self.told("supplier", self.entity), [])
        self.assertEqual(self.entity.name, "Acme Group", "the canonical name follows all the same")

    def test_services_and_cost_centers_are_told_by_whichever_model_is_written(self):
        self.map(self.blood)
        self.told("service", self.blood)
        self.blood.product_id.product_tmpl_id.name = "Full blood count"
        self.assertEqual(self.told("service", self.blood)[-1]["changed"], ["name"])
        self.blood.product_id.default_code = "FBC"
        self.assertEqual(self.told("service", self.blood)[-1]["changed"], ["number"])
        center = self.Entity._for_target("cost_center", self.company, self._make_cost_center("Ward 1"))
        self.map(center, code="W1")
        self.told("cost_center", center)
        center.analytic_account_id.write({"name": "Ward one", "code": "W-1"})
        data = self.told("cost_center", center)[-1]
        self.assertEqual((data["changed"], data["name"], data["number"]), (["name", "number"], "Ward one", "W-1"))

    def test_what_is_rolled_back_was_never_told(self):
        self.map(self.entity, code="S-1")
        before = self.told("supplier", self.entity)
        savepoint = self.env.cr.savepoint()
        self.acme.name = "Never"
        self.env.flush_all()
        savepoint.close(rollback=True)
        self.assertEqual(self.told("supplier", self.entity), before)

    def test_thousands_of_contacts_are_written_no_slower(self):
        partners = self.env["res.partner"].create([{"name": f"Person {n}"} for n in range(2000)])
        self.env.flush_all()
        entities = type(self.entity)
        figures = {"with": [], "without": []}
        for turn in range(3):
            figures["with"].append(self.cost_of(partners, f"With {turn}"))
            with patch.object(entities, "_watched", lambda *_args: {}):
                figures["without"].append(self.cost_of(partners, f"Without {turn}"))
        (queries, seconds), (plain, bare) = min(figures["with"]), min(figures["without"])
        _logger.info("2000 contacts: %.1f ms, without this %.1f ms", seconds * 1000, bare * 1000)
        self.assertEqual(queries, plain)

    def cost_of(self, partners, street):
        """Return what a write costs: (queries, seconds)."""
        before, began = self.env.cr.sql_log_count, time.perf_counter()
        partners.write({"street": street})
        self.env.flush_all()
        return self.env.cr.sql_log_count - before, time.perf_counter() - began
