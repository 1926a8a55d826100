"""The catalogue: complete, consistent, and its schemas refuse what the contract does not allow."""

import copy

import pytest

from integration_core.domain import catalogue, envelope, schema

TYPES = [entry.type for entry in catalogue.entries()]

# The contract's table of what `data` must carry, as pointers ('*' is any item of the list).
REQUIRED = {
    "clinical.encounter.admitted.v1": "encounter patient patient/id admitted_at department",
    "clinical.encounter.updated.v1": "encounter at",
    "clinical.encounter.cancelled.v1": "encounter at",
    "clinical.encounter.reopened.v1": "encounter at",
    "clinical.patient.merged.v1": "patient patient/id merged_into at",
    "clinical.service.finalized.v1": "encounter patient patient/id performed_at lines lines/0/line lines/0/service"
    " lines/0/quantity",
    "clinical.service.voided.v1": "encounter lines lines/0/line lines/0/reason",
    "clinical.encounter.discharged.v1": "encounter patient patient/id discharged_at",
    "clinical.supply.consumed.v1": "consumed_at lines lines/0/line lines/0/product lines/0/quantity",
    "procurement.requisition.raised.v1": "requisition department needed_by lines lines/0/line lines/0/product"
    " lines/0/quantity",
    "masterdata.supplier.proposed.v1": "id name",
    "masterdata.service.proposed.v1": "id name",
    "masterdata.cost_center.proposed.v1": "id name",
    # No part of the contract's table: the suite's own addition for reconciliation.
    "control.totals.reported.v1": "period period/from period/to totals",
}
COMMON = "company id number date changed_at version ids"
INVOICE = (
    "move_type payer currency amount_untaxed amount_tax amount_total amount_residual payment_state encounter reverses"
    " lines lines/0/charge lines/0/amount"
)
PAYMENT = "direction amount currency allocations allocations/0/invoice allocations/0/amount"
ALERT = "kind class rule since until system endpoint lane reading threshold affected amount currency"
OUTBOUND = {
    "finance.invoice.posted.v1": INVOICE,
    "finance.invoice.cancelled.v1": INVOICE,
    "finance.credit_note.posted.v1": INVOICE,
    "finance.invoice.payment_changed.v1": INVOICE,
    "finance.payment.posted.v1": PAYMENT,
    "finance.payment.cancelled.v1": PAYMENT,
    "finance.payment.rejected.v1": PAYMENT,
    "finance.charge.parked.v1": "encounter line reason",
    "finance.charge.rejected.v1": "encounter line reason",
    "procurement.purchase_order.approved.v1": "lines lines/0/quantity",
    "procurement.purchase_order.cancelled.v1": "lines lines/0/quantity",
    "procurement.receipt.done.v1": "lines lines/0/quantity",
    "inventory.stock.moved.v1": "product lot quantity from to",
    "masterdata.supplier.changed.v1": "attributes changed",
    "masterdata.cost_center.changed.v1": "attributes changed",
    "masterdata.service.changed.v1": "attributes changed",
    "masterdata.payment_term.changed.v1": "attributes changed",
    "masterdata.service_contract.changed.v1": "attributes changed",
    "integration.alert.began.v1": ALERT,
    "integration.alert.ended.v1": ALERT,
    "integration.delivery.dead_lettered.v1": "",
    "integration.endpoint.disabled.v1": "",
    "integration.endpoint.recovered.v1": "",
    "integration.endpoint.tested.v1": "",
}
REQUIRED.update({name: f"{COMMON} {more}" for name, more in OUTBOUND.items()})


def violations(event_type, data):
    return schema.compile_schema(catalogue.schema(event_type)).validate(data)


def example(event_type):
    return copy.deepcopy(catalogue.example(event_type)["data"])


def parent_of(data, pointer):
    *path, name = pointer.split("/")
    for token in path:
        data = data[int(token)] if token.isdigit() else data[token]
    return data, name


def test_the_catalogue_holds_exactly_the_types_of_the_contract():
    assert sorted(TYPES) == sorted(REQUIRED)
    assert len(set(TYPES)) == len(TYPES)
    for folder in ("schemas", "examples"):
        files = {path.stem for path in (catalogue.FOLDER / folder).iterdir()}
        assert files == set(TYPES)


@pytest.mark.parametrize("event_type", TYPES)
def test_each_example_is_a_valid_event_of_its_type(event_type):
    entry = catalogue.get(event_type)
    event = envelope.parse(catalogue.example(event_type))
    assert event.type == event_type
    assert envelope.EventTypeName.parse(event_type).domain == entry.domain
    assert event.source.startswith("/systems/") == (entry.direction == "inbound")
    assert event.dataschema.endswith(f"/integration/v1/schemas/{event_type}")
    assert violations(event_type, event.data) == []
    assert envelope.parse(catalogue.example(event_type)).to_dict() == catalogue.example(event_type)


