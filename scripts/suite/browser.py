"""The browser, eslint and rtlcss that the checks need, made available on a path of their own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from suite import packages, processes
from suite.layout import make_folder
from suite.pyenv import PythonEnv

_ESLINT: Final = "eslint@8.57.1"
"""The last major version that reads the configuration of Odoo's ``test_lint``."""
_RTLCSS: Final = "rtlcss@4.3.0"
"""What Odoo turns its style sheets from right to left with."""


def ensure(env: PythonEnv, cache: Path, log: Path, note: Callable[[str], None]) -> list[Path]:
    """Provide ``chromium``, ``eslint`` and ``rtlcss``.

    Returns:
        Folders to put first on the path.
    """
    home = make_folder(cache / "tools", "set XDG_CACHE_HOME to a folder that you may write")
    programs = [_from_npm(package, home, log, note) for package in (_ESLINT, _RTLCSS)]
    return [*programs, *_chromium(env, home, log, note)]


def _from_npm(package: str, home: Path, log: Path, note: Callable[[str], None]) -> Path:
    folder = home / package
    programs = folder / "node_modules" / ".bin"
    if not (programs / package.split("@")[0]).exists():
        note(f"installing {package}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        processes.run(
            ["npm", "install", "--no-fund", "--no-audit", "--prefix", folder, package],
            log=log,
            cwd=folder,
            failing=f"{package} could not be installed",
            remedy="Is the machine online?",
        )
    return programs


def _chromium(env: PythonEnv, home: Path, log: Path, note: Callable[[str], None]) -> list[Path]:
    if packages.chromium():
        return []
    folder = home / "browsers"
    programs = folder / "bin"
    if not (programs / "chromium").exists():
        note("downloading Chromium")
        with_libraries = ["--with-deps"] if processes.is_root() else []
        processes.run(
            [env.bin / "playwright", "install", *with_libraries, "chromium"],
            log=log,
            env={"PLAYWRIGHT_BROWSERS_PATH": str(folder)},
            failing="Chromium could not be downloaded",
            remedy="Please install a Chromium or Chrome that stands on the PATH.",
        )
        programs.mkdir(exist_ok=True)
        found = next(folder.glob("chromium-*/chrome-linux*/chrome"))
        (programs / "chromium").symlink_to(found)
    return [programs]
