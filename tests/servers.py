"""Real Odoo servers for the whole-system tests: processes of their own, each on a database of its own."""

import contextlib
import http.client
import http.cookiejar
import itertools
import json
import os
import random
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2

from suite import masterkey, processes, server
from suite.database import Databases
from suite.demo import ADMIN
from suite.layout import ADDONS, State, open_log, write_private
from suite.postgres import programs
from suite.testbed import Context

POLL_SECONDS = 0.05
_INSIDE_HEAD = """
arguments, result = env.context.get("arguments"), None
company = env["integration.endpoint"].sudo().search([], limit=1).company_id
env = env(su=True, context={"allowed_company_ids": company.ids})
"""
_INSIDE_FOOT = """
action = {"type": "ir.actions.act_window_close", "infos": result}
"""
_PERSON = """
groups = [env.ref(name).id for name in ["base.group_user", *arguments["groups"]]]
values = {"login": arguments["login"], "name": arguments["login"], "password": arguments["password"]}
values.update(company_id=company.id, company_ids=[(6, 0, company.ids)], group_ids=[(6, 0, groups)])
env["res.users"].with_context(no_reset_password=True).create(values)
"""
_numbers = itertools.count(1)


def wait_until(predicate: Callable[[], Any], timeout: float = 60, what: str = "") -> Any:
    """Return the first true value of ``predicate``, asked again and again until a deadline."""
    deadline = time.monotonic() + timeout
    while not (value := predicate()):
        assert time.monotonic() < deadline, f"not within {timeout} s: {what or predicate}"
        time.sleep(POLL_SECONDS)
    return value


def free_port() -> int:
    """Return a port of this machine that nothing listens on.

    It is not one that the system hands out to connections: those could take it while a server is being restarted.
    """
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    return next(port for port in iter(lambda: random.randrange(10_000, lowest), None) if server.port_is_free(port))


class Worker:
    """One ``odoo integration_worker``, which a test may stop or kill."""

    def __init__(self, command: list[str], env: Mapping[str, str], log: Path) -> None:
        self.log = log
        with open_log(log) as out:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **env}
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._process.poll() is None

    def owns(self, name: str) -> bool:
        """Tell whether an engine process called ``name`` in the database is this one."""
        return f":{self.pid}:" in name

    def wait_ready(self, timeout: float = 60) -> None:
        """Return when it has begun to work."""

        def ready() -> bool:
            text = self.log.read_text(encoding="utf-8", errors="replace")
            assert self.alive, f"the worker ended by itself:\n{processes.tail(self.log)}"
            return "the engine" in text and "listens" in text

        wait_until(ready, timeout, "the worker is ready")

    def terminate(self) -> None:
        """Ask it to finish and go, as an administrator does; it may take its time."""
        self._process.send_signal(signal.SIGTERM)

    def wait_dead(self, timeout: float = 30) -> int:
        """Return its exit code when it has ended; negative: the signal that ended it."""
        return self._process.wait(timeout)

    def kill(self) -> None:
        """End it with ``kill -9``, and return when it is gone."""
        self._process.kill()
        self._process.wait()


