"""A server that was started is ready when it answers itself."""

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from suite import processes, server
from suite.refusal import Refusal


class _Ready(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_args):
        """Say nothing."""


@pytest.fixture
def other():
    """Return the address of a server that is ready, whoever asks."""
    with HTTPServer(("127.0.0.1", 0), _Ready) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


@pytest.fixture
def process():
    """Return a process that waits for its standard input to end."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        yield child
        child.kill()


def test_the_answer_of_another_server_is_not_taken_for_its_own(tmp_path, other, process):
    started = processes.started_at(process.pid)
    running = server.Running(process.pid, started, other, "nothing")
    server.wait_until_ready(running, tmp_path / "odoo.log")
    process.kill()
    process.wait()
    with pytest.raises(Refusal, match="ended by itself"):
        server.wait_until_ready(running, tmp_path / "odoo.log")
