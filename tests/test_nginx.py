"""The nginx file of the installation guide, run by Debian's nginx: what it lets through, and what it answers itself.

Behind it is an echo that keeps what it was given. ``test_nginx_before_odoo`` has an Odoo there.
"""

import contextlib
import gzip
import json
import os
import re
import shutil
import ssl
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote

import pytest
from echo import HELD, Echo
from front import ENGINE, INBOUND, MONITOR, OTHER_ENGINE, SENDER, STRANGER, Certificates, Door, door, send

from suite.layout import CHECKOUT
from suite.nginx import GATE, PEOPLE, TEMPLATE, filled_in

SPOOFED = "spoofed"
"""What a sender writes into every header that means something behind nginx."""
MIB = 1 << 20


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def echo():
    with Echo() as serving:
        yield serving


@pytest.fixture(scope="module")
def front(certificates, echo, tmp_path_factory) -> Door:
    """One nginx for all tests that do not count: they ask as the interface engine."""
    made = door(tmp_path_factory.mktemp("nginx"), certificates, echo.place)
    with made.nginx:
        yield made


@pytest.fixture
def fresh(certificates, echo, tmp_path):
    """Give a function that starts an nginx whose limits nobody has used yet."""
    with contextlib.ExitStack() as ending:

        def start(**options: object) -> Door:
            folder = tmp_path / f"nginx-{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            made = door(folder, certificates, options.pop("odoo", echo.place), **options)
            ending.enter_context(made.nginx)
            return made

        yield start


@pytest.fixture(autouse=True)
def nothing_held(echo):
    echo.hold()
    echo.seen.clear()
    yield
    echo.release()


# -- the file itself --------------------------------------------------------------------------------------------------


def test_nginx_has_nothing_to_say_about_it(front):
    told = subprocess.run(front.nginx.command("-t"), capture_output=True, text=True, check=True).stderr
    assert "warn" not in told, told
    assert "successful" in told


def test_envsubst_fills_it_in_just_as_the_guide_says(front):
    values = front.nginx.front.values(front.nginx.folder)
    text = TEMPLATE.read_text(encoding="utf-8")
    page = (TEMPLATE.parents[1] / "nginx.md").read_text(encoding="utf-8")
    lines = re.findall(r"^    ((?:names=|envsubst ).*)$", page, re.MULTILINE)
    assert len(lines) == 2
    script = "\n".join(lines).replace("/etc/nginx/conf.d/integration.conf", "/dev/stdout")
    environ = {**values, "PATH": os.environ["PATH"]}
    filled = subprocess.run(
        ["bash", "-euc", script], cwd=CHECKOUT, env=environ, capture_output=True, text=True, check=True
    )
    assert filled.stdout == filled_in(text, values)
    head = text.split("# --- Who is asking")[0]
    exports = "".join(re.findall(r"^    export .*$", page, re.MULTILINE))
    for name in values:
        assert name in head
        assert f"{name}=" in exports


def test_a_second_pair_of_names_is_made_as_the_guide_says(fresh):
    """The second file goes beside the first into the same nginx."""
    front = fresh()
    page = (TEMPLATE.parents[1] / "several-databases.md").read_text(encoding="utf-8")
    ((command,),) = [re.findall(r"<!-- second-pair:.*-->\n```bash\n(.*)\n```", page)]
    folder = front.nginx.folder
    shutil.copy(TEMPLATE, folder / "nginx.conf")
    subprocess.run(["bash", "-euc", command], cwd=folder, check=True)
    values = {**front.nginx.front.values(folder), "GATE_NAME": "clinic.example", "PEOPLE_NAME": "people.clinic.example"}
    second = filled_in((folder / "nginx-clinic.conf").read_text(encoding="utf-8"), values)
    with (folder / "integration.conf").open("a", encoding="utf-8") as both:
        both.write(second)
    told = subprocess.run(front.nginx.command("-t"), capture_output=True, text=True, check=False).stderr
    assert "successful" in told, told
    assert "warn" not in told, told


# -- TLS --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_of_today_is_taken(front, version):
    context = front.context()
    context.minimum_version = context.maximum_version = version
    assert front.ask(context=context).status == 202


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_of_yesterday_is_not(front):
    context = front.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        front.ask(context=context)


