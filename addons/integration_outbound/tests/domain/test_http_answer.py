"""Reading an answer: every way in which its end can be told, and nothing that grows without bound."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_outbound.domain import http_answer
from integration_outbound.domain.http_answer import MAX_BODY_BYTES, BadAnswer

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def feed(*parts):
    """A receive function that hands out the parts, then says that the other side has closed."""
    waiting = [part for part in parts if part]
    return lambda: waiting.pop(0) if waiting else b""


def read(*parts):
    """Return (status, fields, excerpt, whether the connection can be used again)."""
    receive = feed(*parts)
    head = http_answer.read_head(receive)
    excerpt, reusable = http_answer.read_body(head, receive)
    return head.status, head.fields, excerpt, reusable


def body(data):
    return read(data)[2]


@pytest.mark.parametrize(
    ("data", "excerpt", "reusable"),
    [
        (OK + b"Content-Length: 2\r\n\r\nok", b"ok", True),
        (OK + b"content-length:2\r\n\r\nok", b"ok", True),
        (OK + b"Content-Length: 0\r\n\r\n", b"", True),
        (OK + b"Content-Length: 2, 2\r\nContent-Length: 2\r\n\r\nok", b"ok", True),
        (OK + b"Content-Length: 2\r\n\r\nokay", b"ok", False),
        (OK + b"Content-Length: 2\r\nConnection: Close\r\n\r\nok", b"ok", False),
        (OK + b"Content-Length: 2\r\nConnection: keep-alive\r\nConnection: close\r\n\r\nok", b"ok", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok", False),
        (OK + b"\r\nto the end", b"to the end", False),
        (OK + b"\r\n", b"", False),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", b"", True),
        (b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", b"", True),
        (b"HTTP/1.1 204 No Content\r\n\r\nx", b"", False),
        (b"HTTP/1.1 299\r\nContent-Length: 1\r\n\r\nx", b"x", True),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", b"ok", True),
        (b"HTTP/1.1 200 OK\nContent-Length: 6\n\nok\r\n\r\n", b"ok\r\n\r\n", True),
        (OK + b"X: folded\r\n content-length: 9\r\nContent-Length:\r\n\t2\r\n\r\nok", b"ok", True),
        (OK + b"Content-Length : 2\r\n\r\nok", b"ok", True),
        (CHUNKED + b"2\r\nok\r\n0\r\n\r\n", b"ok", True),
        (CHUNKED + b"1\r\no\r\n01 ;a=b;c\r\nk\r\n000\r\nTrailer: t\r\n\r\n", b"ok", True),
        (CHUNKED + b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789", True),
        (CHUNKED + b"0\r\n\r\nHTTP/1.1 500 Smuggled", b"", False),
        (OK + b"Transfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n2\r\nok\r\n0\r\n\r\n", b"ok", False),
        (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", b"", True),
        (OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n2\r\nok\r\n", b"", False),
        (OK + b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nok", b"ok", True),
    ],
)
def test_where_a_body_ends(data, excerpt, reusable):
    assert read(data)[2:] == (excerpt, reusable)
    assert read(*(data[index : index + 1] for index in range(len(data))))[2] == excerpt


@pytest.mark.parametrize(
    "data",
    [
        b"<html>hello</html>",
        b"\r\n" + OK,
        b"HTTP/0.9 200 OK\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"HTTP/1.1 099 X\r\n\r\n",
        b"HTTP/1.1 \xb2\xb3\xb9 X\r\n\r\n",
        b"HTTP/1.1200 OK\r\n\r\n",
        b"http/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        OK + b"no colon\r\n\r\n",
        OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        OK + b"Content-Length: 2, 3\r\n\r\nok",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: +2\r\n\r\nok",
        OK + b"Content-Length: 0x2\r\n\r\nok",
        OK + b"Content-Length: \xb2\r\n\r\nok",
        OK + b"Content-Length:\r\n\r\nok",
        OK + b"Content-Length: 1_0\r\n\r\n0123456789",
        OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
        OK + b"X: y\r\n" * 101 + b"\r\n",
        OK + b"X: " + b"y" * 70_000 + b"\r\n\r\n",
        OK + b"X" * 70_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 4000,
        CHUNKED + b"zz\r\n",
        CHUNKED + b"\r\n",
        CHUNKED + b"-1\r\n",
        CHUNKED + b"0x2\r\nok\r\n0\r\n\r\n",
        CHUNKED + b"2\r\nokay\r\n0\r\n\r\n",
        CHUNKED + b"2\nok\n0\n\n" + b"x" * 70_000,
        CHUNKED + b"f" * 16 + b"\r\n",
        CHUNKED + b"1;" + b"x" * 70_000 + b"\r\n",
        CHUNKED + (b"1;" + b"x" * 1000 + b"\r\n.\r\n") * 100,
        CHUNKED + b"0\r\n" + b"Trailer: t\r\n" * 7000,
    ],
    ids=lambda data: repr(data[:60]),
)
def test_what_is_no_answer(data):
    with pytest.raises(BadAnswer):
        read(data)
    with pytest.raises(BadAnswer):
        read(*(data[index : index + 97] for index in range(0, len(data), 97)))


WHOLE = [
    OK + b"Content-Length: 5\r\n\r\nwhole",
    CHUNKED + b"5\r\nwhole\r\n0\r\nTrailer: t\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 5\r\n\r\nwhole",
]


@pytest.mark.parametrize("data", WHOLE)
def test_what_is_cut_off_is_not_taken_for_whole(data):
    assert body(data) == b"whole"
    for length in range(len(data)):
        with pytest.raises(ConnectionResetError):
            read(data[:length])


def test_fields_that_matter_and_no_others():
    head = b"Retry-After: 7\r\nretry-after: 9\r\nCONTENT-TYPE: text/plain; charset=\xe9\r\nSet-Cookie: secret\r\n"
    status, fields, _excerpt, _reusable = read(b"HTTP/1.1 503 Later\r\n" + head + b"Content-Length: 0\r\n\r\n")
    assert status == 503
    assert fields == {"retry-after": "7", "content-type": "text/plain; charset=\xe9", "content-length": "0"}


class TestLongBodies:
    LONG = b"x" * (MAX_BODY_BYTES + 5000)

    @pytest.mark.parametrize(
        "data",
        [
            OK + b"Content-Length: %d\r\n\r\n" % len(LONG) + LONG,
            OK + b"\r\n" + LONG,
            CHUNKED + b"%x\r\n" % len(LONG) + LONG + b"\r\n0\r\n\r\n",
            CHUNKED + b"1\r\nx\r\n" * 9000 + b"%x\r\n" % len(LONG) + LONG,
        ],
        ids=["length", "end", "one chunk", "many chunks"],
    )
    def test_the_start_is_kept_and_the_connection_is_not(self, data):
        parts = [data[index : index + 1000] for index in range(0, len(data), 1000)]
        assert read(*parts)[2:] == (self.LONG[:MAX_BODY_BYTES], False)

    def test_exactly_as_long_as_is_kept(self):
        data = OK + b"Content-Length: %d\r\n\r\n" % MAX_BODY_BYTES + b"x" * MAX_BODY_BYTES
        assert read(data)[2:] == (b"x" * MAX_BODY_BYTES, True)

    @pytest.mark.parametrize(
        "start", [OK + b"\r\n", CHUNKED + b"fffffff\r\n", OK + b"Content-Length: 999999999\r\n\r\n"]
    )
    def test_what_will_not_be_kept_is_not_received(self, start):
        received = []

        def receive():
            received.append(1)
            return start if len(received) == 1 else b"x" * 1024

        excerpt, reusable = http_answer.read_body(http_answer.read_head(receive), receive)
        assert (len(excerpt), reusable) == (MAX_BODY_BYTES, False)
        assert len(received) == 17


def raw_deflate(data):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


class TestCompression:
    @staticmethod
    def answer(coding, packed):
        return OK + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (coding, len(packed)) + packed

    @pytest.mark.parametrize(
        ("coding", "pack"),
        [(b"gzip", gzip.compress), (b"X-GZIP", gzip.compress), (b"deflate", zlib.compress), (b"deflate", raw_deflate)],
    )
    @pytest.mark.parametrize("data", [b"", b"hello", b"\0" * 2_000_000], ids=len)
    def test_what_can_be_read(self, coding, pack, data):
        packed = pack(data)
        assert read(self.answer(coding, packed))[2] == data[:MAX_BODY_BYTES]

    def test_what_cannot_be_read_is_left_out(self):
        for coding in (b"gzip", b"deflate", b"br", b"zstd", b"gzip, gzip", b"\xff"):
            assert body(self.answer(coding, b"\xffgarbage")) == b""

    def test_a_bomb_within_a_bomb_is_not_opened(self):
        inner = gzip.compress(b"\0" * 2_000_000)
        assert body(self.answer(b"gzip", gzip.compress(inner))) == inner[:MAX_BODY_BYTES]


@given(st.sampled_from(WHOLE), st.lists(st.integers(1, 40)))
def test_it_does_not_matter_how_the_bytes_arrive(data, sizes):
    parts, rest = [], data
    for size in sizes:
        parts.append(rest[:size])
        rest = rest[size:]
    assert read(*parts, rest) == read(data)


BOMB = gzip.compress(b"\0" * 100_000)
LINES = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 X\r\n",
        b"HTTP/1.0 503\n",
        b"Content-Length: 3\r\n",
        b"Content-Length: 30000\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Encoding: gzip\r\n",
        b"Connection: close\r\n",
        b" folded\r\n",
        b"\r\n",
        b"\n",
        b"3\r\n",
        b"abc\r\n",
        b"0\r\n",
        b":",
        BOMB,
    ]
)


@given(st.lists(LINES | st.binary(max_size=20), max_size=30).map(b"".join))
def test_anything_is_read_refused_or_cut_off(data):
    try:
        status, _fields, excerpt, _reusable = read(data)
    except (BadAnswer, ConnectionResetError):
        return
    assert 200 <= status <= 999
    assert len(excerpt) <= MAX_BODY_BYTES
