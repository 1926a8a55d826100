"""Why the gate does not accept a signature, step by step, and how to mend it.

The gate answers one and the same 401 for every cause. An engineer who may see the system's settings here gets what the
gate does not tell: which step fails, by how much, and, where no key fits, what the signature *would* fit. For that the
mistakes that are made in practice are tried one after the other: a body that was re-serialised or lost its last line
break, a secret that was taken as text, hexadecimal in place of base64, content that was put together in another way, a
key that has ended. Whatever is found is explained in words; nothing of a key, a body or a signature is repeated.

:func:`diagnose` judges as :func:`signing.verify` does, and never raises.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Final, Literal, NamedTuple, TypeAlias

from cryptography.exceptions import InvalidSignature

from . import signing
from .pasted import Pasted

StepName: TypeAlias = Literal["address", "headers", "id", "timestamp", "format", "key", "signature", "time", "content"]
Condition: TypeAlias = Literal["valid", "not_yet", "expired", "revoked", "draft", "outbound", "other_system"]

REQUIRED: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")

_ADDRESS: Final = re.compile(r"/integration/v1/inbound/([^/]+)(/messages/.+)?")
_MAX_INFLATED: Final = 2 << 20
_ALIKE: Final = ("svix-", "x-webhook-", "x-", "http-", "webhook_")

_CONDITIONS: Final[Mapping[Condition, str]] = {
    "valid": "",
    "not_yet": "is not valid yet",
    "expired": "has expired",
    "revoked": "was revoked",
    "draft": "waits for its approval",
    "outbound": "is for what Odoo sends, not for what it receives",
    "other_system": "belongs to another system",
}


@dataclass(frozen=True)
class KnownKey:
    """A key that the signature may have been made with. ``holder`` names the system of another one's key."""

    name: str
    material: signing.Secret | signing.PublicKey = field(repr=False)
    condition: Condition = "valid"
    holder: str = ""

    @property
    def words(self) -> str:
        """How a person is told which key this is, and what is wrong with it."""
        if self.condition == "other_system":
            return f"key {self.name} of the system {self.holder}"
        return f"key {self.name}"


@dataclass(frozen=True)
class Step:
    """One step of the gate's. ``state`` ``skipped``: it could not be judged. ``mend`` says what to do."""

    name: StepName
    title: str
    state: Literal["ok", "failed", "warning", "skipped"]
    says: str
    mend: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the step for a screen."""
        return {"name": self.name, "title": self.title, "state": self.state, "says": self.says, "mend": self.mend}


@dataclass(frozen=True)
class Diagnosis:
    """All steps in the gate's order, and the one sentence that says what is wrong."""

    verified: bool
    summary: str
    steps: tuple[Step, ...]

    @property
    def mend(self) -> str:
        """What to do about the first step that fails, or an empty text."""
        return next((step.mend for step in self.steps if step.state == "failed"), "")

    def step(self, name: StepName) -> Step:
        """Return one step.

        :raises KeyError: when there is none of that name
        """
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)


class _Entry(NamedTuple):
    """What one entry of the signature header may mean: bytes, and what is unusual about how they are written."""

    version: str
    raw: bytes
    oddity: str


class _Fit(NamedTuple):
    """A way in which the signature does come out, and the mistakes it takes."""

    key: KnownKey
    mistakes: tuple[str, ...]


def diagnose(
    pasted: Pasted,
    body: bytes,
    *,
    system_code: str,
    keys: Sequence[KnownKey],
    now: float,
    past_tolerance: int = signing.TOLERANCE_S,
) -> Diagnosis:
    """Judge a pasted request as the gate would at ``now`` (unix seconds), and explain.

    :param body: the bytes as they were sent, or as far as they could be pasted
    :param keys: the system's, valid or not, and others that the sender may have taken by mistake
    :param past_tolerance: how many seconds old a timestamp may be
    """
    sent = {name: pasted.headers.get(name) or None for name in REQUIRED}
    verdict = signing.verify(
        message_id=sent["webhook-id"],
        timestamp=sent["webhook-timestamp"],
        signature=sent["webhook-signature"],
        body=body,
        keys=[signing.VerifyKey(key.name, key.material) for key in keys if key.condition == "valid"],
        now=now,
        past_tolerance=past_tolerance,
    )
    address = _address(pasted.path, system_code)
    signature = _signature(sent, body, keys, verdict)
    steps = (
        address,
        _headers(pasted),
        _message_id(sent["webhook-id"]),
        _timestamp(sent["webhook-timestamp"]),
        _format(sent["webhook-signature"]),
        _key(keys),
        signature,
        _time(sent["webhook-timestamp"], signature, now, past_tolerance),
        _content(pasted.headers, body),
    )
    verified = isinstance(verdict, signing.Accepted) and address.state != "failed"
    return Diagnosis(verified, _summary(steps, verified=verified), steps)


