"""The channel as an engine would run it: its scripts under Node, its properties by name."""

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

ENGINE = Path(__file__).with_name("mirth_engine.js")
DESTINATION = "destinationConnectors/connector"
CHANNEL_ID = "7d3c2f0a-1111-4222-8333-944455556666"


def parse(xml):
    """Return the channel's root element; the text has no document type, so there is nothing to expand."""
    return ElementTree.fromstring(xml)  # noqa: S314


def script_of(root, name):
    """Return the text of the channel's script ``sign``, ``response`` or ``deploy``."""
    if name == "deploy":
        return root.findtext("deployScript")
    part = "transformer" if name == "sign" else "responseTransformer"
    (found,) = root.findall(f"{DESTINATION}/{part}/elements/*/script")
    return found.text


def run_all(cases):
    """Run scripts as the engine would, each with what it is given; return what became of the maps and the response."""
    done = subprocess.run(
        ["node", str(ENGINE)], input=json.dumps(cases), capture_output=True, text=True, check=True, timeout=120
    )
    return [SimpleNamespace(**ran) for ran in json.loads(done.stdout)]


def run(script, **given):
    """Run one script as the engine would."""
    (ran,) = run_all([{"script": script, **given}])
    return ran


def send(root, raw, *, secret, code="ehr", message_id=1, now=None):
    """Return the (headers, body) that the channel posts for the message ``raw`` (text)."""
    ran = run(
        script_of(root, "sign"),
        configuration={f"odoo.{code}.secret": secret},
        message={"raw": raw, "channelId": root.findtext("id"), "messageId": message_id},
        connectorMap={"responseStatusCode": 503},
        now=now,
    )
    if ran.thrown:
        raise AssertionError(ran.thrown)
    values = ran.connectorMap
    properties = root.find(f"{DESTINATION}/properties")
    headers = {
        entry.findtext("string"): _replaced(entry.findtext("list/string"), values)
        for entry in properties.findall("headers/entry")
    }
    charset = properties.findtext("charset")
    headers["content-type"] = f"{properties.findtext('contentType')}; charset={charset}"
    return headers, _replaced(properties.findtext("content"), values).encode(charset), values


def _replaced(template, values):
    """Return what the engine puts in the place of one ``${name}``."""
    return values[template.removeprefix("${").removesuffix("}")]
