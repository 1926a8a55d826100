"""Verification, sentence by sentence of the wire contract, and beside the public reference verifier."""

import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from importlib.metadata import version
from pathlib import Path

import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from integration_core.domain import book, signing
from integration_core.domain.book import Key
from integration_core.domain.signing import Accepted, Cause, PrivateKey, PublicKey, Refused, Secret, VerifyKey

PAGE = Path(__file__).parents[4] / "docs" / "verification.md"
NOW = 1_760_000_000
BODY = b'{"a": 1}'
SECRETS = [Secret(bytes([number]) * 32) for number in range(3)]
PRIVATES = [PrivateKey(bytes([number]) * 32) for number in range(3)]


def verify(header, keys, *, message_id="m1", timestamp=str(NOW), body=BODY, **how):
    return signing.verify(
        message_id=message_id, timestamp=timestamp, signature=header, body=body, keys=keys, now=NOW, **how
    )


def keys_of(*materials):
    return [VerifyKey(f"k{number}", material) for number, material in enumerate(materials)]


class TestBesideTheReference:
    def test_the_page_says_what_both_do(self):
        """When this fails, one of the two behaves otherwise than the page says: look before you change the page."""
        assert version("standardwebhooks") == "1.1.0"
        page = PAGE.read_text(encoding="utf-8")
        table = page[page.index("| the message |") :].split("\n\n", 1)[0]
        assert table.splitlines() == reference.table().splitlines()

    def test_nothing_escapes_here_and_nothing_laxer_is_accepted(self):
        """Where the reference accepts what we do not, it is marked; where it fails over a good signature, we do not."""
        for case in reference.CASES:
            there, here = reference.reference(case), reference.ours(case)
            if here == "accepts":
                assert there == "accepts" or there.startswith("raises") or "v1a" in case.what, case.what
            assert "raises" not in here

    def test_the_cases_are_told_apart_by_their_names(self):
        names = [case.what for case in reference.CASES]
        assert len(set(names)) == len(names) >= 40


class TestHeaders:
    VISIBLE = [chr(code) for code in range(0x21, 0x7F) if chr(code) != "."]

    def test_every_visible_character_but_the_dot_may_be_in_an_id(self):
        for character in self.VISIBLE:
            header = signing.sign([SECRETS[0]], character, NOW, BODY)
            assert verify(header, keys_of(SECRETS[0]), message_id=character) == Accepted("k0", character, NOW)

    @given(st.characters().filter(lambda character: character not in TestHeaders.VISIBLE))
    def test_no_other_character_may(self, character):
        for text in (character, f"a{character}", f"{character}a"):
            assert not signing.is_message_id(text)

    def test_an_id_has_1_to_256_characters(self):
        assert [signing.is_message_id("m" * length) for length in (0, 1, 256, 257)] == [False, True, True, False]

    @pytest.mark.parametrize("digits", [1, 12])
    def test_a_timestamp_has_1_to_12_digits(self, digits):
        timestamp = "9" * digits
        header = signing.sign([SECRETS[0]], "m1", int(timestamp), BODY)
        outcome = verify(header, keys_of(SECRETS[0]), timestamp=timestamp)
        assert outcome == Refused(Cause.TOO_OLD if digits == 1 else Cause.IN_FUTURE)

    @given(st.text(min_size=1, max_size=13))
    def test_no_other_text_is_a_timestamp(self, text):
        expected = re.fullmatch(r"[0-9]{1,12}", text, re.ASCII) is not None
        outcome = verify("v1,AAAA", keys_of(SECRETS[0]), timestamp=text)
        assert (outcome == Refused(Cause.NO_MATCH)) == expected

    @pytest.mark.parametrize("seconds", [-300, 0, 300])
    def test_300_seconds_either_way(self, seconds):
        header = signing.sign([SECRETS[0]], "m1", NOW + seconds, BODY)
        assert isinstance(verify(header, keys_of(SECRETS[0]), timestamp=str(NOW + seconds)), Accepted)
        beyond = NOW + seconds + (1 if seconds > 0 else -1)
        header = signing.sign([SECRETS[0]], "m1", beyond, BODY)
        assert isinstance(verify(header, keys_of(SECRETS[0]), timestamp=str(beyond)), Refused) == (seconds != 0)

    @pytest.mark.parametrize("place", range(16))
    def test_any_one_of_16_entries_is_enough(self, place):
        entries = [signing.sign([SECRETS[1]], "m1", NOW, BODY)] * 16
        entries[place] = signing.sign([SECRETS[0]], "m1", NOW, BODY)
        assert isinstance(verify(" ".join(entries), keys_of(SECRETS[0])), Accepted)
        assert verify(" ".join([*entries, entries[0]]), keys_of(SECRETS[0])) == Refused(Cause.BAD_SIGNATURE_HEADER)

    def test_a_long_entry_of_another_version_hides_nothing(self):
        good = signing.sign([SECRETS[0]], "m1", NOW, BODY)
        assert isinstance(verify(f"v2,{'A' * 6172} {good}", keys_of(SECRETS[0])), Accepted)

    def test_whatever_was_signed_is_verified_as_bytes(self):
        body = bytes(range(256))
        header = signing.sign([SECRETS[0]], "m1", NOW, body)
        assert isinstance(verify(header, keys_of(SECRETS[0]), body=body), Accepted)
        assert verify(header, keys_of(SECRETS[0]), body=body.decode("latin-1").encode()) == Refused(Cause.NO_MATCH)