def _summary(steps: Sequence[Step], *, verified: bool) -> str:
    failed = next((step for step in steps if step.state == "failed"), None)
    if verified and failed is None:
        return "The gate would verify this message now."
    if verified and failed is not None:
        return f"The signature holds, but the message would be refused next: {failed.says}"
    if failed is None:
        return "The gate would not verify this message."
    signature = next(step for step in steps if step.name == "signature")
    if failed.name == "time" and signature.state == "ok":
        return f"The signature is right, but {failed.says[:1].lower()}{failed.says[1:]}"
    return failed.says


# -- step by step ------------------------------------------------------------------------------------------------------


def _address(path: str | None, system_code: str) -> Step:
    title = "Address"
    wanted = f"/integration/v1/inbound/{system_code}"
    if path is None:
        return Step("address", title, "skipped", "No address was pasted.", f"Messages go to POST {wanted}.")
    match = _ADDRESS.fullmatch(path)
    if match and match[1] == system_code:
        return Step("address", title, "ok", "It is this system's.")
    if match:
        says = "The address names another system."
    elif path.rstrip("/") == wanted:
        says = "The address has a slash too many at its end."
    else:
        says = "This is not the address of the gate."
    return Step("address", title, "failed", says, f"Post to {wanted}, exactly so.")


def _headers(pasted: Pasted) -> Step:
    title = "Headers"
    missing = [name for name in REQUIRED if not pasted.headers.get(name)]
    if not missing:
        if again := [name for name in pasted.repeated if name in REQUIRED]:
            says = f"{_and(again)} is there twice, with different values; the last one was looked at."
            return Step("headers", title, "warning", says, "Send each header once.")
        return Step("headers", title, "ok", "All three are there.")
    alike = [other for name in missing if (other := _alike(name, pasted.headers))]
    says = f"{_and(missing)} {'is' if len(missing) == 1 else 'are'} missing or empty."
    mend = f"Send {_and(missing)} with every request."
    if alike:
        mend = f"There is {_and(alike)}: the name must be {_and(missing)}, with hyphens."
    return Step("headers", title, "failed", says, mend)


def _alike(name: str, headers: Mapping[str, str]) -> str | None:
    last = name.removeprefix("webhook-")
    for other in headers:
        plain = other.replace("_", "-")
        if other not in REQUIRED and (plain == name or any(plain == f"{start}{last}" for start in _ALIKE)):
            return other
    return None


def _message_id(text: str | None) -> Step:
    title = "Message ID"
    if not text:
        return Step("id", title, "skipped", "There is no webhook-id.")
    if signing.is_message_id(text):
        return Step("id", title, "ok", "It may be a webhook-id.")
    if "." in text:
        says = "webhook-id has a dot."
        mend = "The dot parts the signed content. Put a hyphen in its place, and sign again."
    elif len(text) > 256:
        says = f"webhook-id has {len(text)} characters."
        mend = "At most 256 are allowed: send a shorter one, such as a UUID, and sign again."
    else:
        says = "webhook-id has a blank or a character that is not visible ASCII."
        mend = "Use letters, digits and hyphens, and sign again."
    return Step("id", title, "failed", says, mend)


def _timestamp(text: str | None) -> Step:
    title = "Timestamp"
    mend = "Send the unix time in whole seconds, such as 1764000000, and sign the same digits."
    if not text:
        return Step("timestamp", title, "skipped", "There is no webhook-timestamp.")
    if re.fullmatch(r"[0-9]{1,12}", text):
        if len(text) == 12 or int(text) < 1_000_000_000:
            says = "webhook-timestamp is a number, but hardly a unix time in seconds."
            return Step("timestamp", title, "warning", says, mend)
        return Step("timestamp", title, "ok", "It is a number of seconds.")
    if re.fullmatch(r"[0-9]{13}", text):
        says = "webhook-timestamp is in milliseconds."
        mend = "Divide by 1000 and cut off the rest; sign the same digits that you send."
    elif re.fullmatch(r"[0-9]{14,}", text):
        says = "webhook-timestamp is too long: in microseconds or nanoseconds, or a date without separators."
    elif re.fullmatch(r"[0-9]+\.[0-9]*", text):
        says = "webhook-timestamp has a decimal fraction."
    elif re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[A-Z][a-z]{2},? ", text):
        says = "webhook-timestamp is a date."
    else:
        says = "webhook-timestamp is not a number of seconds."
    return Step("timestamp", title, "failed", says, mend)