@pytest.mark.parametrize(
    ("event_type", "pointer"),
    [(name, pointer) for name, pointers in REQUIRED.items() for pointer in pointers.split()],
)
def test_each_field_of_the_contract_is_required(event_type, pointer):
    data = example(event_type)
    parent, name = parent_of(data, pointer)
    del parent[name]
    assert schema.Violation(f"/data/{pointer}", "is required") in violations(event_type, data)


@pytest.mark.parametrize("event_type", TYPES)
def test_each_text_id_is_bounded_and_not_empty(event_type):
    rules = catalogue.schema(event_type)["properties"]
    for name in catalogue.schema(event_type)["required"]:
        if rules[name].get("type") == "string" and "maxLength" in rules[name]:
            for bad in ("", "x" * 256, 7, None):
                data = example(event_type)
                data[name] = bad
                assert violations(event_type, data), (name, bad)


@pytest.mark.parametrize("event_type", TYPES)
def test_fields_that_a_later_minor_version_may_add_are_ignored(event_type):
    data = example(event_type)
    data["added_later"] = {"anything": [1]}
    assert violations(event_type, data) == []


FINALIZED = "clinical.service.finalized.v1"


@pytest.mark.parametrize(
    ("pointer", "bad"),
    [
        ("performed_at", "2026-11-20T09:30:00"),
        ("performed_at", "yesterday"),
        ("lines", []),
        ("lines", {}),
        ("lines/0/quantity", 1),
        ("lines/0/quantity", "0"),
        ("lines/0/quantity", "-1"),
        ("lines/0/quantity", "1e3"),
        ("lines/0/unit_price", "1,5"),
        ("lines/0/unit_price", "-1"),
        ("lines/0/unit_price", 120.0),
        ("lines/0/currency", "usd"),
        ("lines/0/revision", -1),
        ("lines/0/revision", "2"),
        ("lines/0/performed_at", "2026-11-20"),
        ("patient", "MRN-7"),
        ("self_pay", "yes"),
        ("coverage", [{"payer": "ACME"}]),
        ("coverage", [{"payer": "ACME", "rank": 0}]),
        ("guarantor", {"name": "No identifier"}),
    ],
)
def test_mutations_of_the_charge_are_refused_at_their_place(pointer, bad):
    data = example(FINALIZED)
    parent, name = parent_of(data, pointer)
    parent[name] = bad
    found = violations(FINALIZED, data)
    assert found
    assert all(item.pointer.startswith(f"/data/{pointer}") for item in found)


def test_what_a_charge_may_carry():
    data = example(FINALIZED)
    data["lines"][0].update(
        unit_price="0.00", code_system="cpt", unit="ea", performed_at="2026-11-20T10:00:00+01:00", department="ED",
        cost_center="CC-1", display="Visit", revision=2, claim="C-1", quantity="0.0345",
    )  # fmt: skip
    data["guarantor"] = {"id": "G-1", "name": "A Payer", "address": {"city": "Ghent", "country": "BE"}}
    data["facility"] = "MAIN"
    assert violations(FINALIZED, data) == []
    data["lines"] = data["lines"] * 1000
    assert violations(FINALIZED, data) == []
    data["lines"].append(data["lines"][0])
    assert [item.pointer for item in violations(FINALIZED, data)] == ["/data/lines"]


def test_a_supply_names_an_encounter_or_a_department():
    data = example("clinical.supply.consumed.v1")
    del data["department"]
    (violation,) = violations("clinical.supply.consumed.v1", data)
    assert violation.detail == "must meet at least one of the alternatives: encounter or department"
    data["encounter"] = "E-1"
    assert violations("clinical.supply.consumed.v1", data) == []


def test_a_requisition_is_needed_by_a_day_or_a_time():
    data = example("procurement.requisition.raised.v1")
    for good in ("2026-12-01", "2026-12-01T10:00:00Z"):
        data["needed_by"] = good
        assert violations("procurement.requisition.raised.v1", data) == []
    data["needed_by"] = "soon"
    assert violations("procurement.requisition.raised.v1", data)


@pytest.mark.parametrize("entry", catalogue.entries(), ids=TYPES)
def test_units_follow_the_schema(entry):
    if entry.direction != "inbound":
        assert entry.lines is None
        return
    has_lines = "lines" in catalogue.schema(entry.type)["properties"]
    assert entry.lines == ("/lines" if has_lines else None)
    assert entry.unit == ("line" if has_lines else "message")


def test_names_from_outside_never_become_paths():
    assert catalogue.get("../index") is None
    for read in (catalogue.schema, catalogue.example):
        with pytest.raises(KeyError):
            read("../index")
