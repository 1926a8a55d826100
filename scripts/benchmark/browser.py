"""A real browser, driven by Chromium's own protocol over a pair of pipes: nothing but the browser is needed for it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from select import select
from time import monotonic
from types import TracebackType
from typing import Any, Final

from benchmark.site import MeasureError

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ANSWER_SECONDS: Final = 120.0
_WAIT: Final = """
    const until = async (holds) => {
        const end = performance.now() + 60000;
        while (!holds()) {
            if (performance.now() > end) throw new Error("not there: " + holds);
            await new Promise((done) => setTimeout(done, 5));
        }
    };
    const painted = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
"""


class Browser:
    """One window of a headless Chromium with a fresh profile.

    Args:
        folder: For its profile.
        size: Width and height of the window in pixels.

    Raises:
        MeasureError: There is no Chromium.
    """

    def __init__(self, folder: Path, size: tuple[int, int] = (1600, 1000)) -> None:
        program = next(filter(None, map(shutil.which, _NAMES)), None)
        if program is None:
            raise MeasureError(f"no browser: none of {', '.join(_NAMES)} is on the path")
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        words = [
            program,
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
            *("--remote-debugging-pipe", f"--user-data-dir={folder}", f"--window-size={size[0]},{size[1]}"),
            "about:blank",
        ]
        # Chromium reads commands from descriptor 3 and answers on 4; the shell puts ours there and becomes Chromium.
        script = f"exec {shlex.join(words)} 3<&{theirs_in} 4>&{theirs_out}"
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", script],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._number = 0
        self._rest = b""
        self._session: str | None = None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.send("Page.enable")
        self.send("Runtime.enable")

    def __enter__(self) -> Browser:
        """Return the browser itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the browser and all its processes."""
        for descriptor in (self._out, self._in):
            os.close(descriptor)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def send(self, method: str, **params: object) -> dict[str, Any]:
        """Send a command of the protocol and return its result.

        Raises:
            MeasureError: It failed, or nothing was answered.
        """
        self._number += 1
        message: dict[str, object] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        for answer in self._answers():
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise MeasureError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result
        raise MeasureError(f"{method}: the browser does not answer")

    def _answers(self) -> Iterator[dict[str, Any]]:
        deadline = monotonic() + _ANSWER_SECONDS
        while monotonic() < deadline:
            if b"\0" in self._rest:
                text, self._rest = self._rest.split(b"\0", 1)
                yield json.loads(text)
                continue
            if select([self._in], [], [], 1)[0]:
                part = os.read(self._in, 1 << 16)
                if not part:
                    return
                self._rest += part

    def run(self, script: str) -> Any:
        """Run the body of an async function in the page and return its value.

        ``until(condition)`` and ``painted()`` can be awaited in it.

        Raises:
            MeasureError: It threw.
        """
        expression = f"(async () => {{ {_WAIT} {script} }})()"
        answer = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise MeasureError(f"in the browser: {answer['exceptionDetails'].get('exception', answer)}")
        return answer["result"].get("value")

    def go(self, url: str, there: str) -> None:
        """Open an address and return when an element of that CSS selector is there."""
        self.send("Page.navigate", url=url)
        self._await(there)

    def _await(self, there: str) -> None:
        deadline = monotonic() + _ANSWER_SECONDS
        while monotonic() < deadline:
            # The page that is left may take the question with it.
            with suppress(MeasureError):
                self.run(f"await until(() => document.querySelector({json.dumps(there)}));")
                return
        raise MeasureError(f"no {there}")

    def sign_in(self, url: str, login: str, password: str) -> None:
        """Sign in to Odoo, and return when the web client is there: going elsewhere sooner would end it."""
        self.go(f"{url}/web/login", "#login")
        fields = {"#login": login, "#password": password}
        filled = "".join(
            f"document.querySelector({json.dumps(name)}).value = {json.dumps(value)};" for name, value in fields.items()
        )
        self.run(f"{filled} document.querySelector('form.oe_login_form').submit();")
        self._await(".o_main_navbar")


@contextmanager
def browsing(folder: Path) -> Iterator[Browser]:
    """Have a browser during the block; its profile goes with it."""
    profile = folder / "browser"
    try:
        with Browser(profile) as browser:
            yield browser
    finally:
        shutil.rmtree(profile, ignore_errors=True)