class Server:
    """One Odoo with the demo hospital, which a test may kill, restart and look into.

    Attributes:
        base_url: Where it serves, as long as it lives.
        db: Its database.
        state: Its state folder, like the one of ``scripts/start``.
        prefork: Whether it serves with prefork workers; else with threads.
        systems: The content of ``demo-systems.json``.
        receivers: The content of ``demo-receivers.json``.
        metrics: The entry ``metrics`` of ``demo-systems.json``.
    """

    def __init__(
        self,
        context: Context,
        folder: Path,
        listen_port: int | None = None,
        environ: Mapping[str, str] | None = None,
        workers: int = 0,
        conf: Mapping[str, str] | None = None,
    ) -> None:
        self.prefork = workers > 0
        self._options = (f"--workers={workers}", f"--gevent-port={free_port()}") if workers else ()
        self._environ = dict(environ or {})
        self._sessions: dict[str, Any] = {}
        self._workers: list[Worker] = []
        self._others: list[server.Running] = []
        self._actions: dict[str, int] = {}
        self._running: server.Running | None = None
        self._files = State.at(folder)
        self._odoo = replace(context.odoo, conf=self._files.odoo_conf, log=self._files.setup_log)
        self._databases = Databases(self._odoo)
        self._logins = context.built.logins
        self._port = free_port()
        self.state = folder
        self.base_url = f"http://127.0.0.1:{self._port}"
        self.db = f"t{os.getpid()}_{next(_numbers)}"
        self.log = self._files.odoo_log
        self.filestore = context.odoo.data / "filestore" / self.db
        self._databases.copy(context.template, self.db)
        masterkey.copy(context.master_key, self._files.master_key, self._databases.uuid(self.db))
        self._odoo.configure(integration_master_key_file=str(self._files.master_key), log_level="info", **(conf or {}))
        self.systems = {
            code: {**system, "url": f"{self.base_url}/integration/v1/inbound/{code}"}
            for code, system in context.built.systems.items()
        }
        self.receivers = context.built.receivers
        self.metrics = {**context.built.metrics, "url": f"{self.base_url}/integration/metrics"}
        self._move(listen_port)
        write_private(self._files.demo_systems, json.dumps({**self.systems, "metrics": self.metrics}))
        write_private(self._files.demo_receivers, json.dumps(self.receivers))
        write_private(self._files.logins, json.dumps(self._logins))

    def _move(self, listen_port: int | None) -> None:
        """Let the copied hospital know its new addresses, as an administrator would have entered them."""
        self.sql("UPDATE ir_config_parameter SET value = %s WHERE key = 'web.base.url'", self.base_url)
        if listen_port is None:
            return
        url = f"http://127.0.0.1:{listen_port}/"
        (old,) = {receiver["url"] for receiver in self.receivers.values()}
        self.receivers = {code: {**receiver, "url": url} for code, receiver in self.receivers.items()}
        moved = self.sql("UPDATE integration_endpoint SET url = %s WHERE url = %s RETURNING id", url, old)
        allowed = self.sql("UPDATE integration_egress_allow SET port = %s RETURNING id", listen_port)
        assert len(moved) == len(allowed) == 1

    # The process

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._running is not None and self._reaped().alive()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._reaped().pid

    def _reaped(self) -> server.Running:
        assert self._running
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._running.pid, os.WNOHANG)
        return self._running

    def start(self, failpoints: str = "", *, ready: bool = True) -> None:
        """Start it, and return when it is ready, or when it answers at all."""
        assert not self.alive
        env = self._environment(failpoints)
        self._running = server.start(
            self._odoo,
            self.db,
            self._port,
            log=self.log,
            pid_file=self._files.pid_file,
            env=env,
            options=self._options,
        )
        if ready:
            server.wait_until_ready(self._running, self.log)
        else:
            wait_until(self._answers, 180, "the server answers")

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            return self.get("/integration/health/live")[0] == 200
        return False

    def run(
        self, *words: str, failpoints: str = "", database: str | None = None, given: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        """Run one of Odoo's commands, such as ``integration_key list``, to its end.

        Args:
            words: The command and its own words.
            failpoints: Those of this process alone.
            database: Another database than this server's.
            given: What it reads from standard input.
        """
        command, *rest = words
        line = self._odoo.command(
            f"--addons-path={ADDONS}",
            command,
            *rest,
            f"--config={self._odoo.conf}",
            f"--database={database or self.db}",
        )
        env = {**os.environ, **self._odoo.environment(self._environment(failpoints))}
        return subprocess.run(line, input=given, capture_output=True, text=True, env=env, timeout=180, check=False)

    @property
    def master_key(self) -> Path:
        """Its master key file."""
        return self._files.master_key

    def dump(self) -> bytes:
        """Return what ``pg_dump`` writes of its database, and of it alone."""
        place = self._odoo.server
        program = (programs() or Path("/usr/bin")) / "pg_dump"
        command = [str(program), f"--host={place.host}", f"--port={place.port}", f"--username={place.user}", self.db]
        password = {"PGPASSWORD": place.password} if place.password is not None else {}
        return subprocess.run(
            command, capture_output=True, env={**os.environ, **password}, timeout=120, check=True
        ).stdout

    def replace_by_copy(self) -> None:
        """Put a copy of its database, made within PostgreSQL, in the place of the database; the server is stopped."""
        for query in (
            f'ALTER DATABASE "{self.db}" RENAME TO "{self.db}_old"',
            f'CREATE DATABASE "{self.db}" TEMPLATE "{self.db}_old"',
            f'DROP DATABASE "{self.db}_old"',
        ):
            self._databases.rows(query)

    def start_another(self) -> str:
        """Start a second Odoo on the same database, which ends with this one; return where it serves."""
        files = State.at(self.state / f"another-{len(self._others)}")
        running = server.start(
            self._odoo, self.db, free_port(), log=files.odoo_log, pid_file=files.pid_file, env=self._environment("")
        )
        self._others.append(running)
        server.wait_until_ready(running, files.odoo_log)
        return running.url

    def _environment(self, failpoints: str, environ: Mapping[str, str] | None = None) -> dict[str, str]:
        return {
            masterkey.VARIABLE: str(self._files.master_key),
            **({"INTEGRATION_FAILPOINTS": failpoints} if failpoints else {}),
            **self._environ,
            **(environ or {}),
        }

    def worker(self, *words: str, failpoints: str = "", environ: Mapping[str, str] | None = None) -> Worker:
        """Start an engine process of its own for this database; it is not ready yet.

        Args:
            words: Options, such as ``--lanes=bulk``.
            failpoints: Those of this process alone.
            environ: Variables of this process alone.
        """
        command = self._odoo.command(
            f"--addons-path={ADDONS}",
            "integration_worker",
            f"--config={self._odoo.conf}",
            f"--database={self.db}",
            *words,
        )
        env = self._odoo.environment(self._environment(failpoints, environ))
        made = Worker(command, env, self.state / f"worker-{len(self._workers)}.log")
        self._workers.append(made)
        return made

    def nudge(self) -> None:
        """Ask for the engine as Odoo itself asks for a cron."""
        self.sql(
            "INSERT INTO ir_cron_trigger (cron_id, call_at) SELECT res_id, now() AT TIME ZONE 'UTC' FROM ir_model_data"
            " WHERE module = 'integration_core' AND name = 'cron_engine'"
        )
        with contextlib.closing(psycopg2.connect(self.dsn, dbname="postgres")) as connection, connection.cursor() as cr:
            cr.execute("NOTIFY cron_trigger, %s", (self.db,))
            connection.commit()

    def stop(self) -> None:
        """End it as an administrator does."""
        if self.alive:
            server.stop(self._reaped(), self._files.pid_file)

    def kill(self) -> None:
        """End it with ``kill -9``, and return when it is gone."""
        if self.alive:
            self._reaped().signal_group(signal.SIGKILL)
            self.wait_dead()

    def wait_dead(self, timeout: float = 30) -> None:
        """Return when it has ended, by itself or not, and its threads have let go of its port."""
        wait_until(lambda: not self.alive and server.port_is_free(self._port), timeout, "the server ends")

    def close(self) -> None:
        """Remove it with its workers and its database."""
        for worker in self._workers:
            worker.kill()
        for other in self._others:
            other.signal_group(signal.SIGKILL)
            os.waitpid(other.pid, 0)
        self.kill()
        self._databases.drop(self.db)

    # Looking into it

    @property
    def dsn(self) -> str:
        """How libpq reaches the database."""
        place = self._odoo.server
        password = [f"password={place.password}"] if place.password is not None else []
        return " ".join(
            [f"host={place.host}", f"port={place.port}", f"user={place.user}", *password, f"dbname={self.db}"]
        )

    def sql(self, query: str, *parameters: object) -> list[tuple]:
        """Run one statement, committed at once, and return its rows."""
        with contextlib.closing(psycopg2.connect(self.dsn)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(query, parameters or None)
                return cursor.fetchall() if cursor.description else []

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers (names in lower case) and body of an address, whatever the status is."""
        request = urllib.request.Request(self.base_url + path, headers=dict(headers or {}))
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            answer = opener.open(request, timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()

    def rpc(self, login: str, model: str, method: str, *args: object, **kwargs: object) -> Any:
        """Call a public method as one of the demo hospital's people, as the web client does."""
        call = {"model": model, "method": method, "args": args, "kwargs": kwargs}
        return self._json(self._session(login), f"/web/dataset/call_kw/{model}/{method}", call)

    def page(self, login: str, path: str) -> tuple[int, str, bytes]:
        """Return status, type and body of an address as one of the demo hospital's people gets it."""
        try:
            answer = self._session(login).open(self.base_url + path, timeout=120)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, answer.headers.get("content-type", ""), answer.read()

    def add_person(self, login: str, groups: list[str]) -> None:
        """Make somebody with these groups and no others, whom :meth:`rpc` knows from now on."""
        password = self._logins[login] = f"{login} {random.random()}"
        self.inside(_PERSON, login=login, password=password, groups=groups)

    def ask(self, login: str, path: str, params: Mapping[str, object]) -> bytes:
        """Return the whole answer to a JSON-RPC request of somebody's, an error's text included."""
        body = json.dumps({"jsonrpc": "2.0", "method": "call", "id": 1, "params": params}).encode()
        request = urllib.request.Request(self.base_url + path, body, {"content-type": "application/json"})
        with self._session(login).open(request, timeout=120) as answer:
            return answer.read()

    def inside(self, code: str, **arguments: object) -> Any:
        """Run Python inside Odoo as its superuser, in one transaction, and return what it assigned to ``result``.

        The code runs as a server action's, in the demo hospital's company; it sees ``arguments``.
        """
        if code not in self._actions:
            values = {
                "name": "A test's own",
                "state": "code",
                "model_id": self.rpc(ADMIN, "ir.model", "search", [["model", "=", "res.company"]])[0],
                "code": f"{_INSIDE_HEAD}{code}{_INSIDE_FOOT}",
            }
            (self._actions[code],) = self.rpc(ADMIN, "ir.actions.server", "create", [values])
        run = self.rpc(ADMIN, "ir.actions.server", "run", [self._actions[code]], context={"arguments": arguments})
        return run["infos"]

    def rpc_may_die(self, login: str, model: str, method: str, *args: object, **kwargs: object) -> Any:
        """Call a method during which the server may die; None if it did."""
        try:
            return self.rpc(login, model, method, *args, **kwargs)
        except (OSError, http.client.HTTPException):
            return None

    def _session(self, login: str) -> Any:
        if login not in self._sessions:
            cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), cookies)
            who = {"db": self.db, "login": login, "password": self._logins[login]}
            self._json(opener, "/web/session/authenticate", who)
            self._sessions[login] = opener
        return self._sessions[login]

    def _json(self, opener: Any, path: str, params: Mapping[str, object]) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "method": "call", "id": 1, "params": params}).encode()
        request = urllib.request.Request(self.base_url + path, body, {"content-type": "application/json"})
        with opener.open(request, timeout=120) as answer:
            content = json.load(answer)
        if "error" in content:
            raise AssertionError(content["error"]["data"].get("debug") or content["error"])
        return content["result"]

    def map_services(self, steward: str, approver: str, tasks: list[int]) -> None:
        """Say that all these codes mean one and the same product, as two people."""
        product = self.rpc(steward, "product.product", "search", [["type", "=", "service"]], limit=1)
        wizard = self.rpc(
            steward,
            "integration.map.codes",
            "create",
            [{"task_ids": [[6, 0, tasks]], "product_id": product[0]}],
        )
        self.rpc(steward, "integration.map.codes", "action_confirm", wizard)
        wanted = [["approval_state", "=", "requested"]]
        proposals = self.rpc(approver, "integration.identifier", "search", wanted)
        if proposals:
            self.rpc(approver, "integration.identifier", "action_approve", proposals)