def _format(text: str | None) -> Step:
    title = "Signature header"
    mend = "Send v1, a comma, and the base64 of the HMAC-SHA256: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="
    if not text:
        return Step("format", title, "skipped", "There is no webhook-signature.")
    entries = [entry for entry in text.split(" ") if entry]
    if len(entries) > signing.MAX_ENTRIES or len(text) > signing.MAX_ENTRIES * 128:
        says = f"webhook-signature holds more than {signing.MAX_ENTRIES} signatures, or is too long."
        return Step("format", title, "failed", says, "Sign with the keys that are in use, and send one entry for each.")
    if any(_is_canonical(entry) for entry in entries):
        return Step("format", title, "ok", "It can be read.")
    oddities = [entry.oddity or _of_length(entry) for entry in _entries(text)]
    says = (
        f"webhook-signature is not as it should be: {oddities[0]}." if oddities else "webhook-signature is unreadable."
    )
    return Step("format", title, "failed", says, mend)


def _of_length(entry: _Entry) -> str:
    return f"it holds {len(entry.raw)} bytes, and an HMAC-SHA256 has 32"


def _is_canonical(entry: str) -> bool:
    version, _comma, encoded = entry.partition(",")
    wanted = {"v1": 32, "v1a": 64}.get(version)
    raw = signing.decode_base64(encoded)
    return raw is not None and len(raw) == wanted


def _key(keys: Sequence[KnownKey]) -> Step:
    title = "Key"
    valid = [key for key in keys if key.condition == "valid"]
    if valid:
        known = "One key is" if len(valid) == 1 else f"{len(valid)} keys are"
        return Step("key", title, "ok", f"{known} valid for this system now.")
    own = [key for key in keys if key.condition not in ("outbound", "other_system")]
    mend = "Create a key for the system, and give it to the sender."
    if not own:
        return Step("key", title, "failed", "The system has no key.", mend)
    says = "; ".join(f"{key.name} {_CONDITIONS[key.condition]}" for key in own[:5])
    if any(key.condition == "draft" for key in own):
        mend = "Have somebody else approve the key."
    return Step("key", title, "failed", f"The system has no valid key: {says}.", mend)


def _signature(
    sent: Mapping[str, str | None],
    body: bytes,
    keys: Sequence[KnownKey],
    verdict: signing.Accepted | signing.Refused,
) -> Step:
    title = "Signature"
    if not all(sent.values()):
        return Step("signature", title, "skipped", "It cannot be computed without all three headers.")
    late = (signing.Cause.TOO_OLD, signing.Cause.IN_FUTURE)
    if isinstance(verdict, signing.Accepted) or verdict.cause in late:
        fit = _search(sent, body, [key for key in keys if key.condition == "valid"])
        by = f" It was made with {fit.key.words}." if fit else ""
        return Step("signature", title, "ok", f"It is right.{by}")
    if not keys:
        return Step("signature", title, "skipped", "There is no key to compare it with.")
    fit = _search(sent, body, keys)
    if fit is None:
        mend = (
            "Most often the secret is another one, or the body was changed after it was signed. Compare the bytes:"
            " paste the body as hexadecimal, as it left the sender, and send the secret anew."
        )
        return Step("signature", title, "failed", "No key fits, and none of the usual mistakes explains it.", mend)
    return _explained(fit)


def _explained(fit: _Fit) -> Step:
    title = "Signature"
    wrong_key = fit.key.condition != "valid"
    if not fit.mistakes and not wrong_key:
        # The signature itself is right; an earlier step says why the gate does not get as far.
        return Step("signature", title, "ok", f"It would be right. It was made with {fit.key.words}.")
    parts = list(fit.mistakes)
    if wrong_key:
        parts.append(f"it was made with {fit.key.words}, which {_CONDITIONS[fit.key.condition]}")
    says = f"It would fit so: {_and(parts)}."
    return Step("signature", title, "failed", says, _mend(fit))


