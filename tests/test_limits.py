"""Limits before anything is verified, over real sockets, against Odoo's threaded server and its prefork workers.

Whatever comes gets the contract's answer or a closed connection, no traceback and no 500, and honest senders beside it
go on.
"""

import gzip
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from partner import JSON_TYPE, Partner
from wires import Wire, exchange, head, status

RAW_CAP = 16 << 20
DRIP_SECONDS = 0.2
SLOWEST = 12.0
"""Until when a connection that drips is closed: five seconds for the body, two after the answer, and a busy machine."""
TROUBLE = ("Traceback", '" 500 ', "Internal Server Error")


@pytest.fixture(scope="module", params=[0, 5], ids=["threaded", "prefork"])
def server(request, odoo_server):
    return odoo_server(workers=request.param)


@pytest.fixture
def partner(server):
    system = server.systems["ehr"]
    return Partner(system["url"], system["secret"])


def read_log(server) -> list[str]:
    """Return what the server has written since the last call."""
    text = server.log.read_text(encoding="utf-8", errors="replace")
    fresh, server.read = text[getattr(server, "read", 0) :], len(text)
    return fresh.splitlines()


@pytest.fixture(autouse=True)
def nothing_breaks(server):
    """After every test: nothing in the log that says something broke, and the next honest message is accepted."""
    yield
    system = server.systems["ehr"]
    assert Partner(system["url"], system["secret"]).post()[0] == 202
    assert not [line for line in read_log(server) if any(word in line for word in TROUBLE)]


def problem(answer: bytes) -> str:
    """Return the last segment of the problem's type of an answer."""
    fields, _end, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in fields.lower(), answer
    assert b"x-request-id" in fields.lower()
    return json.loads(body)["type"].rsplit("/", 1)[1]


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def chunked(path: str, body: bytes) -> bytes:
    return head(path, "transfer-encoding: chunked", f"content-type: {JSON_TYPE}") + body


# -- too large --------------------------------------------------------------------------------------------------------


def test_a_body_that_is_announced_too_large_is_refused_without_being_read(partner):
    wire = Wire(partner.url)
    wire.send(head(wire.path, f"content-length: {10 << 30}") + b"x" * 1000)
    began = time.monotonic()
    assert problem(wire.read()) == "body-too-large"
    assert time.monotonic() - began < SLOWEST
    wire.close()


def test_a_body_whose_end_nobody_announced_is_read_up_to_the_cap(partner):
    mebibyte = chunk(b"x" * (1 << 20))
    assert problem(exchange(partner.url, lambda path: chunked(path, mebibyte * 17 + b"0\r\n\r\n"))) == "body-too-large"


def test_a_body_of_just_the_cap_is_read(partner):
    assert partner.post(b"x" * RAW_CAP)[1]["type"].endswith("/body-too-large")  # verified, and over its system's limit
    assert partner.post(b"x" * (RAW_CAP + 1))[1]["type"].endswith("/body-too-large")
    assert partner.post(b"x" * (1 << 20))[1]["type"].endswith("/malformed-body")


def test_bombs_are_never_inflated(partner):
    bombs = {
        "body-too-large": gzip.compress(b"\0" * (200 << 20), 9),
        "unsupported-media-type": gzip.compress(b"")[:-4],
    }
    for segment, bomb in bombs.items():
        began = time.monotonic()
        assert partner.post(bomb, content_encoding="gzip")[1]["type"].endswith(f"/{segment}")
        assert time.monotonic() - began < SLOWEST
    assert partner.post(gzip.compress(gzip.compress(b"{}")), content_encoding="gzip, gzip")[0] == 415


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 500_000,
        b'{"a":' * 100_000,
        b'{"data": 1e999}',
        b'{"data": ' + b"9" * 500_000 + b"}",
        b'{"data": -1e' + b"9" * 500_000 + b"}",
        b"\xff\xfe{}",
        b'{"data": "' + b"\\ud800" * 1000 + b'"}',
    ],
    ids=["arrays", "objects", "infinity", "digits", "exponent", "utf-16", "surrogates"],
)
def test_numbers_and_nesting_have_bounds(partner, body):
    answer = partner.post(body)
    assert (answer[0], answer[1]["type"].rsplit("/", 1)[1]) == (400, "malformed-body")


