"""What the installation guide has people type, typed."""

import base64
import json
import os
import re
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import servers

from suite.database import Databases
from suite.layout import CHECKOUT

GUIDE = CHECKOUT / "docs" / "install"


def test_the_guides_commands_make_a_master_key_of_the_database(context, tmp_path):
    page = (GUIDE / "existing-server.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"<!-- master-key:.*-->\n```bash\n(.*?)```", page, re.DOTALL)
    folder = tmp_path / "keys"
    environ = {**os.environ, **context.odoo.environment(), "KEYS": str(folder), "DATABASE": context.template}
    environ.pop("PYTHONPATH")
    subprocess.run(["bash", "-euo", "pipefail", "-c", block], cwd=CHECKOUT, env=environ, check=True)
    file = folder / "master.key"
    assert (folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
    content = json.loads(file.read_text(encoding="utf-8"))
    assert content["database_uuid"] == Databases(context.odoo).uuid(context.template)
    assert len(base64.b64decode(content["keys"][0]["key"])) == 32


def test_the_unit_starts_a_worker_and_stops_it(context, tmp_path):
    unit = (GUIDE / "files" / "integration-worker@.service").read_text(encoding="utf-8")
    (line,) = re.findall(r"^ExecStart=/usr/bin/odoo (.*)$", unit, re.MULTILINE)
    (rc,) = re.findall(r"^Environment=ODOO_RC=(.*)$", unit, re.MULTILINE)
    assert rc == "/etc/odoo/odoo.conf"
    server = servers.Server(context, tmp_path)
    try:
        words = shlex.split(line.replace("%i", server.db))
        odoo = replace(context.odoo, conf=Path(tmp_path) / "odoo.conf")
        worker = servers.Worker(odoo.command(*words), odoo.environment(), tmp_path / "worker.log")
        worker.wait_ready()
        worker.terminate()
        assert worker.wait_dead() == 0
    finally:
        server.close()