def _mend(fit: _Fit) -> str:
    if fit.mistakes:
        known = next((_MENDS[mistake] for mistake in fit.mistakes if mistake in _MENDS), "")
        return known or (_PASTED if any(_may_be_pasted(mistake) for mistake in fit.mistakes) else _BYTES)
    if fit.key.condition == "draft":
        return "Have somebody else approve the key."
    return "Give the sender a key of this system that is valid now."


def _time(text: str | None, signature: Step, now: float, past_tolerance: int) -> Step:
    title = "Time"
    seconds = _seconds(text)
    if seconds is None:
        return Step("time", title, "skipped", "There is no time to look at.")
    age = now - seconds
    allowed = max(0, min(past_tolerance, signing.MAX_PAST_TOLERANCE_S))
    if age > allowed:
        says = f"Its time is {_span(age)} old, and {_span(allowed)} are allowed."
        if signature.state == "ok":
            says = f"Its time is {_span(age)} old ({_span(allowed)} are allowed): the sender re-used it on a retry."
        mend = (
            "Sign every try anew, with the time of that try and the same webhook-id. If its clock is wrong, set it by"
            " NTP. For a sender that cannot sign again, an administrator may allow older signatures on the system."
        )
        return Step("time", title, "failed", says, mend)
    if -age > signing.TOLERANCE_S:
        says = f"Its time is {_span(-age)} in the future, by this server's clock."
        return Step("time", title, "failed", says, "Set the sender's clock by NTP; the timestamp is in UTC.")
    return Step("time", title, "ok", f"It differs from this server's clock by {_span(abs(age))}.")


def _seconds(text: str | None) -> float | None:
    """Return the time that a timestamp most likely means, in unix seconds."""
    if not text:
        return None
    if re.fullmatch(r"[0-9]{1,12}", text):
        return float(text)
    if re.fullmatch(r"[0-9]{13}", text):
        return int(text) / 1000
    if re.fullmatch(r"[0-9]{1,12}\.[0-9]{0,9}", text):
        return float(text)
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()


def _content(headers: Mapping[str, str], body: bytes) -> Step:
    title = "Content"
    content_type = headers.get("content-type")
    if content_type is None:
        return Step("content", title, "skipped", "No content-type was pasted.", _MENDS["content"])
    if content_type.partition(";")[0].strip().lower() != "application/cloudevents+json":
        return Step(
            "content", title, "failed", "The content-type is not application/cloudevents+json.", _MENDS["content"]
        )
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "", "gzip", "x-gzip"):
        return Step("content", title, "failed", "The content-encoding is neither gzip nor absent.", "Send it as it is.")
    if encoding in ("gzip", "x-gzip") and _gunzip(body) is None:
        mend = "Signed are the compressed bytes: paste those, as hexadecimal or base64."
        return Step("content", title, "warning", "The headers say gzip, and this body is not.", mend)
    return Step("content", title, "ok", "It is labelled as the gate wants it.")


# -- what would fit ----------------------------------------------------------------------------------------------------

_BYTES: Final = "Sign the bytes exactly as they are sent."
_PASTED: Final = (
    "If only the pasted text differs, the message is right: paste the body as hexadecimal to be sure. Else sign the"
    " bytes exactly as they are sent."
)
_RULE: Final = "Sign {webhook-id}.{webhook-timestamp}.{body}, with dots between them."
_MENDS: Final = {
    "the secret was taken as text, with whsec_": (
        "The key is the base64-decoded part after whsec_, as bytes: cut off the six characters, then decode."
    ),
    "the secret was taken as text, without decoding it": (
        "Decode the part after whsec_ from base64, and use the bytes as the key."
    ),
    "only the body was signed": _RULE,
    "id and body were signed, without the timestamp": _RULE,
    "timestamp and body were signed, without the id": _RULE,
    "the content was put together without dots": _RULE,
    "timestamp and id were put in the wrong order": "The id goes first: {webhook-id}.{webhook-timestamp}.{body}.",
    "the body was left out": "Sign {webhook-id}.{webhook-timestamp}.{body}, the body as it is sent.",
    "HMAC-SHA1 was used": "Use HMAC-SHA256.",
    "HMAC-SHA512 was used": "Use HMAC-SHA256.",
    "content": "Send content-type: application/cloudevents+json.",
}

_COMPACT: Final = (",", ":")
_SPACED: Final = (", ", ": ")