# -- headers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([f"x-{number}: 1" for number in range(90)], 401),
        ([f"x-{number}: {'y' * 8000}" for number in range(90)], 401),
        ([f"webhook-id: {'y' * 60000}", f"webhook-signature: {'v1,AAAA ' * 7000}", "webhook-timestamp: 1"], 401),
        (["webhook-id: a\x00b", "webhook-timestamp: \xb2", "webhook-signature: \xff"], 401),
        (["content-length: -1"], 401),
        (["content-length: 1_0"], 401),
        (["content-length: 9" + "9" * 500], 413),
    ],
)
def test_floods_of_headers(partner, fields, expected):
    assert status(exchange(partner.url, lambda path: head(path, *fields))) == expected


@pytest.mark.parametrize("fields", [[f"x-{number}: 1" for number in range(1000)], [f"x-y: {'y' * 70000}"]])
def test_heads_that_odoo_itself_refuses(server, partner, fields):
    """Beyond a hundred headers, or 64 KiB in one line, nothing of ours is asked.

    With threads Odoo stumbles over its own answer, writes a traceback to its log and hangs up.
    """
    assert status(exchange(partner.url, lambda path: head(path, *fields))) == (431 if server.prefork else 0)
    read_log(server)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_request_that_names_no_host(partner, version):
    answer = exchange(partner.url, lambda path: f"POST {path} HTTP/{version}\r\ncontent-length: 0\r\n\r\n".encode())
    assert problem(answer) == "signature-rejected"


# -- broken on the wire -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"nonsense\r\n{}\r\n0\r\n\r\n",
        b"-2\r\n{}\r\n0\r\n\r\n",
        b"5\r\n{}\r\n0\r\n\r\n",
        b"2\r\n{}no line\r\n0\r\n\r\n",
        b"f" * 2_000_000,
        b"2;" + b"x" * 2_000_000 + b"\r\n{}\r\n0\r\n\r\n",
        b"ffffffffffffffffffffffff\r\n{}",
    ],
    ids=["no number", "negative", "too short", "no end", "endless head", "endless extension", "huge"],
)
def test_broken_chunks(partner, body):
    assert problem(exchange(partner.url, lambda path: chunked(path, body), last=True)) == "signature-rejected"


def test_a_body_with_two_ends_is_not_believed(partner):
    fields = ["transfer-encoding: chunked", "content-length: 2"]
    answer = exchange(partner.url, lambda path: head(path, *fields) + b"2\r\n{}\r\n0\r\n\r\n")
    assert problem(answer) == "signature-rejected"


def test_chunks_that_are_well_formed_are_accepted(partner):
    body = partner.message().body
    fields = [f"{name}: {value}" for name, value in partner.fields(body).items()]
    pieces = b"".join(chunk(body[at : at + 100]) for at in range(0, len(body), 100))
    answer = exchange(
        partner.url, lambda path: head(path, "transfer-encoding: chunked", *fields) + pieces + b"0\r\n\r\n"
    )
    assert status(answer) == 202


def test_of_requests_in_one_go_the_first_is_answered(server, partner):
    bodies = [partner.message().body for _number in range(2)]

    def both(path: str) -> bytes:
        requests = []
        for body in bodies:
            fields = [f"{name}: {value}" for name, value in partner.fields(body).items()]
            requests.append(head(path, f"content-length: {len(body)}", *fields) + body)
        return b"".join(requests)

    answer = exchange(partner.url, both)
    assert answer.count(b"HTTP/1.") == 1
    assert status(answer) == 202
    ids = [json.loads(body)["id"] for body in bodies]
    stored = server.sql("SELECT source_event_id FROM integration_event WHERE source_event_id = ANY (%s)", ids)
    assert stored == [(ids[0],)]