def curl(front: Door, *words: str) -> str:
    """Post over HTTP/2; return what curl writes."""
    told = subprocess.run(
        [
            *("curl", "--silent", "--show-error", "--http2", "--cacert", str(front.certificates.authority.file)),
            *("--connect-to", f"{GATE}:{front.port}:127.0.0.1:{front.port}", *words, f"{front.nginx.url}{INBOUND}"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout


def test_http2_carries_messages_too(front, echo):
    told = curl(front, "--data-binary", "{}", "--write-out", " %{http_version} %{http_code}")
    assert told == '{"status": "accepted"} 2 202'
    assert echo.seen[-1].body == b"{}"


def test_http2_gets_problem_details_too(front, echo):
    told = curl(front, "--data-binary", "x", "--header", "content-length: 17825792", "--write-out", "%{content_type}")
    body, media_type = told[: told.rindex("}") + 1], told[told.rindex("}") + 1 :]
    assert media_type == "application/problem+json"
    assert json.loads(body)["type"] == "/integration/v1/problems/body-too-large"
    assert echo.seen == []


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_without_tls_nothing_is_served_and_nothing_is_redirected(front, echo, method):
    for plain_on_which in (front.plain_port, front.port):
        answer = front.ask(method, plain=True, port=plain_on_which, body=b"{}")
        assert answer.segment == (404, "not-found")
        assert "https" in answer.problem["detail"]
        assert "location" not in answer.headers
    assert echo.seen == []


def test_another_name_is_not_answered(front):
    context = front.context()
    context.check_hostname = False
    with pytest.raises(ssl.SSLError):
        front.ask(host="elsewhere.example", context=context)
    with front.connect(plain=True) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nhost: elsewhere.example\r\n\r\n")
        assert connection.recv(100) == b""


def test_the_gate_is_not_asked_for_under_the_other_name(front, echo):
    """Else its question for a client certificate could be left out."""
    with front.connect(host=PEOPLE) as connection:
        connection.sendall(f"GET {INBOUND} HTTP/1.1\r\nhost: {GATE}\r\nconnection: close\r\n\r\n".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 421")
    assert echo.seen == []


# -- what is passed on ------------------------------------------------------------------------------------------------


def test_a_message_arrives_byte_for_byte(front, echo):
    body = gzip.compress(bytes(range(256)) * 9)
    path = f"{INBOUND}/messages/a%2Fb%20c"
    answer = front.ask(
        path=path, body=body, headers={"content-encoding": "gzip", "webhook-id": "é1".encode().decode("latin-1")}
    )
    assert answer.status == 202
    assert answer.headers["x-request-id"] == "of-odoo"
    (seen,) = echo.seen
    assert (seen.method, seen.target, seen.body) == ("POST", path, body)
    assert seen.header("content-encoding") == ["gzip"]
    assert seen.header("webhook-id")[0].encode("latin-1") == "é1".encode()


def test_a_chunked_message_arrives_whole(front, echo):
    front.ask(body=iter([b"one", b"two"]))
    (seen,) = echo.seen
    assert seen.body == b"onetwo"
    assert seen.header("content-length") == ["6"]
    assert seen.header("transfer-encoding") == []


def test_what_a_sender_claims_about_itself_is_not_believed(front, echo):
    names = [
        *("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix"),
        *("X-Real-IP", "Forwarded", "X-SSL-Client-Cert", "Cookie", "Authorization"),
    ]
    headers = dict.fromkeys(names, SPOOFED) | {name.replace("-", "_"): SPOOFED for name in names if "-" in name}
    assert front.ask(headers=headers, source=SENDER).status == 202
    (seen,) = echo.seen
    assert SPOOFED not in str(seen.headers)
    assert seen.header("X-Forwarded-For") == [SENDER]
    assert seen.header("X-Forwarded-Host") == seen.header("Host") == [GATE]
    assert seen.header("X-Forwarded-Proto") == ["https"]
    assert seen.header("X-SSL-Client-Cert") == []


def test_people_are_not_believed_either(front, echo):
    names = ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "X-SSL-Client-Cert"]
    headers = dict.fromkeys(names, SPOOFED) | {name.replace("-", "_"): SPOOFED for name in names if "-" in name}
    front.ask("GET", "/web", host=PEOPLE, headers={**headers, "cookie": "session_id=mine"})
    (seen,) = echo.seen
    assert SPOOFED not in str(seen.headers)
    assert seen.header("cookie") == ["session_id=mine"]


def test_a_proven_client_certificate_is_passed_on(front, echo, certificates):
    front.ask(context=front.context(certificates.client), headers={"X-SSL-Client-Cert": SPOOFED})
    (passed,) = echo.seen[-1].header("X-SSL-Client-Cert")
    assert unquote(passed) == certificates.client.certificate.read_text()


def test_a_certificate_of_nobody_we_know_gets_the_one_401(front, echo, certificates):
    answer = front.ask(context=front.context(certificates.foreign))
    assert answer.segment == (401, "signature-rejected")
    assert answer.headers["www-authenticate"] == 'Webhook realm="integration"'
    assert echo.seen == []


def test_answers_are_not_compressed(front):
    # nginx compresses 200, 403 and 404 alone, and its usual configuration does.
    answer = front.ask(path="/web", headers={"accept-encoding": "gzip"})
    assert (answer.status, answer.headers.get("content-encoding")) == (404, None)


# -- which doors are open ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/web", "/web/login", "/web/database/manager", "/odoo", "/web/session/authenticate", "/websocket"),
        *("/xmlrpc/2/common", "/xmlrpc/common", "/jsonrpc", "/json/2/res.partner/search", "/json/1/x", "/doc"),
        *("/integration", "/integration/metrics", "/integrationx", "/.problem/not-ready", "/web/health"),
        *("/integration/../web/login", "/integration/%2e%2e/web/login", "/integration/..%2fweb/login"),
        *("/integration/v1/inbound/../../../jsonrpc", "//web/login", "/integration/./../json/2/x"),
    ],
)
def test_no_door_but_the_gate_is_open(front, echo, path):
    for method in ("GET", "POST"):
        answer = front.ask(method, path, body=b"{}")
        assert answer.segment == (404, "not-found"), path
        assert answer.problem["instance"] in (path, "/integration/")
    assert echo.seen == []


@pytest.mark.parametrize(
    "path",
    [
        *("/integration/health/live", "/integration/health/ready", "/integration/v1/jwks.json"),
        *("/integration/v1/problems/not-ready", "/integration/v1/schemas/clinical.encounter.admitted.v1"),
    ],
)
def test_health_and_explanations_are_reached(front, echo, path):
    assert front.ask("GET", path).status == 202
    assert echo.seen[-1].target == path


def test_metrics_are_for_the_monitoring_server_alone(front, echo):
    token = {"authorization": "Bearer of-the-monitor"}
    assert front.ask("GET", "/integration/metrics", headers=token).status == 404
    assert front.ask("GET", "/integration/metrics", headers=token, source=MONITOR).status == 202
    (seen,) = echo.seen
    assert seen.header("authorization") == ["Bearer of-the-monitor"]


def test_the_name_for_people_is_no_gate_and_has_no_door_for_programs(front, echo):
    for path in (INBOUND, "/integration/health/ready", "/integration/metrics"):
        assert front.ask(path=path, host=PEOPLE).status == 404
    for path in ("/web/database/manager", "/web/database/drop", "/xmlrpc/2/common", "/jsonrpc", "/json/2/x/y", "/doc"):
        assert front.ask(path=path, host=PEOPLE).status == 404
    assert echo.seen == []
    for path in ("/", "/web/login", "/odoo/action-1", "/integration/v1/schemas/x", "/integration/v1/jwks.json"):
        assert front.ask("GET", path, host=PEOPLE).status == 202
        assert echo.seen[-1].header("X-Forwarded-For") == [ENGINE]


def test_people_get_their_websocket_and_are_sent_to_tls(front, echo):
    front.ask("GET", "/websocket", host=PEOPLE, headers={"upgrade": "websocket", "connection": "upgrade"})
    assert echo.seen[-1].header("upgrade") == ["websocket"]
    assert [value.lower() for value in echo.seen[-1].header("connection")] == ["upgrade"]
    answer = front.ask("GET", "/web?x=1", host=PEOPLE, plain=True)
    assert (answer.status, answer.headers["location"]) == (301, f"https://{PEOPLE}/web?x=1")


# -- how much ---------------------------------------------------------------------------------------------------------


def test_a_stranger_is_refused_when_it_floods(fresh):
    front = fresh()
    client = front.client(STRANGER)
    began = time.monotonic()
    answers = [send(client) for _ in range(60)]
    refused = [answer for answer in answers if answer.status != 202]
    assert [answer.status for answer in answers[:11]] == [202] * 11
    assert len(answers) - len(refused) <= 12 + 5 * (time.monotonic() - began)
    assert refused
    assert {answer.segment for answer in refused} == {(429, "rate-limited")}
    assert {answer.headers["retry-after"] for answer in refused} == {"2"}
    assert refused[0].problem["instance"] == INBOUND


def test_strangers_share_an_allowance_which_known_senders_do_not_need(fresh, echo):
    front = fresh()
    clients = [front.client(f"127.0.3.{number}") for number in range(1, 101)]
    began = time.monotonic()
    strangers = [send(client).status for client in clients]
    assert strangers.count(202) <= 22 + 10 * (time.monotonic() - began)
    assert strangers.count(429) == 100 - strangers.count(202) > 0
    assert len(echo.seen) == strangers.count(202)
    for source in (ENGINE, SENDER):
        assert front.ask(source=source).status == 202
    certified = front.client("127.0.3.200", context=front.context(front.certificates.client))
    assert [send(certified).status for _ in range(40)] == [202] * 40


def test_a_burst_of_a_known_sender_is_slowed_down_and_not_refused(fresh):
    front = fresh()
    client = front.client(SENDER)
    began = time.monotonic()
    assert [send(client).status for _ in range(16)] == [202] * 16
    assert time.monotonic() - began >= 15 / 10 - 0.05


def test_health_checks_of_the_monitor_are_never_refused(fresh):
    front = fresh()
    client = front.client(MONITOR)
    assert [send(client, "GET", "/integration/health/live").status for _ in range(100)] == [202] * 100


def half_sent(front: Door, source: str, open_ones: contextlib.ExitStack) -> bool:
    """Begin a request and stop in its body; return whether nginx waits for the rest."""
    head = f"POST {INBOUND} HTTP/1.1\r\nhost: {GATE}\r\ncontent-length: 10\r\nexpect: 100-continue\r\n\r\n"
    connection = open_ones.enter_context(front.connect(source))
    connection.sendall(head.encode())
    answer = connection.recv(4096)
    connection.sendall(b"half")
    return answer.startswith(b"HTTP/1.1 100")


def test_half_sent_requests_of_one_address_end_at_a_hundred_and_reach_nobody(fresh, echo):
    front = fresh()
    with contextlib.ExitStack() as open_ones:
        assert all(half_sent(front, OTHER_ENGINE, open_ones) for _ in range(100))
        assert front.ask(source=OTHER_ENGINE).segment == (429, "rate-limited")
        assert front.ask(source=ENGINE).status == 202
    assert len(echo.seen) == 1


def test_a_single_sender_has_four_requests_at_a_time(fresh):
    front = fresh()
    with contextlib.ExitStack() as open_ones:
        assert all(half_sent(front, SENDER, open_ones) for _ in range(4))
        assert front.ask(source=SENDER).segment == (429, "rate-limited")
        assert front.ask(source="127.0.1.2").status == 202


def test_half_sent_requests_of_strangers_end_at_ten_each_and_fifty_together(fresh, echo):
    front = fresh()
    with contextlib.ExitStack() as open_ones:
        for number in range(1, 6):
            source = f"127.0.4.{number}"
            for _ in range(10):
                deadline = time.monotonic() + 20
                while not half_sent(front, source, open_ones):
                    assert time.monotonic() < deadline, "ten requests a second are let in"
            # An eleventh would be within its rate.
            assert number > 1 or front.ask(source=source).status == 429
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            assert front.ask(source="127.0.4.100").status == 429
    assert echo.seen == []


@pytest.mark.parametrize(("source", "share"), [(ENGINE, 3), (SENDER, 3), (STRANGER, 2)])
def test_more_than_its_share_of_odoo_is_asked_to_come_back_and_others_are_not(fresh, echo, source, share):
    front = fresh(connections=3)
    with ThreadPoolExecutor(share) as pool:
        waiting = [pool.submit(front.ask, path=HELD, source=source) for _ in range(share)]
        for _ in waiting:
            assert echo.held.acquire(timeout=30)
        answer = front.ask(source=source)
        assert answer.segment == (503, "not-ready")
        assert answer.headers["retry-after"] == "5"
        for other in {ENGINE, SENDER, STRANGER} - {source}:
            assert front.ask(source=other).status == 202
        echo.release()
        assert [one.result().status for one in waiting] == [202] * share
    assert front.ask(source=source).status == 202


# -- limits of one request --------------------------------------------------------------------------------------------


def test_a_body_announced_too_large_is_refused_before_it_is_sent(front, echo):
    head = f"POST {INBOUND} HTTP/1.1\r\nhost: {GATE}\r\ncontent-length: {16 * MIB + 1}\r\n\r\n"
    answer = front.raw(head.encode())
    assert answer.segment == (413, "body-too-large")
    assert answer.problem["instance"] == INBOUND
    assert echo.seen == []


def test_a_chunked_body_is_refused_when_it_becomes_too_large(front, echo):
    chunk = b"%x\r\n%b\r\n" % (MIB, bytes(MIB))
    head = f"POST {INBOUND} HTTP/1.1\r\nhost: {GATE}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    answer = front.raw(head + chunk * 17)
    assert answer.segment == (413, "body-too-large")
    assert echo.seen == []


def test_the_largest_body_that_odoo_reads_passes(front, echo):
    assert front.ask(body=bytes(16 * MIB)).status == 202
    assert len(echo.seen[-1].body) == 16 * MIB


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (f"POST {INBOUND} HTTP/1.1\r\nhost: {GATE}\r\nx-a: {'a' * 17000}\r\n\r\n", 431),
        (f"POST {INBOUND} HTTP/1.1\r\nhost: {GATE}\r\n{f'x-a: {chr(97) * 8000}{chr(13)}{chr(10)}' * 20}\r\n", 431),
        (f"POST /integration/{'a' * 17000} HTTP/1.1\r\nhost: {GATE}\r\n\r\n", 414),
        ("\x01\x02\r\n\r\n", 400),
        (f"POST {INBOUND} HTTP/1.1\r\nhost: {GATE}\r\ncontent-length: x\r\n\r\n", 400),
        (f"POST {INBOUND} HTTP/1.1\r\nhost: {GATE}\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 400),
        (f"POST {INBOUND} HTTP/1.1\r\nhost: {GATE}\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        (f"POST {INBOUND} HTTP/1.1\r\nhost: {GATE}\r\nhost: {GATE}\r\n\r\n", 400),
        (f"TRACE {INBOUND} HTTP/1.1\r\nhost: {GATE}\r\n\r\n", 405),
    ],
)
def test_what_is_no_request_gets_problem_details(front, echo, request_bytes, status):
    answer = front.raw(request_bytes.encode("latin-1"))
    assert answer.status == status
    assert answer.problem["status"] == status
    assert ("allow" in answer.headers) == (status == 405)
    assert echo.seen == []


@pytest.mark.parametrize("path", ['/web/"quoted"', "/web/\\back", "/web/é", "/web/x?secret=1", f"/web/{'a' * 2000}"])
def test_problem_details_are_json_whatever_was_asked_for(front, path):
    answer = front.raw(f"GET {path} HTTP/1.1\r\nhost: {GATE}\r\n\r\n".encode())
    assert answer.status == 404
    assert answer.problem["instance"] in ("/integration/", "/web/x")


# -- when Odoo is away ------------------------------------------------------------------------------------------------


def test_without_odoo_senders_are_asked_to_come_back(fresh):
    answer = fresh(odoo="127.0.0.1:9").ask(body=b"{}")
    assert answer.segment == (503, "not-ready")
    assert answer.headers["retry-after"] == "5"


# -- what is written down ---------------------------------------------------------------------------------------------


def test_the_log_finds_an_answer_and_tells_nothing_else(fresh):
    front = fresh()
    mine = front.ask("GET", "/web/login?password=hunter2", headers={"webhook-signature": "v1,hunter2"})
    front.ask(body=b"hunter2")
    front.nginx.stop()
    lines = [json.loads(line) for line in Path(front.nginx.access_log).read_text().splitlines()]
    assert [(line["status"], line["path"], line["address"], line["class"]) for line in lines] == [
        (404, "/web/login", ENGINE, "engine"),
        (202, INBOUND, ENGINE, "engine"),
    ]
    assert lines[0]["request_id"] == lines[0]["answered"] == mine.headers["x-request-id"]
    assert lines[1]["answered"] == "of-odoo"
    assert "hunter2" not in str(lines)


@pytest.mark.parametrize(("path", "plain"), [(INBOUND, False), ("/web/login", False), (INBOUND, True)])
def test_a_flood_does_not_fill_the_log(fresh, path, plain):
    front = fresh()

    def flood(_: int) -> None:
        client = front.client(STRANGER, plain=plain)
        for _ in range(100):
            send(client, path=path)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(flood, range(4)))
    front.nginx.stop()
    assert len(Path(front.nginx.access_log).read_text().splitlines()) < 150
    assert "limiting requests" not in Path(front.nginx.error_log).read_text()