def _search(sent: Mapping[str, str | None], body: bytes, keys: Sequence[KnownKey]) -> _Fit | None:
    """Return the way with the fewest mistakes in which the signature comes out, or None."""
    message_id, timestamp = sent["webhook-id"] or "", sent["webhook-timestamp"] or ""
    entries = _entries(sent["webhook-signature"] or "")
    best: _Fit | None = None
    for key in keys:
        for fit in _fits(key, entries, message_id, timestamp, body):
            if best is None or _cost(fit) < _cost(best):
                best = fit
            if not fit.mistakes:
                break
    return best


def _cost(fit: _Fit) -> tuple[int, int]:
    return len(fit.mistakes) + (fit.key.condition != "valid"), int(fit.key.condition == "other_system")


def _fits(key: KnownKey, entries: Sequence[_Entry], message_id: str, timestamp: str, body: bytes) -> Iterator[_Fit]:
    for content, mistakes in _contents(message_id, timestamp, body, every=key.condition == "valid"):
        if isinstance(key.material, signing.PublicKey):
            found = _ed25519(key.material, entries, content)
        else:
            found = _hmac(key.material, entries, content)
        if found is not None:
            yield _Fit(key, tuple(mistake for mistake in (*found, *mistakes) if mistake))


def _hmac(secret: signing.Secret, entries: Sequence[_Entry], content: bytes) -> tuple[str, ...] | None:
    text = base64.b64encode(secret.raw)
    for raw, taken in (
        (secret.raw, ""),
        (b"whsec_" + text, "the secret was taken as text, with whsec_"),
        (text, "the secret was taken as text, without decoding it"),
    ):
        for algorithm, named in (("sha256", ""), ("sha1", "HMAC-SHA1 was used"), ("sha512", "HMAC-SHA512 was used")):
            digest = hmac.digest(raw, content, algorithm)
            for entry in entries:
                if hmac.compare_digest(digest, entry.raw):
                    return (taken, named, entry.oddity, _version(entry, "v1"))
    return None


def _ed25519(key: signing.PublicKey, entries: Sequence[_Entry], content: bytes) -> tuple[str, ...] | None:
    for entry in entries:
        try:
            key.verifier.verify(entry.raw, content)
        except (InvalidSignature, ValueError):
            continue
        return (entry.oddity, _version(entry, "v1a"))
    return None


def _version(entry: _Entry, wanted: str) -> str:
    return "" if entry.version == wanted or not entry.version else f"it is labelled {entry.version} and not {wanted}"


def _contents(message_id: str, timestamp: str, body: bytes, *, every: bool) -> Iterator[tuple[bytes, tuple[str, ...]]]:
    """Yield what may have been signed, and the mistakes that it takes; the right one first."""
    head = f"{message_id}.{timestamp}.".encode(errors="replace")
    yield head + body, ()
    if not every:
        return
    plain_id, plain_time = message_id.encode(errors="replace"), timestamp.encode(errors="replace")
    for changed, how in _bodies(body):
        yield head + changed, (how,)
    for start, how in (
        (plain_time + b".", "timestamp and body were signed, without the id"),
        (plain_id + b".", "id and body were signed, without the timestamp"),
        (b"", "only the body was signed"),
        (plain_id + plain_time, "the content was put together without dots"),
        (plain_time + b"." + plain_id + b".", "timestamp and id were put in the wrong order"),
    ):
        yield start + body, (how,)
        for changed, also in _bodies(body):
            yield start + changed, (how, also)
    for start in (head, head[:-1]):
        yield start, ("the body was left out",)


def _bodies(body: bytes) -> Iterator[tuple[bytes, str]]:
    """Yield bodies that may have been signed in place of ``body``, and what happened to them since."""
    for ending, name in ((b"\r\n", "a CR LF"), (b"\n", "a line break")):
        if body.endswith(ending):
            yield body[: -len(ending)], f"{name} was added at the end of the body after it was signed"
        yield body + ending, f"{name} at the end of the body got lost after it was signed"
    unix = body.replace(b"\r\n", b"\n")
    if unix != body:
        yield unix, "its line breaks were LF when it was signed, and are CR LF now"
    if b"\n" in body:
        yield unix.replace(b"\n", b"\r\n"), "its line breaks were CR LF when it was signed, and are LF now"
        yield unix.replace(b"\n", b""), "the body had no line breaks when it was signed"
    if body.strip() != body:
        yield body.strip(), "blanks were added around the body after it was signed"
    if body.startswith(b"\xef\xbb\xbf"):
        yield body[3:], "a byte order mark was put before the body after it was signed"
    else:
        yield b"\xef\xbb\xbf" + body, "the body had a byte order mark when it was signed"
    yield from _recoded(body)


