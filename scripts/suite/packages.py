"""System packages: installed with apt where they are missing and where that is allowed."""

from __future__ import annotations

import importlib
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from suite import processes
from suite.refusal import Refusal

_NO_CLUSTER = Path("/etc/postgresql-common/createcluster.d/odoo-integration-suite.conf")
"""While it exists, installing PostgreSQL does not start a system-wide server, which nobody asked for."""

_POLICY = Path("/usr/sbin/policy-rc.d")
"""Debian's way to say which services a package may start; 101 means none."""


_SERVICES = {"nginx": ("nginx",), "prometheus": ("prometheus",)}
"""Services that packages would start."""
_APT = (
    *("env", "DEBIAN_FRONTEND=noninteractive"),
    *("apt-get", "-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"),
)
_REMEDY = "Is the machine online, and are its package sources in order (`apt-get update`)?"


@dataclass(frozen=True)
class Need:
    """Something of the system that the suite needs.

    Attributes:
        what: Its name for people.
        packages: The Debian or Ubuntu packages that bring it.
        present: Tells whether it is there already.
        optional: Whether one can do without.
    """

    what: str
    packages: tuple[str, ...]
    present: Callable[[], bool]
    optional: bool = False


def program(name: str) -> Callable[[], bool]:
    """Return a check for a program on the path."""
    return lambda: shutil.which(name) is not None


def _has_venv() -> bool:
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        return False
    return True


def _has_magic() -> bool:
    import ctypes.util

    return ctypes.util.find_library("magic") is not None


def _has_font() -> bool:
    return any(Path("/usr/share/fonts").glob("**/*.ttf"))


def _has_certificates() -> bool:
    return Path("/etc/ssl/certs/ca-certificates.crt").exists()


def python_venv_package() -> str:
    """Return the package with ``venv`` for the Python that is running."""
    return f"python{sys.version_info.major}.{sys.version_info.minor}-venv"


def for_suite() -> list[Need]:
    """Return what running the suite needs, PostgreSQL apart."""
    return [
        Need("Python environments", (python_venv_package(),), _has_venv),
        Need("trusted certificates", ("ca-certificates",), _has_certificates),
        Need("libmagic", ("libmagic1",), _has_magic, optional=True),
        Need("PDF of what is printed", ("wkhtmltopdf",), program("wkhtmltopdf"), optional=True),
    ]


def for_tests() -> list[Need]:
    """Return what the checks need in addition.

    Ubuntu's package ``chromium`` only installs a snap, so there the browser comes another way (see ``browser``).
    """
    browser = [] if _is_ubuntu() else [Need("Chromium", ("chromium",), lambda: chromium() is not None)]
    return [
        *browser,
        Need("a font for screenshots", ("fonts-dejavu-core",), _has_font),
        Need("npm (for eslint)", ("npm",), program("npm")),
        Need("curl", ("curl",), program("curl")),
        Need("openssl", ("openssl",), program("openssl")),
        Need("git", ("git",), program("git")),
        for_nginx(),
        for_promtool(),
        Need("envsubst", ("gettext-base",), program("envsubst")),
    ]


def for_nginx() -> Need:
    """Return the need for the nginx that the installation guide puts in front."""
    return Need("nginx", ("nginx",), lambda: nginx() is not None)


def for_promtool() -> Need:
    """Return the need for Prometheus's own checker of metrics and rules."""
    return Need("promtool", ("prometheus",), program("promtool"))


def nginx() -> str | None:
    """Return nginx's program, or None; for a normal user it is not on the path."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


def for_postgresql(present: Callable[[], bool]) -> Need:
    """Return the need for a PostgreSQL server's programs."""
    return Need("PostgreSQL", ("postgresql",), present)


def for_git() -> Need:
    """Return the need for git, with which Odoo is fetched where Debian's package cannot be."""
    return Need("git", ("git",), program("git"))


def for_debian_keys(keyring: Path) -> Need:
    """Return the need for the keys that Debian's archive is signed with."""
    return Need("Debian's archive keys", ("debian-archive-keyring",), keyring.exists, optional=True)


def chromium() -> str | None:
    """Return the browser's program, or None."""
    for name in ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome"):
        found = shutil.which(name)
        # Ubuntu's /usr/bin/chromium-browser is a shell script that only says how to install a snap.
        if found and not (name == "chromium-browser" and Path(found).read_bytes().startswith(b"#!")):
            return found
    return None


def missing(needs: Sequence[Need]) -> list[Need]:
    """Return those of ``needs`` that are not there."""
    return [need for need in needs if not need.present()]


