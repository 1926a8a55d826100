"""With MEASURE_PROFILE naming a folder, each process leaves there a profile of how it answered POST requests."""

import cProfile
import os
import time
from pathlib import Path

from odoo import http

FOLDER = "MEASURE_PROFILE"
_EVERY_SECONDS = 2.0


def start():
    """Profile the requests of this process, where that is asked for."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return
    serve = http.Application.__call__
    profiles, written = {}, time.monotonic()

    def profiled(self, environ, start_response):
        nonlocal written
        kind = environ["PATH_INFO"].strip("/").split("/")[0] or "root"
        if environ["REQUEST_METHOD"] != "POST":
            return serve(self, environ, start_response)
        profile = profiles.setdefault((os.getpid(), kind), cProfile.Profile())
        try:
            return profile.runcall(serve, self, environ, start_response)
        finally:
            if time.monotonic() - written > _EVERY_SECONDS:
                written = time.monotonic()
                for (pid, name), found in profiles.items():
                    if pid == os.getpid():
                        found.dump_stats(Path(folder) / f"{name}-{pid}.prof")

    http.Application.__call__ = profiled
