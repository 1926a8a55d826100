"""In a browser, on an empty database: from the set-up check over the guide to the first draft invoice.

Nothing of it is made for the test but what the hospital has before: a service in Odoo's catalogue and a customer.
"""

import json
import shutil
import time
import urllib.request
import uuid
from dataclasses import replace

import pytest
import servers
from playwright.sync_api import Page, expect, sync_playwright
from servers import wait_until

from simulator import wire
from suite.demo import ADMIN, Built

PATIENCE_MS = 30_000
FINALIZED, DISCHARGED = "clinical.service.finalized.v1", "clinical.encounter.discharged.v1"
# The page also looks by itself every five seconds: without that only the bus can tell it.
NO_LOOKING = """
const setInterval = window.setInterval;
window.setInterval = (callback, delay, ...rest) => (delay === 5000 ? 0 : setInterval(callback, delay, ...rest));
"""


@pytest.fixture(scope="module")
def server(context, tmp_path_factory):
    """Give an Odoo with the suite and nothing else, whose administrator is a finance reviewer, too."""
    empty = replace(context, template=context.empty, built=Built({ADMIN: "admin"}, {}, {}))
    made = servers.Server(empty, tmp_path_factory.mktemp("state"))
    made.start()
    made.inside(
        """
for name in arguments["groups"]:
    env.ref("base.user_admin").write({"group_ids": [(4, env.ref(name).id)]})
""",
        groups=["integration_core.group_finance_reviewer", "account.group_account_invoice"],
    )
    yield made
    made.close()


@pytest.fixture(scope="module")
def page(server):
    """Give the web client of the administrator, at whatever it opens with."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        opened = browser.new_page(viewport={"width": 1400, "height": 1100})
        opened.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        opened.goto(f"{server.base_url}/web/login")
        opened.fill("#login", ADMIN)
        opened.fill("#password", "admin")
        opened.click("button[type=submit]")
        opened.wait_for_selector(".o_main_navbar")
        yield opened
        browser.close()


def check(page: Page, key: str, level: str) -> None:
    """See that a check of the set-up is judged so."""
    expect(page.locator(f"[data-check={key}]")).to_have_attribute("data-level", level)


def step(page: Page, key: str, state: str) -> None:
    """See that a step of the guide stands so."""
    expect(page.locator(f"[data-step={key}]")).to_have_attribute("data-state", state)


def press(page: Page, key: str) -> None:
    """Press the button of a step."""
    page.click(f"[data-step={key}] button.btn-primary")


def back(page: Page) -> None:
    """Return to the guide by the trail of breadcrumbs."""
    page.locator(".o_breadcrumb a, .o_breadcrumb .breadcrumb-item", has_text="Guide").first.click()
    page.wait_for_selector(".o_integration_guide [data-step]")


def post(server, secret: str, kind: str, data: dict) -> int:
    """Post a signed message as the system ``lab`` would; return the status of the answer."""
    message = {
        "specversion": "1.0",
        "id": uuid.uuid4().hex,
        "source": "/systems/lab",
        "type": kind,
        "time": "2026-11-20T09:30:00Z",
        "datacontenttype": "application/json",
        "data": data,
    }
    body = json.dumps(message).encode()
    headers = {
        "content-type": "application/cloudevents+json",
        **wire.headers(secret, uuid.uuid4().hex, int(time.time()), body),
    }
    request = urllib.request.Request(f"{server.base_url}/integration/v1/inbound/lab", body, headers)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        return int(answer.status)


def charge(encounter: str) -> dict:
    """Return the data of one finalized service, paid by the patient."""
    line = {"line": "1", "service": "ECHO", "quantity": "1", "unit_price": "320.00", "currency": "USD"}
    return {
        "encounter": encounter,
        "patient": {"id": "MRN-7"},
        "performed_at": "2026-11-20T09:30:00Z",
        "self_pay": True,
        "lines": [line],
    }


def open_app(page: Page) -> None:
    page.click(".o_navbar_apps_menu button")
    page.click(".o-dropdown--menu [data-menu-xmlid='integration_core.menu_root']")


def complete_the_company(server) -> None:
    """Do what the set-up check asks for, as an administrator of Odoo would."""
    server.inside(
        """
