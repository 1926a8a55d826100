"""Running programs: their output goes to a log, and is shown when they fail."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from suite.layout import open_log
from suite.refusal import Refusal

_TAIL_LINES: Final = 25


def tail(log: Path, lines: int = _TAIL_LINES) -> str:
    """Return the last lines of a log, or an empty text where there is none."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def run(
    command: Sequence[str | Path],
    *,
    log: Path,
    failing: str,
    remedy: str,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    cwd: Path | None = None,
    prefix: Sequence[str] = (),
) -> None:
    """Run a program to its end, appending what it writes to ``log``.

    Args:
        command: Program and arguments.
        log: The file that receives its output.
        failing: What to say where it fails.
        remedy: What the reader can do then.
        env: Variables to set besides the present ones.
        stdin: Text for its standard input; without it, there is none.
        cwd: The folder to run it in.
        prefix: What to put before the command, such as ``sudo``.

    Raises:
        Refusal: It is missing or ends with another code than 0; the end of its output is part of the message.
    """
    words = [*prefix, *(str(word) for word in command)]
    with open_log(log) as out:
        out.write(f"$ {' '.join(words)}\n")
        out.flush()
        began = out.tell()
        try:
            done = subprocess.run(
                words,
                stdout=out,
                stderr=subprocess.STDOUT,
                input=stdin,
                stdin=subprocess.DEVNULL if stdin is None else None,
                text=True,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                check=False,
            )
        except FileNotFoundError as error:
            raise Refusal(f"{failing}: there is no program {words[0]!r}.", remedy) from error
    if done.returncode:
        with log.open(encoding="utf-8", errors="replace") as written:
            written.seek(began)
            last = "\n".join(f"    {line}" for line in written.read().splitlines()[-_TAIL_LINES:])
        raise Refusal(f"{failing} (exit code {done.returncode}):\n{last}", f"{remedy} All of its output is in {log}.")


def capture(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> str | None:
    """Return what a program writes, stripped, or None where it is missing or fails."""
    try:
        done = subprocess.run(
            [str(word) for word in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **(env or {})},
            check=False,
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def is_root() -> bool:
    """Tell whether this process is root's."""
    return os.geteuid() == 0


def root_prefix() -> list[str] | None:
    """Return what makes a command run as root: nothing for root, ``sudo`` where it needs no password, else None."""
    if is_root():
        return []
    if shutil.which("sudo") and capture(["sudo", "-n", "true"]) is not None:
        return ["sudo", "-n"]
    return None


def started_at(pid: int) -> str | None:
    """Return what tells a process from a later one with its id (its start in clock ticks), or None where it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" and not _has_threads(pid) else fields[19]


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that are still there."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, task.read_text(encoding="utf-8").split())
    return found


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and theirs."""
    return [one for child in children(pid) for one in (child, *descendants(child))]


def _has_threads(pid: int) -> bool:
    """Tell whether a process whose first thread has ended has others; until they end its ports stay taken."""
    try:
        return len(list(Path(f"/proc/{pid}/task").iterdir())) > 1
    except OSError:
        return False
