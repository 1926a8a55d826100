"""Requests as engineers paste them."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_core.domain import pasted

WANTED = {
    "webhook-id": "m-1",
    "webhook-timestamp": "1764000000",
    "webhook-signature": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
}
SIGNATURE = WANTED["webhook-signature"]

CURL_V = f"""* Trying 10.1.2.3:443...
* Connected to odoo.example.org (10.1.2.3) port 443
> POST /integration/v1/inbound/ehr HTTP/1.1
> Host: odoo.example.org
> User-Agent: curl/7.88.1
> webhook-id: m-1
> webhook-timestamp: 1764000000
> webhook-signature: {SIGNATURE}
> Content-Type: application/cloudevents+json
> Content-Length: 12
>
}} [12 bytes data]
< HTTP/1.1 401 UNAUTHORIZED
< webhook-id: of the answer
< x-request-id: abc
"""
RAW = f"""POST /integration/v1/inbound/ehr HTTP/1.1\r
Host: odoo.example.org\r
Webhook-Id: m-1\r
Webhook-Timestamp: 1764000000\r
Webhook-Signature: {SIGNATURE}\r
\r
{{"id":"x"}}"""
CURL = f"""curl -s https://odoo.example.org/integration/v1/inbound/ehr --data-binary @body.json \\
  -H "webhook-id: m-1" -H 'webhook-timestamp: 1764000000' \\
  --header "webhook-signature: {SIGNATURE}"
"""
ENGINE = f"""URL: https://odoo.example.org/integration/v1/inbound/ehr
METHOD: POST

[HEADERS]
webhook-id: m-1
webhook-timestamp: 1764000000
webhook-signature: {SIGNATURE}

[PARAMETERS]

[CONTENT]
{{"id":"x"}}"""
PYTHON = str(WANTED)
JSON = f"""{{
  "webhook-id": "m-1",
  "webhook-timestamp": "1764000000",
  "webhook-signature": "{SIGNATURE}"
}}"""
JAVA_MAP = f"""webhook-id=[m-1]
webhook-timestamp=[1764000000]
webhook-signature=[{SIGNATURE}]"""
TABLE = f"""webhook-id\tm-1
webhook-timestamp\t1764000000
webhook-signature\t{SIGNATURE}"""


@pytest.mark.parametrize("text", [CURL_V, RAW, CURL, ENGINE, PYTHON, JSON, JAVA_MAP, TABLE])
def test_the_three_headers_are_found(text):
    found = pasted.read_request(text)
    assert {name: found.headers.get(name) for name in WANTED} == WANTED
    assert not found.repeated


@pytest.mark.parametrize("text", [CURL_V, RAW, ENGINE])
def test_the_address_is_found(text):
    assert pasted.read_request(text).path == "/integration/v1/inbound/ehr"


@pytest.mark.parametrize("text", [RAW, ENGINE])
def test_a_body_beside_them_is_taken(text):
    assert pasted.read_request(text).body == '{"id":"x"}'


@pytest.mark.parametrize("text", [CURL_V, CURL, JSON, JAVA_MAP, "", "\n\n", "nothing of it"])
def test_no_body_is_made_up(text):
    assert pasted.read_request(text).body is None


def test_two_different_values_of_one_header_are_told():
    found = pasted.read_request("webhook-id: a\nwebhook-id: b\nhost: x\nhost: x")
    assert (found.headers["webhook-id"], found.repeated) == ("b", ("webhook-id",))


@given(st.text(max_size=300))
def test_any_text_is_read(text):
    found = pasted.read_request(text)
    assert all(name == name.lower() for name in found.headers)


@given(st.binary(max_size=200))
def test_a_body_in_any_form_is_its_bytes(raw):
    assert pasted.read_body(raw.hex(" "), "hex") == raw
    assert pasted.read_body(" ".join(f"0x{byte:02X}," for byte in raw), "hex") == raw
    assert pasted.read_body(base64.encodebytes(raw).decode(), "base64") == raw


def test_text_is_utf_8():
    assert pasted.read_body("Zoë\r\n", "text") == b"Zo\xc3\xab\r\n"


@pytest.mark.parametrize(("text", "form"), [("7b 2", "hex"), ("xyz", "hex"), ("a", "base64"), ("{}", "base64")])
def test_what_is_not_of_its_form_is_told(text, form):
    with pytest.raises(pasted.BodyFormError):
        pasted.read_body(text, form)


def test_too_long_a_body_is_told():
    with pytest.raises(pasted.BodyFormError, match="2 MiB"):
        pasted.read_body("x" * (pasted.MAX_BODY_BYTES + 1), "text")
