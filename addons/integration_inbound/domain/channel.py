"""The channel that a Mirth Connect or Open Integration Engine imports to post the events of one system.

It is put together from the files of ``mirth/``: the export format of engine 4.5.2, and the scripts that run in it. It
holds the system's address and code, never its secret, which the engine reads from its configuration map.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

ENGINE_VERSION: Final = "4.5.2"
"""The engine's version whose format this is; it and newer ones import it."""

_SOURCES: Final = Path(__file__).resolve().parent.parent / "mirth"
_PLACE: Final = re.compile(r"@([A-Z_]+)@")


def secret_key(code: str) -> str:
    """Return under which key of the engine's configuration map the secret of the system ``code`` is looked for."""
    return f"odoo.{code}.secret"


def script(name: str, code: str) -> str:
    """Return one of the channel's scripts (``sign``, ``response``, ``deploy``) for the system ``code``.

    :raises OSError: when there is no script of that name
    """
    text = (_SOURCES / f"{name}.js").read_text(encoding="utf-8").strip()
    return _fill(text, {"CODE": code, "SECRET_KEY": secret_key(code)})


def build(*, code: str, url: str, channel_id: str) -> str:
    """Return the channel as XML.

    :param code: the system's
    :param url: the whole address that the system posts to
    :param channel_id: a UUID that no other channel has; the ids of its messages begin with it
    """
    values = {
        "VERSION": ENGINE_VERSION,
        "CHANNEL_ID": channel_id,
        "NAME": f"To Odoo as {code}"[:40],  # the engine allows no longer name
        "DESCRIPTION": (
            f"Posts events to Odoo as the system {code}. Route to it, from other channels, JSON messages"
            ' {"type": ..., "subject": ..., "time": ..., "data": {...}}.'
            f" Before it is deployed: Settings > Configuration Map, {secret_key(code)} = the system's secret."
        ),
        "URL": url,
        "SIGN_JS": script("sign", code),
        "RESPONSE_JS": script("response", code),
        "DEPLOY_JS": script("deploy", code),
    }
    template = (_SOURCES / "channel.xml.template").read_text(encoding="utf-8")
    return _fill(template, {name: escape(value) for name, value in values.items()})


def _fill(text: str, values: dict[str, str]) -> str:
    return _PLACE.sub(lambda match: values[match[1]], text)
