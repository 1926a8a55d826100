"""How long this server waits for a sender: one thread ends the reading of connections whose time is up.

A server of Odoo's waits for the next bytes of a connection, and a prefork worker does nothing else meanwhile. Its
timeout of a socket (two seconds with prefork, none with threads) begins anew with every byte, so a sender that drips
would hold it for minutes. Reading is ended from outside (``shutdown``): whoever reads sees the end of the stream then,
and the answer can still be written.
"""

import contextlib
import os
import socket
import threading
import time
from typing import Any, Final

FIRST_SECONDS: Final = 5.0
"""For how long a body may take to arrive, however short it is."""
PIECE_BYTES: Final = 64 << 10
PIECE_SECONDS: Final = 1.0
"""By how much each piece that has arrived prolongs that."""
MOST_SECONDS: Final = 60.0
"""For how long any body may take."""
LINGER_SECONDS: Final = 2.0
"""For how long what is left of a body is read and thrown away after the answer, so that its sender sees the answer."""
_TICK_SECONDS: Final = 0.25


class Patience:
    """The connections of one process that are being read, and until when."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._stir = threading.Event()
        self._until: dict[int, tuple[float, Any]] = {}
        self._thread: threading.Thread | None = None

    def wait_for(self, connection: Any, until: float) -> None:
        """End the reading of ``connection`` (a socket) at ``until`` (monotonic seconds), unless told otherwise."""
        with self._lock:
            self._until[id(connection)] = (until, connection)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="integration_inbound.patience", daemon=True)
                self._thread.start()
        if not self._stir.is_set():
            self._stir.set()

    def done(self, connection: Any) -> None:
        """Wait for ``connection`` no more; from here on it may be closed."""
        with self._lock:
            self._until.pop(id(connection), None)

    def _run(self) -> None:
        while True:
            self._stir.wait()
            time.sleep(_TICK_SECONDS)
            with self._lock:
                now = time.monotonic()
                for key, (until, connection) in list(self._until.items()):
                    if until <= now:
                        del self._until[key]
                        # Under the lock: whoever closes it asks for 'done' first, so it is still this connection.
                        with contextlib.suppress(OSError):
                            connection.shutdown(socket.SHUT_RD)
                if not self._until:
                    self._stir.clear()


patience: Final = Patience()
os.register_at_fork(after_in_child=patience._begin)


class Reading:
    """One body that is being read; a context. ``connection`` None: its server has other means."""

    def __init__(self, connection: Any | None) -> None:
        self._connection = connection
        self._began = 0.0
        self._until = 0.0

    def __enter__(self) -> "Reading":
        self._began = time.monotonic()
        self._set(self._began + FIRST_SECONDS)
        return self

    def go_on(self) -> None:
        """Say that another piece has arrived."""
        self._set(min(self._until + PIECE_SECONDS, self._began + MOST_SECONDS))

    def _set(self, until: float) -> None:
        self._until = until
        if self._connection is not None:
            patience.wait_for(self._connection, until)

    def __exit__(self, *_error: object) -> None:
        if self._connection is not None:
            patience.done(self._connection)
