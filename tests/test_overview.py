"""The Overview in a browser: told over the bus, honest without it, used by keyboard, on a phone, right to left."""

import json
import shutil
from collections.abc import Iterator
from datetime import datetime, timezone

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from simulator.messages import FINALIZED, Message
from simulator.systems import load_systems
from simulator.transport import Client

PATIENCE_MS = 30_000
FINANCE, OPERATOR, STEWARD = "finance.viewer", "integration.operator", "mapping.steward"
ADMIN, AUDITOR = "integration.admin", "auditor"
PEOPLE = (FINANCE, OPERATOR, STEWARD, ADMIN, AUDITOR)
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1366, "height": 768}
# Without the page's own clock only the bus can tell it.
NO_CLOCK = """
const setInterval = window.setInterval;
window.setInterval = (callback, delay, ...rest) => (delay === 30000 ? 0 : setInterval(callback, delay, ...rest));
"""
# What is pressed by a keyboard and has no name for who does not see it.
NAMELESS = """
() => [...document.querySelectorAll(".o_integration_overview button")]
    .filter((button) => !(button.getAttribute("aria-label") || button.innerText).trim())
    .map((button) => button.outerHTML)
"""
# What stands out of the page to a side: nobody finds it there. Wide tables scroll by themselves.
WIDE = """
() => [...document.querySelectorAll(".o_integration_overview section, .o_integration_overview .alert")]
    .filter((one) => {
        const place = one.getBoundingClientRect();
        return place.left < -1 || place.right > document.documentElement.clientWidth + 1;
    })
    .map((one) => one.className)
"""


@pytest.fixture(scope="module")
def server(odoo_server):
    made = odoo_server()
    made.worker().wait_ready()  # an engine that does not go to sleep tells of changes within seconds
    assert send(made, 1) == 202
    return made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )


@pytest.fixture
def desk(browser) -> Iterator[BrowserContext]:
    expect.set_options(timeout=PATIENCE_MS)
    made = browser.new_context(viewport=DESK)
    made.set_default_timeout(PATIENCE_MS)
    yield made
    made.close()


def send(server, number: int) -> int:
    """Have the hospital's system send one service of a code that nobody knows; return the status of the answer."""
    line = {"line": "1", "service": "NO-SUCH-CODE", "quantity": "1", "unit_price": "80.00", "currency": "USD"}
    data = {
        "encounter": f"E-overview-{number}",
        "patient": {"id": "MRN-4711"},
        "performed_at": "2026-11-20T09:30:00Z",
        "department": "ED",
        "self_pay": True,
        "lines": [line],
    }
    now = datetime.now(timezone.utc)
    message = Message("ehr", f"overview-{number}", FINALIZED, f"encounter/E-overview-{number}", now, data)
    client = Client(load_systems(server.state / "demo-systems.json", server.base_url))
    return client.send([message])[0].answer.status


def read_as(context: BrowserContext, server, login: str) -> Page:
    """Sign in and open the Overview."""
    page = context.new_page()
    page.goto(f"{server.base_url}/web/login?redirect=/odoo/integration")
    page.fill("#login", login)
    page.fill("#password", json.loads((server.state / "logins.json").read_text())[login])
    page.click("button[type=submit]")
    page.wait_for_selector(".o_integration_headline")
    return page


def received(page: Page) -> int:
    return int(page.inner_text(".o_integration_equation .o_integration_cell[data-bucket=received] .fw-bold >> nth=0"))


def live(page: Page, word: str) -> None:
    expect(page.locator(".o_integration_live")).to_have_attribute("data-live", word)


def shows(page: Page, count: int) -> None:
    """See that so many lines were received."""
    cell = page.locator(".o_integration_equation .o_integration_cell[data-bucket=received] .fw-bold").first
    expect(cell).to_have_text(str(count))


def test_a_page_is_told_of_what_comes_and_says_when_it_is_not(server, desk):
    desk.add_init_script(NO_CLOCK)
    page = read_as(desk, server, FINANCE)
    live(page, "1")
    before = received(page)
    assert send(server, 2) == 202
    shows(page, before + 1)
    desk.set_offline(True)
    live(page, "0")
    expect(page.locator(".o_integration_live")).to_contain_text("Not live")
    assert send(server, 3) == 202
    desk.set_offline(False)
    live(page, "1")
    shows(page, before + 2)
    hints = server.sql("SELECT message FROM bus_bus WHERE message LIKE '%integration.changed%'")
    assert hints
    assert {message for (message,) in hints} == {'{"type":"integration.changed","payload":{}}'}


def test_a_pause_shows_at_once_to_everybody_who_looks(server, desk, browser):
    desk.add_init_script(NO_CLOCK)
    page = read_as(desk, server, FINANCE)
    live(page, "1")
    server.inside('env["integration.hold"].with_user(env.ref("base.user_admin"))._hold("all", "A rehearsal")')
    expect(page.locator(".o_integration_hold")).to_contain_text("A rehearsal")
    server.inside(
        """
holds = env["integration.hold"].with_user(env.ref("base.user_admin")).search([])
holds._release("It is over")
"""
    )
    expect(page.locator(".o_integration_hold")).to_have_count(0)


@pytest.mark.parametrize("login", PEOPLE)
def test_every_figure_is_reached_and_read_by_keyboard_and_ear(server, desk, login):
    page = read_as(desk, server, login)
    assert page.evaluate(NAMELESS) == []
    figures = page.locator(".o_integration_overview :is(.o_integration_figure, .o_integration_cell, [data-need])")
    assert figures.count()
    assert {one.evaluate("one => [one.tagName, one.tabIndex, one.disabled].join()") for one in figures.all()} == {
        "BUTTON,0,false"
    }
    figures.last.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".o_action_manager :is(.o_list_view, .o_form_view)")
    assert page.locator(".o_error_dialog").count() == 0


def test_the_sentence_is_read_out_when_it_changes_and_ages_are_not(server, desk):
    page = read_as(desk, server, OPERATOR)
    said = page.locator(".o_integration_overview [aria-live=polite]")
    expect(said).to_have_text(page.inner_text(".o_integration_headline h1"))
    assert "ago" not in said.inner_text()


@pytest.mark.parametrize("login", PEOPLE)
def test_nothing_stands_beside_a_phones_page(server, desk, login):
    page = read_as(desk, server, login)
    page.set_viewport_size(PHONE)
    page.wait_for_function("document.documentElement.clientWidth === 390")
    assert page.evaluate(WIDE) == []


def test_from_right_to_left(server, desk):
    server.inside(
        """
wizard = env["base.language.install"].create({"lang_ids": [(6, 0, env.ref("base.lang_ar").ids)]})
wizard.lang_install()
env["res.users"].search([("login", "=", arguments["login"])]).write({"lang": "ar_001"})
""",
        login=OPERATOR,
    )
    page = read_as(desk, server, OPERATOR)
    assert page.evaluate("getComputedStyle(document.querySelector('.o_integration_overview')).direction") == "rtl"
    left = """() => ['received', 'applied'].map((name) =>
        document.querySelector(`.o_integration_cell[data-bucket=${name}]`).getBoundingClientRect().left)"""
    first, second = page.evaluate(left)
    assert first > second, "the equation is read from right to left, too"
    assert page.evaluate(WIDE) == []