def _recoded(body: bytes) -> Iterator[tuple[bytes, str]]:
    yield from _inflated(body)
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return
    for name in ("latin-1", "utf-16-le", "utf-16-be"):
        try:
            encoded = text.encode(name)
        except UnicodeEncodeError:
            continue
        if encoded != body:
            yield encoded, f"the body was signed in {name.upper()}, and sent in UTF-8"
    yield from _reserialised(text, body)


def _inflated(body: bytes) -> Iterator[tuple[bytes, str]]:
    inflated = _gunzip(body)
    if inflated is not None:
        yield inflated, "the body was signed before it was compressed"
        return
    for level in (6, 9, 1):
        yield gzip.compress(body, level, mtime=0), "the compressed body was signed, and this one is not compressed"


def _gunzip(body: bytes) -> bytes | None:
    """Return what gzip data holds, as far as it is looked into, or None for other bytes."""
    try:
        return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(body, _MAX_INFLATED)
    except zlib.error:
        return None


def _reserialised(text: str, body: bytes) -> Iterator[tuple[bytes, str]]:
    """Yield the JSON of ``text`` as other programs write it."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return
    seen = {body}
    for indent, separators in ((None, _COMPACT), (None, _SPACED), (2, None), (4, None), ("\t", None)):
        for ascii_only in (False, True):
            for sort in (False, True):
                try:
                    written = json.dumps(
                        value, indent=indent, separators=separators, ensure_ascii=ascii_only, sort_keys=sort
                    ).encode()
                except (ValueError, RecursionError, UnicodeEncodeError):
                    continue
                if written not in seen:
                    seen.add(written)
                    yield written, "the body was written anew, as other JSON text, after it was signed"


# -- reading tolerantly ------------------------------------------------------------------------------------------------


def _entries(header: str) -> list[_Entry]:
    """Return all that the signature header may hold, however it is written."""
    found = []
    for text in re.split(r"[\s;]+", header.strip())[: 2 * signing.MAX_ENTRIES]:
        version, oddity, encoded = _labelled(text)
        found += [_Entry(version, raw, oddity or how) for raw, how in _decoded(encoded)]
    return found


def _labelled(text: str) -> tuple[str, str, str]:
    """Return (version, oddity of the label, what follows it) of one entry."""
    match = re.match(r"(v1a?|sha1|sha256|sha512|t)\s*([,=:])", text, re.IGNORECASE)
    if match is None:
        return "", "the version is missing before it (v1,)", text
    version, mark, rest = match[1].lower(), match[2], text[match.end() :]
    if version.startswith("v1"):
        return version, "" if mark == "," else f"there is a '{mark}' after the version in place of the comma", rest
    return "", f"it is labelled {version} and not v1", rest


def _decoded(text: str) -> Iterator[tuple[bytes, str]]:
    """Yield the bytes that an encoded signature may stand for, and what is unusual about it."""
    if re.fullmatch(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[0-9a-fA-F]{128}", text):
        yield bytes.fromhex(text), "it is hexadecimal and not base64"
    canonical = signing.decode_base64(text)
    if canonical is not None:
        yield canonical, ""
        return
    standard = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        raw = base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except ValueError:
        return
    if standard != text.rstrip("="):
        yield raw, "it is base64url and not standard base64"
    elif base64.b64encode(raw).decode().rstrip("=") != standard:
        yield raw, "it is base64, but not in its canonical form"
    else:
        yield raw, "the padding of its base64 (=) is missing or too long"


def _may_be_pasted(mistake: str) -> bool:
    """Tell whether a mistake may be that of a browser or an editor, between which the body was pasted."""
    return any(word in mistake for word in ("line break", "CR LF", "blanks", "byte order mark"))


# -- words -------------------------------------------------------------------------------------------------------------


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _span(seconds: float) -> str:
    """Return a span of time as people say it."""
    whole = int(abs(seconds))
    if whole < 120:
        return f"{whole} s"
    if whole < 2 * 3600:
        return f"{whole // 60} min"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} days"


def fingerprint(raw: bytes) -> str:
    """Return the SHA-256 of what was pasted, in hex, so that two people can tell whether they have the same bytes."""
    return hashlib.sha256(raw).hexdigest()


def ending(raw: bytes) -> str:
    """Say what a body ends with: the last line break is what gets lost most."""
    if raw.endswith(b"\r\n"):
        return "It ends with a CR LF."
    if raw.endswith(b"\n"):
        return "It ends with a line break."
    return "It ends without a line break."
