"""A pytest plugin: Odoo's own ``test_lint`` looks at the addons of this repository, not at Odoo's six hundred.

Odoo's tests walk through every addon they find. Their manifests, and the folders that pylint gets, are narrowed to
those of the suite; the checks on the registry look at all models of the database, ours among them.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from suite.layout import ADDONS


def _is_ours(path: str) -> bool:
    return Path(path).is_relative_to(ADDONS)


class _PathOutsideDomain(type(Path())):  # type: ignore[misc]
    """A path that does not find the domain tests, which pytest runs without Odoo and Odoo is not to import."""

    def rglob(self, pattern: str) -> Iterator[Path]:
        """Find files below this folder."""
        return (file for file in Path(self).rglob(pattern) if file.parent.name != "domain")


_INDEXED_OTHERWISE = frozenset(
    {"integration.delivery.event_id"}  # covered by the first key of its unique index '_once'
)


def _models_of_ours(registry: Any) -> dict[str, Any]:
    """Return the models that this repository introduces."""
    ours = "integration_"
    return {name: model for name, model in registry.items() if (model._original_module or "").startswith(ours)}


def _unless_nothing(check: Callable[..., None]) -> Callable[..., None]:
    """Return ``check``, but for no addons: eslint would still want the plugins that Odoo's stricter set names."""

    def check_some(self: Any, modules: list[str], configuration: str) -> None:
        if modules:
            check(self, modules, configuration)

    return check_some


def _pylint(folder: Path) -> Path:
    """Return a pylint that does not complain about comments that are meant for pylint-odoo."""
    wrapper = folder / "pylint"
    program = shutil.which("pylint")
    wrapper.write_text(f'#!/bin/sh\nexec "{program}" "$@" --disable=unknown-option-value\n', encoding="utf-8")
    wrapper.chmod(0o755)
    return wrapper


@pytest.fixture(scope="session", autouse=True)
def only_this_repository(load_registry: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Narrow what Odoo's lint tests find; after the registry is loaded, which needs all of it."""
    import odoo.modules.module as module
    import odoo.modules.registry as module_registry
    from odoo.addons.test_lint.tests import (
        test_docstring,
        test_eslint,
        test_index,
        test_pofile,
        test_pylint,
        test_test_holes,
    )
    from odoo.tools import config

    every = module.Manifest.all_addon_manifests

    def ours() -> list[Any]:
        return [manifest for manifest in every() if _is_ours(manifest.path)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.Manifest, "all_addon_manifests", staticmethod(ours))
        for lint in (test_eslint, test_pofile):
            patch.setattr(lint, "get_modules", lambda: [manifest.name for manifest in ours()])
        # Odoo lists those of its own in the same set.
        patch.setattr(
            test_index, "BTREE_INDEX_IGNORE_FIELDS", test_index.BTREE_INDEX_IGNORE_FIELDS | _INDEXED_OTHERWISE
        )
        patch.setattr(test_docstring, "Registry", lambda name: _models_of_ours(module_registry.Registry(name)))
        patch.setattr(test_eslint.TestESLint, "_test_eslint", _unless_nothing(test_eslint.TestESLint._test_eslint))
        patch.setattr(test_pylint, "which", lambda name: str(_pylint(tmp_path_factory.mktemp("pylint"))))
        patch.setattr(test_test_holes, "pathlib", SimpleNamespace(Path=_PathOutsideDomain))
        # pytest puts the folder of Odoo's addons on the path, and pylint would import Odoo's calendar as Python's.
        patch.setattr(sys, "path", [folder for folder in sys.path if Path(folder).parts[-2:] != ("odoo", "addons")])
        # pylint's test lints Odoo's root, whatever the addons: here, one of ours instead.
        patch.setitem(config.__dict__, "root_path", ours()[0].path)
        yield
