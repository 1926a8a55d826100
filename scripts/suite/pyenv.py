"""The Python environment: one per set of requirement files and Python version, kept in the cache."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import site
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from suite import processes
from suite.layout import CHECKOUT, make_folder

_OLDEST: Final = (3, 10)
_NEWEST: Final = (3, 13)
FOR_SUITE: Final = (CHECKOUT / "scripts" / "requirements-odoo.txt", CHECKOUT / "requirements.txt")
FOR_TESTS: Final = (*FOR_SUITE, CHECKOUT / "scripts" / "requirements-test.txt")


@dataclass(frozen=True)
class PythonEnv:
    """A Python environment with everything a set of requirement files asks for.

    Attributes:
        folder: The environment's folder.
        key: What it was made from.
    """

    folder: Path
    key: str

    @property
    def bin(self) -> Path:
        """The folder with its programs."""
        return self.folder / "bin"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.bin / "python"

    def environment(self) -> dict[str, str]:
        """Return the variables with which its programs keep what they compile: beside it, in no checkout.

        Compiling Odoo takes two seconds of each of its processes, and tests start hundreds. An empty
        ``PYTHONDONTWRITEBYTECODE`` counts as none.
        """
        return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(self.folder / "bytecode")}

    def activate(self) -> None:
        """Let this very process import the environment's packages (it is made by this interpreter's version)."""
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        site.addsitedir(str(self.folder / "lib" / version / "site-packages"))


def supported(version: tuple[int, int]) -> bool:
    """Tell whether Odoo 19 runs on this version of Python."""
    return _OLDEST <= version <= _NEWEST


def ensure(cache: Path, requirements: Sequence[Path], log: Path, note: Callable[[str], None]) -> PythonEnv:
    """Find or make the environment for ``requirements``.

    Raises:
        Refusal: Something could not be installed.
    """
    key = _key(requirements)
    home = make_folder(cache / "python", "set XDG_CACHE_HOME to a folder that you may write")
    env = PythonEnv(home / key, key)
    complete = env.folder / ".complete"
    with _lock(home / f"{key}.lock"):
        if not complete.exists():
            note("installing Odoo's Python packages")
            _make(env, requirements, log)
            complete.touch()
    return env


def _key(requirements: Sequence[Path]) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for file in requirements:
        digest.update(file.read_bytes())
    return f"{sys.version_info.major}.{sys.version_info.minor}-{digest.hexdigest()[:16]}"


def _make(env: PythonEnv, requirements: Sequence[Path], log: Path) -> None:
    shutil.rmtree(env.folder, ignore_errors=True)
    # A clean environment must not be led astray by the one the scripts happen to be started from.
    clean = {"PYTHONPATH": "", "PIP_REQUIRE_VIRTUALENV": "0", "PIP_USER": "0"}
    processes.run(
        [sys.executable, "-m", "venv", env.folder],
        log=log,
        env=clean,
        failing="The Python environment could not be made",
        remedy="Is the package python3-venv installed?",
    )
    files = [word for file in requirements for word in ("-r", file)]
    processes.run(
        [env.python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", *files],
        log=log,
        env=clean,
        failing="The Python packages could not be installed",
        remedy="Is the machine online?",
    )


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Keep two runs from making the same environment at once."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