def test_senders_that_hang_up_leave_nothing(server, partner, wait_until):
    body = partner.message().body
    fields = [f"{name}: {value}" for name, value in partner.fields(body).items()]
    whole = head("/integration/v1/inbound/ehr", f"content-length: {len(body)}", *fields) + body

    def counted() -> int:
        found = server.sql("SELECT sum(count) FROM integration_refusal WHERE cause = 'incomplete_body'")
        return int(found[0][0] or 0)

    before = counted()
    for end in (len(whole) - len(body), len(whole) - len(body) // 2, len(whole) - 1):
        wire = Wire(partner.url)
        wire.send(whole[:end])
        wire.close()
    wait_until(lambda: counted() > before, what="the bodies that ended early are counted")
    found = server.sql("SELECT count(*) FROM integration_event WHERE source_event_id = %s", json.loads(body)["id"])
    assert found == [(0,)]


# -- slow -------------------------------------------------------------------------------------------------------------


def dripping(url: str, begin: bytes, piece: bytes) -> tuple[float, bytes]:
    wire = Wire(url)
    try:
        wire.send(begin)
        return wire.drip(iter(lambda: piece, None), DRIP_SECONDS), wire.answer
    finally:
        wire.close()


def test_slow_senders_are_parted_with_and_honest_ones_go_on(server, partner):
    """At once, so that each is worth a worker: a slow body, slow chunks, and one that drips on after its answer."""
    inbound, live = "/integration/v1/inbound/ehr", "/integration/health/live"
    slow = {
        "body": (head(inbound, "content-length: 1000"), b"x", 401),
        "chunks": (head(inbound, "transfer-encoding: chunked"), b"1\r\nx\r\n", 401),
        "too large": (head(inbound, f"content-length: {1 << 30}"), b"x", 413),
        "after": (head(live, "content-length: 1000"), b"x", 405),
    }
    done = threading.Event()

    def honest() -> list[int]:
        found = []
        while not done.is_set():
            found.append(partner.post()[0])
        return found

    with ThreadPoolExecutor(len(slow) + 1) as pool:
        posting = pool.submit(honest)
        dripped = {
            name: pool.submit(dripping, partner.url, begin, piece) for name, (begin, piece, _status) in slow.items()
        }
        try:
            ended = {name: future.result() for name, future in dripped.items()}
        finally:
            done.set()
        assert set(posting.result()) == {202}
        assert len(posting.result()) > 5
    assert {name: status(answer) for name, (_took, answer) in ended.items()} == {
        name: expected for name, (_begin, _piece, expected) in slow.items()
    }
    assert max(took for took, _answer in ended.values()) < SLOWEST


def test_a_slow_line_is_not_a_slow_sender(partner):
    """A body that takes longer than the first seconds is read for as long as enough of it comes."""
    body = b'"' + b"x" * 900_000 + b'"'
    fields = [f"{name}: {value}" for name, value in partner.fields(body).items()]
    wire = Wire(partner.url)
    wire.send(head(wire.path, f"content-length: {len(body)}", *fields))
    pieces = (body[at : at + 30_000] for at in range(0, len(body), 30_000))
    took = wire.drip(pieces, 0.23)
    wire.read()
    assert (status(wire.answer), problem(wire.answer)) == (400, "malformed-event")
    assert took > 5.5
    wire.close()


def test_half_open_connections_do_not_stop_honest_senders(server, partner):
    """Prefork workers part with a silent one after two seconds; threads wait for ever, which a proxy has to prevent."""
    silent = [Wire(partner.url) for _number in range(4)]
    begun = head("/integration/v1/inbound/ehr", "content-length: 2").splitlines(keepends=True)
    for number, wire in enumerate(silent):
        wire.send(b"".join(begun[:number]))
    assert {partner.post()[0] for _number in range(5)} == {202}
    if server.prefork:
        for wire in silent:
            assert wire.read() == b""
    for wire in silent:
        wire.close()