class TestKeys:
    @pytest.mark.parametrize("number", range(3))
    def test_any_one_of_several_keys_is_enough(self, number):
        mixed = keys_of(*SECRETS, *(private.public_key() for private in PRIVATES))
        for signer in (SECRETS[number], PRIVATES[number]):
            outcome = verify(signing.sign([signer], "m1", NOW, BODY), mixed)
            expected = number if isinstance(signer, Secret) else 3 + number
            assert outcome == Accepted(f"k{expected}", "m1", NOW)

    def test_a_key_works_for_its_own_version_alone(self):
        """The same 32 bytes as secret, as seed and as public key: none of them does another one's work."""
        seed = PRIVATES[1]
        public = seed.public_key()
        by_seed, by_secret = signing.sign([seed], "m1", NOW, BODY), signing.sign([Secret(seed.raw)], "m1", NOW, BODY)
        by_public = signing.sign([Secret(public.raw)], "m1", NOW, BODY)
        assert verify(by_seed, keys_of(Secret(seed.raw))) == Refused(Cause.NO_MATCH)
        for forged in (by_secret, by_public):
            assert verify(forged, keys_of(public)) == Refused(Cause.NO_MATCH)
            assert verify(forged.replace("v1,", "v1a,"), keys_of(public)) == Refused(Cause.NO_MATCH)
        assert verify(by_seed.replace("v1a,", "v1,"), keys_of(public)) == Refused(Cause.NO_MATCH)

    @pytest.mark.parametrize("text", [PRIVATES[0].public_key().text(), PRIVATES[0].text()])
    def test_no_other_text_becomes_a_secret(self, text):
        with pytest.raises(signing.KeyFormatError):
            Secret.parse(text)
        for kind in (PublicKey, PrivateKey):
            with pytest.raises(signing.KeyFormatError):
                kind.parse(SECRETS[0].text())


P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)  # of -1


