"""One POST against real sockets: what good receivers answer, and what bad ones do to whoever waits for them."""

import datetime
import errno
import gzip
import os
import socket
import threading

import pytest
from receivers import answering, dripping, flooding, hanging_after, resetting_after

from integration_core.domain import backoff, outcome
from integration_outbound.domain import http_sender
from integration_outbound.domain.http_sender import Sender

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
KEEP = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def sender():
    sender = Sender(resolver=lambda _host, _port: ["127.0.0.1"])
    yield sender
    sender.close()


def post(sender, receiver, *, host="127.0.0.1", scheme="http", path="/hook", **options):
    options = {"headers": {"Webhook-Id": "m1"}, "body": b"{}", "allowed": receiver.allowed, "deadline": 20, **options}
    return sender.send(f"{scheme}://{host}:{receiver.port}{path}", **options)


def test_what_arrives_and_what_is_answered(sender, receive):
    receiver = receive(
        answering(b"HTTP/1.1 202 Accepted\r\nRetry-After: 7\r\nX-Secret: s\r\nConnection: close\r\n\r\nthanks")
    )
    result = post(sender, receiver, host="receiver.example", path="/hook?a=b", body=b"x" * 100_000)
    assert (result.status, result.error, result.excerpt) == (202, None, b"thanks")
    assert result.headers == {"retry-after": "7"}
    assert set(result.timings) == {"dns", "connect", "request", "answer", "body"}
    assert 0 < result.elapsed < 20
    ((line, headers, body),) = receiver.requests
    assert line == "POST /hook?a=b HTTP/1.1"
    assert headers == {
        "host": f"receiver.example:{receiver.port}",
        "accept-encoding": "identity",
        "webhook-id": "m1",
        "content-length": "100000",
    }
    assert body == b"x" * 100_000


@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 400, 410, 429, 500, 503])
def test_any_status_is_reported_and_redirects_are_not_followed(sender, receive, status):
    head = f"HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:1/\r\nConnection: close\r\n\r\n".encode()
    receiver = receive(answering(head))
    result = post(sender, receiver)
    assert (result.status, result.error) == (status, None)
    assert receiver.connections == 1


def test_proxy_settings_are_not_read(sender, receive, monkeypatch):
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert post(sender, receive(answering(OK))).status == 200


