"""Commands to copy that work as they are pasted: a signed event, with nothing but a shell, ``openssl``, ``curl``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

SECRET_VARIABLE: Final = "INTEGRATION_SECRET"  # noqa: S105 - the name of a variable
"""The environment variable that the commands read the secret from; it is never part of them."""

_ID_PLACE: Final = "@ID@"
_END: Final = "END_OF_EVENT"


def example_event(example: Mapping[str, Any], *, code: str, event_id: str, time: datetime) -> dict[str, Any]:
    """Return the catalogue's example as an event of the system ``code``.

    :param time: when it happened, with a zone
    """
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": event_id,
        "source": f"/systems/{code}",
        "type": example["type"],
    }
    if example.get("subject"):
        event["subject"] = example["subject"]
    return {
        **event,
        "time": time.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": example["data"],
    }


def curl(*, url: str, code: str, example: Mapping[str, Any], time: datetime, database: str | None = None) -> str:
    """Return shell commands that post an example event to ``url``, signed as Standard Webhooks 1.0.0 says.

    They run in any POSIX shell, also pasted line by line, and make an id of their own each time.

    :param database: its name, where one host serves several
    """
    event = example_event(example, code=code, event_id=_ID_PLACE, time=time)
    body = json.dumps(event, indent=1, ensure_ascii=False)
    named = f" \\\n  -H {_quoted(f'X-Odoo-Database: {database}')}" if database else ""
    return f"""\
url={_quoted(url)}
id="try-$(openssl rand -hex 8)"
timestamp=$(date +%s)
body=$(sed "s/{_ID_PLACE}/$id/" <<'{_END}'
{body}
{_END}
)
key=$(printf %s "${{{SECRET_VARIABLE}#whsec_}}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \\n')
sign() {{ openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | openssl base64 -A; }}
signature=$(printf %s "$id.$timestamp.$body" | sign)
curl --silent --show-error --include "$url" --data-binary "$body" \\
  -H 'content-type: application/cloudevents+json' \\
  -H "webhook-id: $id" -H "webhook-timestamp: $timestamp" -H "webhook-signature: v1,$signature"{named}
"""


def ask_secret() -> str:
    """Return the command that asks for the secret without showing it, and without leaving it in the history."""
    return f"printf 'Secret: '; read -r -s {SECRET_VARIABLE}; export {SECRET_VARIABLE}; echo"


def _quoted(text: str) -> str:
    """Return ``text`` as one word of a shell."""
    return "'" + text.replace("'", "'\\''") + "'"
