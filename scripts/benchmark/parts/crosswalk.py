"""The crosswalk on 50,000 entities and 8 systems: what a page costs Odoo, and when a browser shows it."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Final

from benchmark.bed import Bed
from benchmark.browser import Browser, browsing
from benchmark.figures import Figure, at_most, paired
from benchmark.in_odoo.crosswalk import KINDS, LOGIN
from benchmark.site import MeasureError, Site

_SYSTEMS: Final = 8
_PAGE: Final = 80
_OPEN: Final = """
    const all = (selector) => [...document.querySelectorAll(selector)];
    const named = (selector, name) => all(selector).find((one) => one.innerText.includes(name));
    await until(() => named(".o_menu_sections button", "Mappings"));
    named(".o_menu_sections button", "Mappings").click();
    const entry = () => named(".o-dropdown--menu .o-dropdown-item", "Crosswalk");
    await until(entry);
    await painted();
    const began = performance.now();
    entry().click();
    const rows = () => document.querySelectorAll(".o_crosswalk_grid[aria-busy=false] tbody tr").length;
    await until(() => rows() >= ROWS);
    await painted();
    return performance.now() - began;
"""


def measure(bed: Bed, note: Callable[[str], None]) -> list[Figure]:
    """Measure a page in a small and in a big crosswalk, filters of the big one, and its opening in a browser."""
    few, many = bed.options.pick(100, 1_000), bed.options.pick(200, 50_000)
    times = bed.options.pick(2, 10)
    with bed.ours() as site:
        for size, count in (("few", few), ("many", many)):
            note(f"{count:,} entities with {_SYSTEMS} codes each")
            made: int = site.inside("crosswalk.fill", size=size, entities=count, systems=_SYSTEMS)
            if made != count * _SYSTEMS:
                raise MeasureError(f"{made} codes were made, not {count * _SYSTEMS}")
        for table in ("integration_identifier", "integration_entity", "res_partner"):
            site.sql(f"VACUUM ANALYZE {table}")
        bed.checkpoint()
        note("pages, in Odoo")
        found = [_server(site, size, count, times) for size, count in (("few", few), ("many", many))]
        found += _filters(site, many, times)
        note("in the browser")
        with site.serving() as running, browsing(bed.scratch) as browser:
            browser.sign_in(running.url, LOGIN, site.built.logins[LOGIN])
            opened = [_opened(browser, running.url) for _ in range(bed.options.pick(2, 8))]
        title = f"crosswalk of {many:,} entities × {_SYSTEMS} systems, click to filled grid, ms"
        return [*found, Figure(title, median(opened[1:]), None, None, at_most(1000))]


def _server(site: Site, size: str, count: int, times: int) -> Figure:
    pages: list[float] = site.inside("crosswalk.page", size=size, times=times)
    searched = [site.inside("crosswalk.by_search", size=size) for _ in range(3)]
    pairs = [(median(pages) * 1000, one * 1000) for one in searched]
    return paired(f"crosswalk page of {_PAGE} of {count:,} entities, ms in Odoo; a search per cell", pairs)


def _filters(site: Site, count: int, times: int) -> list[Figure]:
    [(system,)] = site.sql("SELECT min(id) FROM integration_system WHERE code LIKE 'bench-%'")
    # All but the last digit of some code: ten codes begin so, or more.
    [(entity,)] = site.sql(f"SELECT max(id) / 10 FROM integration_entity WHERE kind = '{KINDS['many']}'")
    asked = {
        "gaps in one system": {"filter": "gap", "system_id": system},
        "gaps in any system": {"filter": "gap"},
        "search by a code": {"search": f"C{entity}"},
        "two days, what differs": {"filter": "differs", "other_day": "2020-01-01"},
    }
    figures = []
    for name, query in asked.items():
        pages: list[float] = site.inside("crosswalk.page", size="many", times=times, query=query)
        figures.append(Figure(f"crosswalk of {count:,} entities, {name}, ms in Odoo", median(pages) * 1000))
    return figures


def _opened(browser: Browser, url: str) -> float:
    """Return the milliseconds from the click on the menu to the painted grid; the web client is there before."""
    browser.go(f"{url}/odoo/integration-approvals", ".o_menu_sections button")
    milliseconds: float = browser.run(_OPEN.replace("ROWS", str(_PAGE)))
    return milliseconds