partner = env["res.partner"].create({"name": "Self-pay patients"})
env.ref("base.main_company").write({"integration_self_pay_partner_id": partner.id})
result = env["product.product"].create({"name": "Echocardiogram", "type": "service"}).id
"""
    )


def register(page: Page) -> None:
    press(page, "system")
    page.fill(".o_field_widget[name=name] :is(input, textarea)", "Laboratory")
    page.fill(".o_field_widget[name=code] input", "lab")
    page.click(".o_form_button_save")
    page.wait_for_selector(".o_field_widget[name=inbound_url]")
    back(page)


def create_key(page: Page) -> str:
    press(page, "key")
    page.click(".modal button[name=action_create]")
    secret = page.inner_text(".o_integration_key_text").strip()
    page.click(".o_integration_key_close")
    return secret


def grant(page: Page) -> None:
    press(page, "types")
    page.click(".o_field_x2many_list_row_add a")
    for kind in (FINALIZED, DISCHARGED):
        page.click(f".modal .o_data_row:has(td:has-text('{kind}')) .o_list_record_selector input")
    page.click(".modal .o_select_button:enabled")
    page.wait_for_selector(f".o_field_widget[name=event_type_ids] td:has-text('{DISCHARGED}')")
    page.click(".o_form_button_save")
    back(page)


def map_the_code(page: Page) -> None:
    press(page, "codes")
    page.click(".o_data_row:has-text('ECHO') button[name=action_map]")
    page.fill(".modal .o_field_widget[name=product_id] input", "Echocardiogram")
    page.click(".o-autocomplete--dropdown-item:has-text('Echocardiogram')")
    page.click(".modal button[name=action_confirm]")
    page.wait_for_selector(".modal", state="detached")
    back(page)


def go_live(page: Page) -> None:
    press(page, "live")
    page.click("button[name=action_request_approval]")
    page.click(".modal footer .btn-primary")
    page.click("button[name=action_approve]")
    page.wait_for_selector(".ribbon:has-text('Live')")
    back(page)


def approve_the_charge(page: Page) -> None:
    press(page, "invoice")
    page.click(".o_data_row .o_list_record_selector input")
    page.click("button[name=action_approve]")


def test_from_nothing_to_a_draft_invoice(server, page):
    open_app(page)
    page.wait_for_selector(".o_integration_setup_headline")
    check(page, "master_key", "success")
    check(page, "chart_of_accounts", "success")
    check(page, "self_pay_customer", "warning")
    complete_the_company(server)
    page.click(".o_integration_check_again")
    check(page, "self_pay_customer", "success")

    page.click(".o_control_panel button:has-text('Guide')")
    step(page, "company", "done")
    step(page, "system", "current")
    register(page)
    step(page, "key", "current")
    secret = create_key(page)
    step(page, "key", "done")
    grant(page)
    step(page, "active", "current")
    press(page, "active")
    step(page, "event", "current")

    page.add_init_script(NO_LOOKING)
    page.goto(f"{server.base_url}/odoo/integration-guide")
    step(page, "event", "current")
    wait_until(lambda: server.sql("SELECT 1 FROM mail_presence"), what="the bus knows that somebody looks")
    assert post(server, secret, FINALIZED, charge("E-1")) == 202
    step(page, "event", "done")

    wait_until(lambda: server.sql("SELECT 1 FROM integration_mapping_task"), what="somebody is asked for the code")
    page.reload()
    step(page, "codes", "current")
    map_the_code(page)
    step(page, "live", "current")
    go_live(page)
    step(page, "invoice", "current")

    assert post(server, secret, FINALIZED, charge("E-2")) == 202
    discharge = {"encounter": "E-2", "patient": {"id": "MRN-7"}, "discharged_at": "2026-11-20T12:00:00Z"}
    assert post(server, secret, DISCHARGED, discharge) == 202
    wait_until(lambda: server.sql("SELECT 1 FROM integration_charge WHERE state = 'ready' AND mode = 'live'"))
    page.reload()
    approve_the_charge(page)
    drafted = "SELECT m.state, m.amount_untaxed FROM integration_charge c JOIN account_move m ON m.id = c.invoice_id"
    wait_until(lambda: server.sql(drafted), what="the draft is made")
    assert [(state, float(amount)) for state, amount in server.sql(drafted)] == [("draft", 320.0)]

    page.goto(f"{server.base_url}/odoo/integration-guide")
    expect(page.locator(".o_integration_guide_headline")).to_contain_text("Done")
    page.select_option(".o_integration_guide_system", label="Another system…")
    step(page, "system", "current")
    page.select_option(".o_integration_guide_system", label="Laboratory")
    step(page, "system", "done")
    assert not server.sql("SELECT 1 FROM integration_charge WHERE mode = 'test' AND invoice_id IS NOT NULL")


def test_the_command_line_says_the_same_and_fails_when_something_is_red(server):
    good = server.run("integration_check")
    assert "[green]  Master key" in good.stdout, good.stderr
    assert (good.returncode, "[red]" in good.stdout) == (0, False)
    server.sql("UPDATE ir_config_parameter SET value = 'another' WHERE key = 'database.uuid'")
    bad = server.run("integration_check")
    assert bad.returncode == 1
    assert "[red]    Master key: There is no usable master key." in bad.stdout