class TestAnswers:
    def excerpt(self, sender, receive, head, *parts):
        receiver = receive(answering(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + head + b"\r\n", *parts))
        return post(sender, receiver).excerpt

    def test_long_answers_are_cut(self, sender, receive):
        head = b"Content-Length: 100000\r\n"
        assert self.excerpt(sender, receive, head, b"x" * 100_000) == b"x" * 16384

    @pytest.mark.parametrize("head", [b"", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 99999999999999999\r\n"])
    def test_an_endless_body_is_left_where_it_is(self, sender, receive, head):
        left = threading.Event()
        piece = b"3e8\r\n" + b"x" * 1000 + b"\r\n" if b"chunked" in head else b"x" * 1000

        def script(receiver, connection):
            try:
                flooding(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n", piece)(receiver, connection)
            except ConnectionError:
                left.set()
                raise

        result = post(sender, receive(script))
        assert (result.status, result.excerpt) == (200, b"x" * 16384)
        assert left.wait(10)

    @pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
    def test_no_body_is_waited_for_where_there_can_be_none(self, sender, receive, status):
        receiver = receive(hanging_after(b"HTTP/1.1 " + status + b"\r\nContent-Length: 10\r\n\r\n"))
        result = post(sender, receiver)
        assert (result.status, result.excerpt) == (int(status[:3]), b"")

    def test_interim_answers_are_passed_over(self, sender, receive):
        interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\nRetry-After: 9\r\n\r\n"
        receiver = receive(answering(interim, b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok"))
        result = post(sender, receiver)
        assert (result.status, result.excerpt, result.headers) == (202, b"ok", {})

    def test_chunked(self, sender, receive):
        head = b"Transfer-Encoding: chunked\r\n"
        assert self.excerpt(sender, receive, head, b"2\r\nab\r\n", b"1;x=y\r\nc\r\n0\r\n\r\n") == b"abc"

    def test_a_compressed_bomb_is_cut_after_decompression(self, sender, receive):
        bomb = gzip.compress(b"\0" * 10_000_000)
        head = f"Content-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n".encode()
        assert self.excerpt(sender, receive, head, bomb) == b"\0" * 16384

    @pytest.mark.parametrize("encoding", [b"gzip", b"br"])
    def test_what_cannot_be_decoded_is_left_out(self, sender, receive, encoding):
        assert self.excerpt(sender, receive, b"Content-Encoding: " + encoding + b"\r\n", b"garbage") == b""


def deaf(receiver, _connection):
    receiver.release.wait(30)


class TestDeadline:
    """Each of these would hold a thread for ever under a timeout per read."""

    @pytest.mark.parametrize(
        ("script", "step"),
        [
            (hanging_after(), "waiting"),
            (dripping(b"HTTP/1.1 200 OK\r\nX-Slow: "), "waiting"),
            (hanging_after(b"HTTP/1.1 200 OK\r\nX-Half: "), "waiting"),
            (dripping(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"), "waiting"),
            (dripping(b"", b"HTTP/1.1 102 Processing\r\n\r\n"), "waiting"),
            (hanging_after(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"), "reading"),
            (hanging_after(b"HTTP/1.1 200 OK\r\n\r\nwithout an end"), "reading"),
            (dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"), "reading"),
            (dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"), "reading"),
            (dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"T: t\r\n"), "reading"),
            (dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n"), "reading"),
        ],
    )
    def test_slow_receivers(self, sender, receive, script, step):
        result = post(sender, receive(script), deadline=0.4)
        assert (result.status, result.error) == (None, "timeout")
        assert step in result.detail
        assert 0.4 <= result.elapsed < 10

    def test_a_receiver_that_does_not_read(self, sender, receive):
        result = post(sender, receive(deaf), body=b"x" * 20_000_000, deadline=0.4)
        assert result.error == "timeout"
        assert "sending" in result.detail

    def test_tls_that_never_answers(self, sender, receive):
        result = post(sender, receive(deaf), scheme="https", deadline=0.4)
        assert result.error == "timeout"
        assert "encryption" in result.detail

    def test_tls_that_drips(self, sender, receive):
        def script(receiver, connection):
            connection.sendall(b"\x16\x03\x03\x40\x00")  # a long handshake record, of which little comes
            while not receiver.release.wait(0.05):
                connection.sendall(b"\x02")

        result = post(sender, receive(script), scheme="https", deadline=0.4)
        assert (result.error, result.step) == ("timeout", "tls")
        assert result.elapsed < 10

    def test_a_resolver_that_hangs(self, receive):
        release = threading.Event()
        slow = Sender(resolver=lambda _host, _port: release.wait(30) and ["127.0.0.1"])
        result = post(slow, receive(answering(OK)), host="receiver.example", deadline=0.3)
        release.set()
        assert result.error == "timeout"
        assert "looking up" in result.detail

    def test_too_many_hanging_look_ups_wait_in_line(self, receive, monkeypatch):
        monkeypatch.setattr(http_sender, "_lookups", threading.BoundedSemaphore(1))
        http_sender._lookups.acquire()
        sender = Sender(resolver=lambda _host, _port: ["127.0.0.1"])
        assert post(sender, receive(answering(OK)), host="receiver.example", deadline=0.1).error == "sender_exhausted"

    @pytest.mark.parametrize("short_of", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.EADDRNOTAVAIL])
    def test_what_this_machine_has_run_out_of_is_not_the_receivers_fault(self, receive, monkeypatch, short_of):
        def no_more(*_args):
            raise OSError(short_of, "none left")

        receiver = receive(answering(OK))
        monkeypatch.setattr(http_sender.socket, "socket", no_more)
        assert post(Sender(), receiver).error == "sender_exhausted"

    def test_a_name_that_no_file_is_left_to_look_up_with(self, receive):
        def no_more(_host, _port):
            raise OSError(errno.EMFILE, "none left")

        sender = Sender(resolver=no_more)
        assert post(sender, receive(answering(OK)), host="receiver.example").error == "sender_exhausted"

    def test_a_thread_that_cannot_begin_leaves_its_place_to_the_next(self, receive, monkeypatch):
        monkeypatch.setattr(http_sender, "_lookups", threading.BoundedSemaphore(1))

        def refuse(_thread):
            raise RuntimeError("can't start new thread")

        receiver = receive(answering(OK))
        sender = Sender(resolver=lambda _host, _port: ["127.0.0.1"])
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            assert post(sender, receiver, host="receiver.example").error == "sender_exhausted"
        assert post(sender, receiver, host="receiver.example").error != "sender_exhausted"

    def test_no_time_at_all(self, sender, receive):
        assert post(sender, receive(answering(OK)), deadline=0).error == "timeout"


TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n"


def hanging_early(receiver, connection):
    connection.recv(100)
    connection.sendall(TOO_LARGE)
    receiver.release.wait(30)


def closing_early(_receiver, connection):
    connection.recv(100)
    connection.sendall(TOO_LARGE)


class TestFailures:
    def test_nothing_listens(self, sender, receive):
        receiver = receive(answering(OK))
        receiver.close()
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        result = sender.send(f"http://127.0.0.1:{port}/", headers={}, body=b"", allowed={f"127.0.0.1:{port}"})
        assert result.error == "connection_refused"

    @pytest.mark.parametrize(
        ("script", "error"),
        [
            (resetting_after(), "connection_reset"),
            (answering(), "connection_reset"),
            (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), "connection_reset"),
            (answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhalf"), "connection_reset"),
            (resetting_after(b"HTTP/1.1 200 OK\r\nX: "), "connection_reset"),
            (resetting_after(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + b"x" * 4000), "connection_reset"),
            (answering(b"HTTP/1.1 200 OK\r\nX: y"), "connection_reset"),
            (answering(b"SSH-2.0-OpenSSH\r\n"), "bad_response"),
            (hanging_after(b"SSH-2.0-OpenSSH\r\n"), "bad_response"),
            (hanging_after(b"<html>HTTP/0.9 has no head</html>"), "bad_response"),
            (hanging_after(b"HTTP/0.9 200 OK\r\n\r\n"), "bad_response"),
            (hanging_after(b"HTTP/2 200\r\n\r\n"), "bad_response"),
            (hanging_after(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"), "bad_response"),
            (flooding(b"HTTP/1.1 200 OK\r\n", b"X-Flood: " + b"y" * 999 + b"\r\n"), "bad_response"),
            (flooding(b"HTTP/1.1 200 OK\r\nX: ", b"y" * 9999), "bad_response"),
            (flooding(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "bad_response"),
            (flooding(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x" * 999), "bad_response"),
            (flooding(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"T: t\r\n"), "bad_response"),
            (answering(b"HTTP/1.1 nonsense\r\n\r\n"), "bad_response"),
            (answering(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n"), "bad_response"),
            (answering(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"), "bad_response"),
            (answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), "bad_response"),
        ],
    )
    def test_broken_answers(self, sender, receive, script, error):
        result = post(sender, receive(script))
        assert (result.status, result.error) == (None, error)
        assert result.detail
        assert result.step in ("answer", "body")
        assert "flood" not in result.detail.lower()

    def test_header_names_and_values_of_any_bytes_are_passed_over(self, sender, receive):
        head = b"HTTP/1.1 200 \xc3\x96K\r\nX-N\xe4me: \xff\x80\r\nContent-Type: t\xe9xt\r\nConnection: close\r\n\r\n"
        result = post(sender, receive(answering(head)))
        assert (result.status, result.headers) == (200, {"content-type": "t\xe9xt"})

    @pytest.mark.parametrize("tls", [False, True])
    @pytest.mark.parametrize("script", [hanging_early, closing_early])
    def test_an_answer_instead_of_reading_on(self, authority, receive, script, tls):
        """The message is far larger than what the receiver, or the network between, ever takes."""
        context = authority.server_context("receiver.example") if tls else None
        receiver = receive(script, context)
        sender = Sender(resolver=lambda _host, _port: ["127.0.0.1"], ssl_context=authority.client_context())
        scheme = "https" if tls else "http"
        result = post(sender, receiver, host="receiver.example", scheme=scheme, body=b"x" * 20_000_000)
        assert (result.status, result.error) == (413, None)
        assert not sender._pool._idle

    def test_an_answer_before_the_whole_message_was_read(self, sender, receive):
        def script(receiver, connection):
            connection.recv(100)
            connection.sendall(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass

        assert post(sender, receive(script), body=b"x" * 5_000_000).status == 413

    def test_names_that_do_not_resolve(self, receive):
        def resolver(_host, _port):
            raise socket.gaierror(socket.EAI_NONAME, "no such name")

        result = post(Sender(resolver=resolver), receive(answering(OK)), host="receiver.example")
        assert result.error == "dns_failure"

    def test_a_failure_of_the_resolver_itself(self, receive):
        def resolver(_host, _port):
            raise ValueError

        result = post(Sender(resolver=resolver), receive(answering(OK)), host="receiver.example")
        assert result.error == "bad_response"

    @pytest.mark.parametrize(
        "headers",
        [
            {"x": "a\r\nInjected: y"},
            {"x": "a\n b"},
            {"x": "é"},
            {"x": "\x7f"},
            {"bad name": "y"},
            {"x:y": "z"},
            {"x": "a\0"},
            {"": "y"},
            {"Host": "other.example"},
            {"Content-Length": "0"},
            {"Transfer-Encoding": "chunked"},
        ],
    )
    def test_headers_cannot_be_injected(self, sender, receive, headers):
        receiver = receive(answering(OK))
        assert post(sender, receiver, headers=headers).error == "bad_url"
        assert receiver.connections == 0


    def test_a_header_may_be_empty_and_hold_a_tab(self, sender, receive):
        receiver = receive(answering(OK))
        assert post(sender, receiver, headers={"X-Tab": "a\tb", "X-Empty": ""}).status == 200
        headers = receiver.requests[0][1]
        assert (headers["x-tab"], headers["x-empty"]) == ("a\tb", "")


class TestFromTheAnswerToTheNextTry:
    """The contract's table, from bytes on a socket to what follows and when."""

    NOW = datetime.datetime(2026, 11, 20, 12, 0, tzinfo=datetime.timezone.utc)

    def judge(self, sender, receive, status, head=b""):
        answer = b"HTTP/1.1 %d X\r\nContent-Length: 0\r\nConnection: close\r\n%s\r\n" % (status, head)
        result = post(sender, receive(answering(answer)))
        return result, outcome.judge(status=result.status, error=result.error)

    @pytest.mark.parametrize(
        ("status", "expected"),
        [
            (200, "delivered"),
            (204, "delivered"),
            (301, "configuration"),
            (307, "configuration"),
            (400, "rejected"),
            (401, "configuration"),
            (404, "configuration"),
            (408, "retry"),
            (409, "rejected"),
            (410, "gone"),
            (413, "rejected"),
            (422, "rejected"),
            (425, "retry"),
            (429, "retry"),
            (500, "retry"),
            (503, "retry"),
            (599, "retry"),
        ],
    )
    def test_statuses(self, sender, receive, status, expected):
        location = b"Location: http://127.0.0.1:1/\r\n"
        _result, verdict = self.judge(sender, receive, status, location)
        assert verdict.outcome.value == expected

    @pytest.mark.parametrize("status", [429, 503])
    @pytest.mark.parametrize(
        ("value", "wait"),
        [
            (b"60", 60),
            (b"2", 5),  # the step is longer
            (b"Fri, 20 Nov 2026 12:02:00 GMT", 120),
            (b"Fri, 20 Nov 2026 11:00:00 GMT", 5),
            (b"-60", 5),
            (b"1.5", 5),
            (b"soon", 5),
            (b"\xff\xfe", 5),
            (b"", 5),
            (b"99999999999999999999", backoff.DEFAULT_SCHEDULE.total),
            (b"9" * 30_000, backoff.DEFAULT_SCHEDULE.total),
            (b"60\r\nRetry-After: 9999", 60),
        ],
        ids=lambda value: repr(value[:40]) if isinstance(value, bytes) else "",
    )
    def test_what_a_receiver_asks_for(self, sender, receive, status, value, wait):
        result, verdict = self.judge(sender, receive, status, b"Retry-After: " + value + b"\r\n")
        assert verdict.honours_retry_after
        hint = backoff.parse_retry_after(result.headers.get("retry-after"), now=self.NOW)
        assert backoff.next_delay(backoff.DEFAULT_SCHEDULE, 1, retry_after=hint, rand=lambda: 0.0) == wait


class TestGuard:
    def test_refused_before_any_connection(self, sender, receive):
        receiver = receive(answering(OK))
        for url in (f"http://127.0.0.1:{receiver.port}/", f"https://127.0.0.1:{receiver.port}/"):
            assert sender.send(url, headers={}, body=b"").error == "egress_refused"
        assert sender.send("https://user@example.org/", headers={}, body=b"").error == "bad_url"
        assert receiver.connections == 0

    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1",
            "127.255.255.254",
            "0.0.0.0",  # noqa: S104 (nothing listens; the system would connect to itself)
            "10.0.0.1",
            "172.16.0.1",
            "192.168.0.1",
            "100.64.0.1",
            "169.254.169.254",
            "169.254.0.1",
            "168.63.129.16",
            "100.100.100.200",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[::127.0.0.1]",
            "[64:ff9b::127.0.0.1]",
            "[64:ff9b:1::10.0.0.1]",
            "[2002:7f00:1::]",
            "[2002:a9fe:a9fe::1]",
            "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
            "[fd12:3456::1]",
            "[fd00:ec2::254]",
            "[fe80::1]",
            "[ff02::1]",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "127.0.0.1.",
            "user@127.0.0.1",
            "localhost",
            "inner.example",
            "inner.example.",
            "bücher.example",
        ],
    )
    def test_no_way_inside(self, monkeypatch, host):
        """Whatever the host is called, no socket is made; a name is looked up once at most."""
        asked = []

        def resolver(name, _port):
            asked.append(name)
            return ["8.8.8.8", "::1"]

        def no_socket(*_arguments, **_options):
            raise AssertionError("a socket was made")

        monkeypatch.setattr(http_sender.socket, "socket", no_socket)
        result = Sender(resolver=resolver).send(f"https://{host}/", headers={}, body=b"")
        assert result.status is None
        assert result.error in ("egress_refused", "bad_url")
        assert len(asked) == (host in ("localhost", "inner.example"))

    def test_the_other_end_must_be_the_vetted_address(self, sender, receive, monkeypatch):
        """As if something between rewrote where the connection goes."""
        receiver = receive(keep_alive)
        connect = socket.socket.connect

        class Diverted(socket.socket):
            def connect(self, address):
                connect(self, ("127.0.0.1", address[1]))

        monkeypatch.setattr(http_sender.socket, "socket", Diverted)
        allowed = {f"127.0.0.2:{receiver.port}"}
        result = sender.send(f"http://127.0.0.2:{receiver.port}/", headers={}, body=b"", allowed=allowed)
        assert result.error == "egress_refused"
        assert "vetted" in result.detail
        assert receiver.requests == []

    def test_a_resolver_is_asked_once_for_a_connection_and_not_again_while_it_is_kept(self, receive):
        receiver = receive(keep_alive)
        answers = [["127.0.0.1"], ["10.0.0.1"]]
        sender = Sender(resolver=lambda _host, _port: answers.pop(0))
        for _number in range(3):
            assert post(sender, receiver, host="receiver.example").status == 200
        assert answers == [["10.0.0.1"]]

    def test_a_name_that_leads_inside(self, receive):
        receiver = receive(answering(OK))
        sender = Sender(resolver=lambda _host, _port: ["8.8.8.8", "127.0.0.1"])
        result = sender.send(f"https://evil.example:{receiver.port}/", headers={}, body=b"")
        assert result.error == "egress_refused"
        assert receiver.connections == 0

    def test_the_name_is_looked_up_once_and_the_vetted_address_is_used(self, receive):
        receiver = receive(answering(OK))
        answers = iter([["127.0.0.1"], ["169.254.169.254"]])
        sender = Sender(resolver=lambda _host, _port: next(answers))
        assert post(sender, receiver, host="receiver.example").status == 200
        assert post(sender, receiver, host="receiver.example").error == "egress_refused"

    def test_the_next_address_is_tried(self, receive):
        receiver = receive(answering(OK))
        sender = Sender(resolver=lambda _host, _port: ["127.0.0.2", "127.0.0.1"])
        assert post(sender, receiver, host="receiver.example").status == 200


def keep_alive(receiver, connection):
    while receiver.read_request(connection):
        connection.sendall(KEEP)


def one_each(receiver, connection):
    receiver.read_request(connection)
    connection.sendall(KEEP)


class TestReuse:
    def test_one_connection_for_many_messages(self, sender, receive):
        receiver = receive(keep_alive)
        for number in range(5):
            assert post(sender, receiver, body=str(number).encode()).status == 200
        assert receiver.connections == 1
        assert [request[2] for request in receiver.requests] == [b"0", b"1", b"2", b"3", b"4"]

    def test_a_connection_the_receiver_closed_is_not_an_error(self, sender, receive):
        receiver = receive(one_each)
        for _number in range(3):
            assert post(sender, receiver).status == 200
        assert receiver.connections == 3

    def test_what_has_begun_to_answer_is_not_asked_twice(self, sender, receive):
        def script(receiver, connection):
            receiver.read_request(connection)
            connection.sendall(KEEP)
            resetting_after(b"HTTP/1.1 2")(receiver, connection)

        receiver = receive(script)
        assert post(sender, receiver).status == 200
        assert post(sender, receiver).error == "connection_reset"
        assert (receiver.connections, len(receiver.requests)) == (1, 2)

    def test_a_silence_is_not_asked_twice(self, sender, receive):
        def script(receiver, connection):
            receiver.read_request(connection)
            connection.sendall(KEEP)
            hanging_after()(receiver, connection)

        receiver = receive(script)
        assert post(sender, receiver).status == 200
        assert post(sender, receiver, deadline=0.3).error == "timeout"
        assert receiver.connections == 1

    @pytest.mark.parametrize(
        "answer",
        [
            KEEP + b"HTTP/1.1 500 Smuggled\r\n\r\n",
            b"HTTP/1.1 204 No Content\r\n\r\nunexpected",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
            b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        ],
    )
    def test_the_rest_of_one_answer_is_never_taken_for_the_next(self, sender, receive, answer):
        def script(receiver, connection):
            while receiver.read_request(connection):
                connection.sendall(answer)

        receiver = receive(script)
        for _number in range(2):
            assert post(sender, receiver).status in (200, 204)
        assert receiver.connections == 2

    def test_bytes_that_come_while_nobody_asks_end_the_connection(self, sender, receive):
        said = threading.Event()

        def script(receiver, connection):
            receiver.read_request(connection)
            connection.sendall(KEEP)
            receiver.release.wait(30) if said.is_set() else None
            connection.sendall(b"HTTP/1.1 500 Smuggled\r\nContent-Length: 0\r\n\r\n")
            said.set()
            receiver.release.wait(30)

        receiver = receive(script)
        assert post(sender, receiver).status == 200
        assert said.wait(10)
        assert post(sender, receiver).status == 200
        assert receiver.connections == 2

    def test_empty_and_chunked_answers_keep_the_connection(self, sender, receive):
        answers = iter(
            [
                b"HTTP/1.1 204 No Content\r\n\r\n",
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nT: t\r\n\r\n",
                b"HTTP/1.1 200 OK\r\nContent-Length: 16384\r\n\r\n" + b"x" * 16384,
                KEEP,
            ]
        )

        def script(receiver, connection):
            while receiver.read_request(connection):
                connection.sendall(next(answers))

        receiver = receive(script)
        assert [post(sender, receiver).status for _number in range(4)] == [204, 200, 200, 200]
        assert receiver.connections == 1

    def test_a_connection_lost_at_the_moment_of_reuse(self, sender, receive, monkeypatch):
        receiver = receive(one_each)
        monkeypatch.setattr(http_sender._Wire, "is_fresh", lambda _wire: True)
        for _number in range(3):
            assert post(sender, receiver).status == 200

    def test_connections_that_are_not_kept(self, sender, receive):
        for head in (b"Connection: close\r\n", b"Content-Length: 20000\r\n"):
            receiver = receive(answering(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n", b"x" * 20000))
            post(sender, receiver)
            post(sender, receiver)
            assert receiver.connections == 2

    def test_old_connections_are_not_used(self, sender, receive, monkeypatch):
        receiver = receive(keep_alive)
        post(sender, receiver)
        monkeypatch.setattr(http_sender, "MAX_IDLE_S", -1.0)
        post(sender, receiver)
        assert receiver.connections == 2

    def test_places_nobody_writes_to_any_more_hold_no_sockets(self, sender, receive, monkeypatch):
        monkeypatch.setattr(http_sender, "SWEEP_EVERY_S", 0.0)
        forgotten, other = receive(keep_alive), receive(keep_alive)
        post(sender, forgotten)
        (wire,) = next(iter(sender._pool._idle.values()))
        wire.idle_since -= http_sender.MAX_IDLE_S + 1
        post(sender, other)
        assert [place[2] for place in sender._pool._idle] == [other.port]
        assert wire._sock.fileno() == -1

    def test_a_withdrawn_allowance_closes_what_it_opened(self, sender, receive):
        receiver = receive(keep_alive)
        assert post(sender, receiver).status == 200
        target = http_sender.egress.parse_url(f"https://127.0.0.1:{receiver.port}/")
        pool = sender._pool
        pool._idle = {target.place: next(iter(pool._idle.values()))}
        assert pool.take(target) is None

    def test_as_many_idle_connections_are_kept_as_a_process_uses_and_no_more(self, sender, receive):
        number = http_sender.MAX_IDLE_PER_PLACE + 2
        together = threading.Barrier(number)

        def script(receiver, connection):
            receiver.read_request(connection)
            together.wait(10)
            connection.sendall(KEEP)
            receiver.release.wait(30)

        receiver = receive(script)
        threads = [threading.Thread(target=post, args=(sender, receiver)) for _number in range(number)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert receiver.connections == number
        assert len(next(iter(sender._pool._idle.values()))) == http_sender.MAX_IDLE_PER_PLACE == 16


def not_tls(_receiver, connection):
    connection.sendall(b"not TLS at all")


answer_ok = answering(OK)


class TestTls:
    def send(self, authority, receive, context, *, host="receiver.example", script=answer_ok, trusted=True):
        receiver = receive(script, context)
        sender = Sender(
            resolver=lambda _host, _port: ["127.0.0.1"],
            ssl_context=authority.client_context() if trusted else None,
        )
        return post(sender, receiver, host=host, scheme="https"), receiver, sender

    def test_the_name_is_verified_though_the_address_is_pinned(self, authority, receive):
        result, _receiver, _sender = self.send(authority, receive, authority.server_context("receiver.example"))
        assert (result.status, result.excerpt) == (200, b"ok")
        assert "tls" in result.timings

    def test_the_name_is_announced(self, authority, receive):
        context = authority.server_context("receiver.example")
        names = []
        context.sni_callback = lambda _socket, name, _context: names.append(name)
        self.send(authority, receive, context)
        assert names == ["receiver.example"]

    @pytest.mark.parametrize(
        ("names", "host"),
        [
            ({"names": ["other.example"]}, "receiver.example"),
            ({"names": ["receiver.example"]}, "127.0.0.1"),
            ({"addresses": ["127.0.0.2"]}, "127.0.0.1"),
        ],
    )
    def test_another_name(self, authority, receive, names, host):
        context = authority.server_context(*names.get("names", ()), addresses=names.get("addresses", ()))
        assert self.send(authority, receive, context, host=host)[0].error == "tls_name"

    def test_an_address_in_the_certificate(self, authority, receive):
        context = authority.server_context(addresses=["127.0.0.1"])
        assert self.send(authority, receive, context, host="127.0.0.1")[0].status == 200

    def test_untrusted_expired_and_self_signed(self, authority, receive):
        context = authority.server_context("receiver.example")
        assert self.send(authority, receive, context, trusted=False)[0].error == "tls_trust"
        yesterday = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
        expired = authority.server_context("receiver.example", end=yesterday)
        assert self.send(authority, receive, expired)[0].error == "tls_trust"
        alone = authority.server_context("receiver.example", alone=True)
        assert self.send(authority, receive, alone)[0].error == "tls_trust"

    def test_no_common_protocol(self, authority, receive):
        result, _receiver, _sender = self.send(authority, receive, None, script=not_tls)
        assert result.error == "tls_handshake"
        receiver = receive(answer_ok, authority.server_context("receiver.example"))
        client = authority.client_context()
        client.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
        client.maximum_version = client.minimum_version = 771  # TLS 1.2, where the cipher needs another kind of key
        sender = Sender(resolver=lambda _host, _port: ["127.0.0.1"], ssl_context=client)
        assert post(sender, receiver, host="receiver.example", scheme="https").error == "tls_handshake"

    def test_encrypted_connections_are_kept(self, authority, receive):
        context = authority.server_context("receiver.example")
        result, receiver, sender = self.send(authority, receive, context, script=keep_alive)
        assert result.status == 200
        assert post(sender, receiver, host="receiver.example", scheme="https").status == 200
        assert receiver.connections == 1

    def test_an_encrypted_connection_lost_at_the_moment_of_reuse(self, authority, receive, monkeypatch):
        monkeypatch.setattr(http_sender._Wire, "is_fresh", lambda _wire: True)
        context = authority.server_context("receiver.example")
        result, receiver, sender = self.send(authority, receive, context, script=one_each)
        assert result.status == 200
        assert post(sender, receiver, host="receiver.example", scheme="https").status == 200


def test_many_threads_share_one_sender(sender, receive):
    receiver = receive(keep_alive)
    results = []
    threads = [threading.Thread(target=lambda: results.append(post(sender, receiver).status)) for _number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert results == [200] * 20


def test_the_shared_sender(receive):
    receiver = receive(answering(OK))
    result = http_sender.send(
        f"http://127.0.0.1:{receiver.port}/", headers={}, body=b"", allowed={f"127.0.0.1:{receiver.port}"}
    )
    assert result.status == 200


def test_a_child_process_does_not_inherit_connections(receive):
    receiver = receive(keep_alive)
    allowed = {f"127.0.0.1:{receiver.port}"}
    assert http_sender.send(f"http://127.0.0.1:{receiver.port}/", headers={}, body=b"", allowed=allowed).status == 200
    assert http_sender._default_sender()._pool._idle
    child = os.fork()
    if not child:
        os._exit(1 if http_sender._default_sender()._pool._idle else 0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_error_codes_are_those_that_outcomes_are_judged_by():
    known = {error.value for error in outcome.TransportError}
    assert known == http_sender.ERRORS
