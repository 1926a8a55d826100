"""Let the domain tests run by themselves: ``pytest addons/*/tests/domain`` needs no Odoo and no database.

The domain packages live inside addons, whose own ``__init__`` imports Odoo. Two things keep that from happening in a
plain run: each addon's name is registered as an empty package whose path is the addon's folder, so
``integration_core.domain`` is found without running the addon; and pytest is told that folders are folders, so it
does not import an addon's ``__init__`` as a test package. Under pytest-odoo the second does not apply.
"""

from __future__ import annotations

import gc
import os
import sys
import types
from pathlib import Path

import pytest
from hypothesis import settings

ADDONS = Path(__file__).parent

# A busy machine must not turn a slow example into a failure, and a run leaves nothing behind in the tree.
settings.register_profile("suite", deadline=None, max_examples=60, database=None)
settings.load_profile("suite")


def _register(name: str, folder: Path) -> None:
    if name not in sys.modules:
        package = types.ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package


# Under "addons" as well: a domain package that builds on another addon's finds it beside its own, as in odoo.addons.
_register("addons", ADDONS)
for _addon in sorted(ADDONS.glob("*/domain")):
    _register(_addon.parent.name, _addon.parent)
    _register(f"addons.{_addon.parent.name}", _addon.parent)


def _runs_odoo(config: pytest.Config) -> bool:
    options = ("odoo_database", "odoo_config", "odoo_dev")
    named = any(getattr(config.option, option, None) for option in options)
    return named or bool(os.environ.get("ODOO_RC") or os.environ.get("OPENERP_SERVER"))


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect folders of a plain run as folders, never as packages."""
    if _runs_odoo(parent.config):
        return None
    return pytest.Dir.from_parent(parent, path=path)


@pytest.fixture(scope="session", autouse=True)
def _patience_with_browsers(request: pytest.FixtureRequest) -> None:
    """Give Chromium a minute to start: the first one on a busy machine needs more than the ten seconds of Odoo."""
    if _runs_odoo(request.config):
        from odoo.tests import common

        common.BROWSER_WAIT = 60.0
        common.CHECK_BROWSER_ITERATIONS = round(common.BROWSER_WAIT / common.CHECK_BROWSER_SLEEP)


@pytest.fixture(scope="session", autouse=True)
def _what_is_loaded_is_no_garbage(request: pytest.FixtureRequest) -> None:
    """Spare each full collection of garbage the walk through Odoo's whole registry, which lasts as long as the run."""
    if _runs_odoo(request.config):
        request.getfixturevalue("load_registry")
        gc.collect()
        gc.freeze()