def ensure(needs: Sequence[Need], log: Path, say: Callable[[str], None]) -> None:
    """Install what is missing.

    Args:
        needs: What has to be there.
        log: Receives apt's output.
        say: Told what is being installed.

    Raises:
        Refusal: Something is missing and cannot be installed; says which packages and how.
    """
    wanted = missing(needs)
    if not wanted:
        return
    prefix = processes.root_prefix()
    if prefix is None or shutil.which("apt-get") is None:
        if all(need.optional for need in wanted):
            return
        raise _cannot_install(wanted, apt=shutil.which("apt-get") is not None)
    if all(need.optional and not _is_known(need) for need in wanted):
        return  # not worth asking for news each time
    _update(prefix, log)
    names = [name for need in wanted if not need.optional or _is_known(need) for name in need.packages]
    say(f"installing {' '.join(names)}")
    _install(names, prefix, log)
    importlib.invalidate_caches()
    still = [need for need in missing(wanted) if not need.optional]
    if still:
        what = ", ".join(need.what for need in still)
        raise Refusal(
            f"{what} is still missing after installing {' '.join(names)}.",
            f"Please install it by hand; this is {_system()}.",
        )


def _cannot_install(wanted: Sequence[Need], *, apt: bool) -> Refusal:
    what = ", ".join(need.what for need in wanted if not need.optional)
    names = " ".join(name for need in wanted if not need.optional or _is_known(need) for name in need.packages)
    if not apt:
        return Refusal(
            f"Missing on this machine: {what}. It has no apt-get; Debian and Ubuntu are supported ({_system()}).",
            f"Please install what Debian calls: {names}.",
        )
    return Refusal(
        f"Missing on this machine: {what}. Only root can install it, and sudo asks for a password or is not there.",
        f"Please run once:  sudo apt-get install {names}",
    )


def _update(prefix: Sequence[str], log: Path) -> None:
    processes.run([*_APT, "update"], log=log, failing="apt-get update failed", remedy=_REMEDY, prefix=prefix)


def _is_known(need: Need) -> bool:
    """Tell whether the system's package sources have it; some of what one can do without Debian has given up."""
    return all(processes.capture(["apt-cache", "show", "--no-all-versions", name]) for name in need.packages)


def _install(names: Sequence[str], prefix: Sequence[str], log: Path) -> None:
    with (
        _no_system_cluster(prefix, active=any(name.startswith("postgresql") for name in names)),
        _no_services(prefix, [service for name in names for service in _SERVICES.get(name, ())]),
    ):
        processes.run(
            [*_APT, "install", *names],
            log=log,
            failing=f"apt-get could not install {' '.join(names)}",
            remedy=_REMEDY,
            prefix=prefix,
        )


@contextmanager
def _no_system_cluster(prefix: Sequence[str], *, active: bool) -> Iterator[None]:
    if not active or _NO_CLUSTER.exists():
        yield
        return
    made_folder = not _NO_CLUSTER.parent.exists()
    processes.capture([*prefix, "mkdir", "-p", str(_NO_CLUSTER.parent)])
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as text:
        text.write("create_main_cluster = false\n")
        text.flush()
        processes.capture([*prefix, "install", "-m", "644", text.name, str(_NO_CLUSTER)])
    try:
        yield
    finally:
        processes.capture([*prefix, "rm", "-f", str(_NO_CLUSTER)])
        if made_folder:
            processes.capture([*prefix, "rmdir", "--ignore-fail-on-non-empty", str(_NO_CLUSTER.parent)])


@contextmanager
def _no_services(prefix: Sequence[str], names: Sequence[str]) -> Iterator[None]:
    """Keep packages' services from being started, now and when the machine starts; nobody asked for them."""
    if not names:
        yield
        return
    made = not _POLICY.exists()
    if made:
        with tempfile.NamedTemporaryFile("w", suffix=".sh") as text:
            text.write("#!/bin/sh\nexit 101\n")
            text.flush()
            processes.capture([*prefix, "install", "-m", "755", text.name, str(_POLICY)])
    try:
        yield
        for name in names:
            processes.capture([*prefix, "systemctl", "disable", name])
    finally:
        if made:
            processes.capture([*prefix, "rm", "-f", str(_POLICY)])


def _is_ubuntu() -> bool:
    try:
        return platform.freedesktop_os_release().get("ID") == "ubuntu"
    except OSError:
        return False


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.platform())
    except OSError:
        return platform.platform()