def added(one, other):
    """Add two points of edwards25519 (RFC 8032 §5.1.4, in affine coordinates)."""
    (x1, y1), (x2, y2) = one, other
    product = D * x1 * x2 * y1 * y2 % P
    return (
        (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P,
    )


def of_y(y):
    """Return a point with this y (RFC 8032 §5.1.3), or None."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT % P
    return (x, y) if x * x % P == square else None


def torsion():
    """Return the eight points whose order divides 8: multiples of one of order 8, found as L times some point."""
    order = 2**252 + 27742317777372353535851937790883648493
    for y in range(2, 100):
        point, sum_, left = of_y(y), (0, 1), order
        if point is None:
            continue
        while left:
            sum_ = added(sum_, point) if left & 1 else sum_
            point, left = added(point, point), left >> 1
        points = [(0, 1)]
        while len(points) < 8:
            points.append(added(points[-1], sum_))
        if len(set(points)) == 8:
            return points
    raise AssertionError("there is none")


class TestKeysForWhichAnybodyCanSign:
    def test_all_eight_points_of_small_order_are_refused(self):
        points = torsion()
        assert {y for _x, y in points} == signing._SMALL_ORDER_Y
        for _x, y in points:
            for sign in (0, 1):
                raw = (y | sign << 255).to_bytes(32, "little")
                with pytest.raises(signing.KeyFormatError):
                    PublicKey(raw)

    def test_why(self):
        """Under the neutral point, one signature holds for every message: no secret is needed to make it."""
        neutral = object.__new__(PublicKey)
        object.__setattr__(neutral, "raw", (1).to_bytes(32, "little"))
        forged = "v1a," + reference.entry((1).to_bytes(32, "little") + bytes(32)).removeprefix("v1,")
        for body in (b"pay", b"pay more"):
            assert isinstance(verify(forged, keys_of(neutral), body=body), Accepted)

    @pytest.mark.parametrize("y", [P, P + 1, P + 3, 2**255 - 1])
    def test_a_point_has_one_spelling(self, y):
        with pytest.raises(signing.KeyFormatError):
            PublicKey(y.to_bytes(32, "little"))


MOMENT = datetime.fromtimestamp(NOW, timezone.utc).replace(tzinfo=None)
EVER, DAY = datetime(2020, 1, 1), timedelta(days=1)


def party(code, *keys, active=True):
    return replace(book.NOBODY, id=1, code=code, active=active, keys=keys)


def parties():
    """Return parties of every kind by their codes, as a book has them."""
    one, two = (VerifyKey("one", SECRETS[0]), VerifyKey("two", SECRETS[1]))
    public = VerifyKey("public", PRIVATES[0].public_key())
    known = [
        party("good", Key(one, EVER)),
        party("rotating", Key(one, EVER), Key(two, EVER), Key(public, EVER)),
        party("suspended", Key(one, EVER), active=False),
        party("keyless"),
        party("expired", Key(one, EVER, MOMENT)),
        party("early", Key(one, MOMENT + DAY)),
    ]
    nobody, *filled = book.alike([book.NOBODY, *known])
    return {found.code: found for found in [nobody, *filled]}


@pytest.fixture
def work(monkeypatch):
    """Write down every key that something was verified with."""
    tried = []
    hmac, ed25519 = signing._hmac, signing.ed25519_verifies
    monkeypatch.setattr(signing, "_hmac", lambda *words: tried.append("v1") or hmac(*words))
    monkeypatch.setattr(signing, "ed25519_verifies", lambda *words: tried.append("v1a") or ed25519(*words))
    return tried


class TestSameWorkForEveryCause:
    def judged(self, who, header, **how):
        keys, others = parties()[who].keys_at(MOMENT)
        return verify(header, keys, others=others, **how)

    HEADERS = {
        "rightly": signing.sign([SECRETS[0], PRIVATES[0]], "m1", NOW, BODY),
        "badly": signing.sign([SECRETS[2], PRIVATES[2]], "m1", NOW, BODY),
    }
    CAUSES = [
        ("", "rightly", Cause.NO_KEY),
        ("", "badly", Cause.NO_KEY),
        ("keyless", "rightly", Cause.NO_KEY),
        ("suspended", "rightly", Cause.KEY_NOT_VALID),
        ("suspended", "badly", Cause.NO_KEY),
        ("expired", "rightly", Cause.KEY_NOT_VALID),
        ("expired", "badly", Cause.NO_KEY),
        ("early", "rightly", Cause.KEY_NOT_VALID),
        ("good", "badly", Cause.NO_MATCH),
        ("rotating", "badly", Cause.NO_MATCH),
    ]

    @pytest.mark.parametrize(("who", "how", "cause"), CAUSES)
    def test_a_refusal_has_tried_as_many_keys_whoever_it_is_for(self, who, how, cause, work):
        assert self.judged(who, self.HEADERS[how]) == Refused(cause)
        assert sorted(work) == ["v1", "v1", "v1a"]

    @pytest.mark.parametrize("who", ["good", "rotating"])
    @pytest.mark.parametrize("seconds", [-400, 400])
    def test_a_refusal_for_its_time_too(self, who, seconds, work):
        header = signing.sign([SECRETS[0], PRIVATES[0]], "m1", NOW + seconds, BODY)
        cause = Cause.TOO_OLD if seconds < 0 else Cause.IN_FUTURE
        work.clear()
        assert self.judged(who, header, timestamp=str(NOW + seconds)) == Refused(cause)
        assert sorted(work) == ["v1", "v1", "v1a"]

    def test_what_is_accepted_needs_no_decoys(self, work):
        assert isinstance(self.judged("rotating", self.HEADERS["rightly"]), Accepted)
        assert work == ["v1"]

    def test_what_nobody_could_sign_costs_a_secret_all_the_same(self, work):
        nobody, *_rest = book.alike([book.NOBODY, party("keyless")])
        keys, others = nobody.keys_at(MOMENT)
        assert verify(self.HEADERS["badly"], keys, others=others) == Refused(Cause.NO_KEY)
        assert work == ["v1"]

    def test_an_expired_key_does_not_stand_in_the_way_of_the_same_key_again(self):
        again = party("again", Key(VerifyKey("old", SECRETS[0]), EVER, MOMENT), Key(VerifyKey("new", SECRETS[0]), EVER))
        keys, others = again.keys_at(MOMENT)
        outcome = verify(self.HEADERS["rightly"], keys, others=others)
        assert outcome == Accepted("new", "m1", NOW)
