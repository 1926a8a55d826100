"""Odoo 19 itself: a tree that the user names, else Debian's package in the cache, else Odoo's public branch.

Debian's package is unpacked, not installed: nothing of the system changes, and a machine may run another Debian or
Ubuntu release. Its fonts and jQuery are links into other packages, which are unpacked into the same root.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from suite import packages, processes
from suite.layout import make_folder
from suite.refusal import Refusal

SERIES: Final = "19.0"
_DEBIAN: Final = "http://deb.debian.org/debian"
_KEYRING: Final = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_REPOSITORY: Final = "https://github.com/odoo/odoo.git"
_PACKAGE: Final = "odoo-19"
# Where the links of Odoo's package lead. Two are of Debian 12: later ones have Font Awesome 7, Odoo needs 4.7.
_LINKED: Final = (
    "fonts-font-awesome/bookworm",
    "fonts-inconsolata/bookworm",
    "fonts-montserrat",
    "fonts-ocr-b",
    "fonts-roboto-unhinted",
    "libjs-jquery",
    "libjs-jquery-form",
    "libjs-underscore",
)
_PYTHON_FOLDER: Final = Path("usr/lib/python3/dist-packages")
# Debian leaves this file out, for want of its source; only blurring one's background in a video call needs it. The web
# client reports a missing file of a bundle as an error, and browser tests fail on errors: an empty file stands in.
_LEFT_OUT: Final = Path("odoo/addons/mail/static/lib/selfie_segmentation/selfie_segmentation.js")
_REMEDY: Final = "Please see whether the machine is online, or name an Odoo 19 you have:  ODOO_SOURCE=/path/to/odoo"


@dataclass(frozen=True)
class OdooTree:
    """An Odoo 19 to run.

    Attributes:
        path: The folder that goes on ``PYTHONPATH``; it holds the package ``odoo``.
        version: What tells this tree from another one, for cache keys.
        origin: Where it came from, for people.
    """

    path: Path
    version: str
    origin: str


def ensure(cache: Path, log: Path, note: Callable[[str], None]) -> OdooTree:
    """Find or fetch Odoo 19.

    Raises:
        Refusal: ``ODOO_SOURCE`` names no Odoo 19, or nothing could be fetched.
    """
    named = os.environ.get("ODOO_SOURCE", "")
    if named:
        return _named(Path(named).expanduser())
    home = make_folder(cache / "odoo", "set XDG_CACHE_HOME to a folder that you may write")
    cached = _cached(home)
    if cached:
        return cached
    first_failure: Refusal | None = None
    if _may_use_debian(log, note):
        try:
            return _from_debian(home, log, note)
        except Refusal as refusal:
            first_failure = refusal
            note("Debian's package cannot be had; cloning Odoo instead")
    try:
        return _from_git(home, log, note)
    except Refusal as refusal:
        raise (first_failure or refusal) from refusal


def _named(folder: Path) -> OdooTree:
    for path in (folder, folder / _PYTHON_FOLDER, folder / "odoo"):
        release = path / "odoo" / "release.py"
        if release.is_file():
            break
    else:
        raise Refusal(
            f"ODOO_SOURCE is {folder}, where there is no odoo/release.py.",
            "Please name the root of an Odoo checkout, or unset ODOO_SOURCE.",
        )
    found = re.search(r"^version_info\s*=\s*\((\d+),\s*(\d+)", release.read_text(encoding="utf-8"), re.MULTILINE)
    series = ".".join(found.groups()) if found else "unknown"
    if series != SERIES:
        raise Refusal(f"ODOO_SOURCE is {folder}, which is Odoo {series}.", f"Please name an Odoo {SERIES}.")
    commit = processes.capture(["git", "-C", path, "rev-parse", "HEAD"]) or str(release.stat().st_mtime_ns)
    return OdooTree(path.resolve(), f"named-{path.resolve()}-{commit}", "ODOO_SOURCE")


def _cached(home: Path) -> OdooTree | None:
    for root in sorted(home.glob("debian-*"), reverse=True):
        if (root / ".complete").exists():
            _stand_in(root)
            return OdooTree(root / _PYTHON_FOLDER, root.name, "Debian's package, from the cache")
    root = home / "git-19.0"
    if (root / ".complete").exists():
        commit = processes.capture(["git", "-C", root, "rev-parse", "HEAD"])
        return OdooTree(root, f"git-{commit}", "Odoo's public branch, from the cache")
    return None


def _may_use_debian(log: Path, note: Callable[[str], None]) -> bool:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return False
    packages.ensure([packages.for_debian_keys(_KEYRING)], log, note)
    return _KEYRING.exists()


def _archive() -> str:
    """Return the Debian mirror that the machine's own sources use, else Debian's public one."""
    try:
        debian = platform.freedesktop_os_release().get("ID") == "debian"
    except OSError:
        debian = False
    if not debian:
        return _DEBIAN
    folder = Path("/etc/apt/sources.list.d")
    files = [Path("/etc/apt/sources.list"), *sorted(folder.glob("*.list")), *sorted(folder.glob("*.sources"))]
    for file in files:
        text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
        found = re.search(r"^(?:URIs:|deb\s+(?:\[[^]]*\]\s+)?)\s*(https?://\S+/debian)/?(?=\s|$)", text, re.MULTILINE)
        if found:
            return found[1]
    return _DEBIAN


def _apt(home: Path) -> list[str]:
    """Return options that keep apt's whole state in the cache, whatever the system's own sources are."""
    apt = home / "apt"
    for folder in ("lists/partial", "cache/archives/partial"):
        (apt / folder).mkdir(parents=True, exist_ok=True)
    source = f"deb [signed-by={_KEYRING}] {_archive()}"
    (apt / "sources.list").write_text(f"{source} sid main\n{source} bookworm main\n", encoding="utf-8")
    settings = {
        "Dir::Etc::sourcelist": apt / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State::Lists": apt / "lists",
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt / "cache",
        "APT::Architecture": "amd64",
        "APT::Default-Release": "",
        "APT::Install-Recommends": "false",
        # Root's folders are closed to apt's own user.
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
    }
    (apt / "status").touch()
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def _from_debian(home: Path, log: Path, note: Callable[[str], None]) -> OdooTree:
    options = _apt(home)
    note("reading Debian's package lists")
    processes.run(
        ["apt-get", *options, "update"], log=log, failing="Debian's package lists could not be read", remedy=_REMEDY
    )
    downloads = home / "apt" / "downloads"
    shutil.rmtree(downloads, ignore_errors=True)
    downloads.mkdir()
    note("downloading Odoo 19 (130 MB)")
    processes.run(
        ["apt-get", *options, "download", _PACKAGE, *_LINKED],
        log=log,
        cwd=downloads,
        failing="Odoo 19 could not be downloaded from Debian",
        remedy=_REMEDY,
    )
    package = next(downloads.glob(f"{_PACKAGE}_*.deb"))
    version = package.name.split("_")[1].replace("%3a", ":")
    root, partial = home / f"debian-{version}", home / f"debian-{version}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    note("unpacking Odoo 19 (1.2 GB)")
    for file in sorted(downloads.glob("*.deb")):
        processes.run(
            ["dpkg-deb", "-x", file, partial],
            log=log,
            failing=f"{file.name} could not be unpacked",
            remedy="Please see whether there are 2 GB of free space.",
        )
    _stand_in(partial)
    (partial / ".complete").touch()
    shutil.rmtree(root, ignore_errors=True)
    partial.rename(root)
    shutil.rmtree(home / "apt")
    return OdooTree(root / _PYTHON_FOLDER, root.name, f"Debian's package {version}")


def _stand_in(root: Path) -> None:
    file = root / _PYTHON_FOLDER / _LEFT_OUT
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("// Not part of Debian's package.\n", encoding="utf-8")


def _from_git(home: Path, log: Path, note: Callable[[str], None]) -> OdooTree:
    packages.ensure([packages.for_git()], log, note)
    root, partial = home / "git-19.0", home / "git-19.0.partial"
    shutil.rmtree(partial, ignore_errors=True)
    note("cloning Odoo's public 19.0 branch (about 500 MB)")
    processes.run(
        ["git", "clone", "--depth", "1", "--single-branch", "--branch", SERIES, _REPOSITORY, partial],
        log=log,
        failing="Odoo's public 19.0 branch could not be cloned",
        remedy=_REMEDY,
        env={"GIT_TERMINAL_PROMPT": "0"},
    )
    (partial / ".complete").touch()
    shutil.rmtree(root, ignore_errors=True)
    partial.rename(root)
    commit = processes.capture(["git", "-C", root, "rev-parse", "HEAD"])
    return OdooTree(root, f"git-{commit}", "Odoo's public 19.0 branch")
