"""People whom nobody else resembles: what is found of them anywhere has come from a message about them."""

import json
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import Path

from servers import Server

from simulator import wire

SYSTEM = "ehr"
CATALOGUE = Path(__file__).resolve().parents[1] / "addons" / "integration_core" / "catalogue"
JSON_TYPE = "application/cloudevents+json"


@dataclass(frozen=True)
class Person:
    """A patient, or somebody who pays for one. Every value but the given name is unmistakable by itself."""

    number: str
    given: str
    family: str
    born: date
    phone: str
    street: str
    city: str
    note: str

    @property
    def name(self) -> str:
        return f"{self.given} {self.family}"

    @property
    def email(self) -> str:
        return f"{self.family}@mailbox.example".lower()

    @property
    def as_patient(self) -> dict[str, object]:
        """What a talkative system sends: more than the identifier, which is all that the schema asks for."""
        return {
            "id": self.number,
            "name": {"family": self.family, "given": [self.given]},
            "birth_date": self.born.isoformat(),
            "telecom": [{"system": "phone", "value": self.phone}, {"system": "email", "value": self.email}],
            "address": {"line": self.street, "city": self.city},
            "note": self.note,
        }

    @property
    def as_guarantor(self) -> dict[str, object]:
        """Billing name and address, which are asked for, and what is not."""
        address = {"street": self.street, "city": self.city, "zip": "04401", "country": "US"}
        extra = {"birth_date": self.born.isoformat(), "phone": self.phone, "email": self.email, "note": self.note}
        return {"id": self.number, "name": self.name, "address": address, **extra}

    @property
    def billing(self) -> list[str]:
        """What becomes a customer's billing data where this person pays."""
        return [self.given, self.family, self.street, self.city]

    @property
    def private(self) -> list[str]:
        """What is nobody's business but the clinical side's, also where this person pays."""
        born = [self.born.strftime(form) for form in ("%Y-%m-%d", "%Y%m%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y")]
        digits = "".join(filter(str.isdigit, self.phone))
        return [self.number, *born, self.phone, digits, self.email, self.note]

    @property
    def tokens(self) -> list[str]:
        return [*self.billing, *self.private]


PATIENT = Person(
    "MRN-Q7731X",
    "Quendolyra",
    "Zwyntorzyk",
    date(1931, 8, 17),
    "+1 (207) 555-0173 x4481",
    "93 Hollowbramble Mews",
    "Thistlequay",
    "allergic to kwilverine",
)
ACCENTED = Person(
    "PAT/Ü-90210-Ω",
    "Žofie-Ångela",
    "Þórbrandsdóttir",
    date(1902, 2, 27),
    "+354 555 0142 33",
    "Ólafsvíkurgata 4711",
    "Ísafjörðurinn",
    "„Müßiggang“ notes",
)
PAYER = Person(
    "GAR-W55K-31",
    "Brundelwick",
    "Otterspoolington",
    date(1948, 11, 3),
    "+1 (207) 555-0198 x7702",
    "7 Fennimarrow Close",
    "Dapplestowe",
    "prefers lilac envelopes",
)
POISON = Person(
    "MRN-P0150N-7",
    "Mordicantha",
    "Poisonwortley",
    date(1917, 6, 9),
    "+1 (207) 555-0111 x9035",
    "666 Wormwoodshire Lane",
    "Hemlockbury",
    "never to be stored",
)
"""Pays, and cannot be stored: whatever handles a message about this person fails."""


@dataclass(frozen=True)
class Answer:
    """What the gate said."""

    status: int
    text: str


class Talker:
    """Sends what a system sends, signed with its key, and keeps every answer."""

    def __init__(self, server: Server) -> None:
        self._url = server.systems[SYSTEM]["url"]
        self._secret = server.systems[SYSTEM]["secret"]
        self._base = server.base_url
        self.answers: list[Answer] = []

    def send(
        self,
        body: bytes,
        *,
        message_id: str | None = None,
        secret: str | None = None,
        content_type: str = JSON_TYPE,
        traceparent: str | None = None,
    ) -> Answer:
        """Post a body as it is."""
        headers = self.signed(body, message_id, secret)
        more = {"traceparent": traceparent} if traceparent else {}
        return self._ask(self._url, body, {**headers, **more, "content-type": content_type})

    def signed(self, body: bytes, message_id: str | None = None, secret: str | None = None) -> dict[str, str]:
        return wire.headers(secret or self._secret, message_id or uuid.uuid4().hex, int(time.time()), body)

    def ask_about(self, message_id: str) -> Answer:
        """Ask what became of a message."""
        return self._ask(f"{self._url}/messages/{message_id}", None, self.signed(b""))

    def get(self, path: str) -> Answer:
        return self._ask(self._base + path, None, {})

    def _ask(self, url: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            found = opener.open(urllib.request.Request(url, body, headers), timeout=60)
        except urllib.error.HTTPError as error:
            found = error
        with found:
            self.answers.append(Answer(found.status, f"{found.headers}\n{found.read().decode()}"))
        return self.answers[-1]


def event(kind: str, data: object, *, ascii_only: bool = True, **attributes: object) -> bytes:
    """A message of the system's, with an id that says nothing."""
    number = uuid.uuid4().hex
    whole = {
        "specversion": "1.0",
        "id": number,
        "source": f"/systems/{SYSTEM}",
        "type": kind,
        "time": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "datacontenttype": "application/json",
        "data": data,
        **attributes,
    }
    return json.dumps(whole, ensure_ascii=ascii_only).encode()


def example(kind: str, person: Person, encounter: str) -> dict[str, object]:
    """The data of the catalogue's example, about this person, with all that a talkative system adds."""
    shipped = json.loads((CATALOGUE / "examples" / f"{kind}.json").read_text())["data"]
    data: dict[str, object] = {**shipped, "patient": person.as_patient, "remark": person.note, "kin": person.name}
    if "encounter" in data:
        data["encounter"] = encounter
    if "merged_into" in data:
        data["merged_into"] = person.number
    return data


def inbound_types() -> list[str]:
    """Every type of the catalogue that a system may send."""
    index = json.loads((CATALOGUE / "index.json").read_text())["types"]
    return [entry["type"] for entry in index if entry["direction"] == "inbound"]


def visit(person: Person, encounter: str, *, service: str = "WOUND", payer: Person | None = None) -> list[bytes]:
    """An outpatient's admission, finalized services and discharge; ``payer`` pays, else the patient."""
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    pays: dict[str, object] = {"guarantor": payer.as_guarantor} if payer else {"self_pay": True}
    about = {"encounter": encounter, "patient": person.as_patient}
    lines = [
        {"line": str(n), "service": service, "quantity": "2", "unit_price": "52.25", "currency": "USD"} for n in (1, 2)
    ]
    # Some order by patient, and name what a message is about by patient.
    by = {"partitionkey": person.number, "subject": f"patient/{person.number}"}
    admitted = {**about, **pays, "admitted_at": now, "department": "CLINIC", "class": "outpatient"}
    finalized = {**about, **pays, "performed_at": now, "department": "CLINIC", "lines": lines}
    return [
        event("clinical.encounter.admitted.v1", admitted, ascii_only=False, **by),
        event("clinical.service.finalized.v1", finalized, **by),
        event("clinical.encounter.discharged.v1", {**about, "discharged_at": now}, **by),
    ]
