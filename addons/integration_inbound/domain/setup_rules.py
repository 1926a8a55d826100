"""What must be in place for a message to reach this database: facts in, verdict out."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from ...integration_core.domain.verdict import Verdict, _, bad, doubtful, good, graded

# pylint: disable=prefer-env-translation; there is no env here, what is marked is looked up where it is shown

_LOCAL_NAMES: Final = ("localhost", "localhost.localdomain")


def database_selection(*, database: str, visible: Collection[str], filtered: bool, listed: bool) -> Verdict:
    """Judge which database a message without a cookie reaches.

    Args:
        database: The one that is asked about.
        visible: Those that Odoo would choose from at the public address.
        filtered: ``dbfilter`` is set: Odoo asks PostgreSQL for all databases at each request without a cookie.
        listed: ``list_db`` is on: anybody may see the list and the page that manages databases.
    """
    if database not in visible:
        return bad(
            _("Odoo does not offer the database %(database)s at its public address."),
            meaning=_("Messages get “not ready” (503), or reach another database."),
            steps=[_("Set db_name = %(database)s in odoo.conf, or mend dbfilter, and restart Odoo.")],
            database=database,
        )
    if len(visible) > 1:
        return doubtful(
            _("Odoo chooses between %(count)s databases at its public address."),
            meaning=_("A message that does not name its database gets “not ready” (503)."),
            steps=[
                _("Set db_name = %(database)s in odoo.conf, or a dbfilter by host name, and restart Odoo."),
                _("Or have each sender add the header X-Odoo-Database: %(database)s."),
            ],
            count=len(visible),
            database=database,
        )
    if listed:
        return doubtful(
            _("Messages reach this database. Its name, and the page that manages databases, are open to everybody."),
            meaning=_("One guessed password away from a copy of everything, or from losing it."),
            steps=[_("Set list_db = False in odoo.conf and restart Odoo.")],
        )
    if filtered:
        return doubtful(
            _("Messages reach this database, by a filter (dbfilter)."),
            meaning=_(
                "With a filter Odoo opens a connection to PostgreSQL for every message: slower, and fewer at once."
            ),
            steps=[_("Where Odoo serves one database, set db_name = %(database)s and take dbfilter away.")],
            database=database,
        )
    return good(_("Messages reach this database without naming it."))


def public_address(*, url: str, frozen: bool, production: bool) -> Verdict:
    """Judge the address that other systems are told.

    Args:
        url: ``integration_core.gate_url``, else ``web.base.url``.
        frozen: Odoo leaves it alone when an administrator logs in: ``web.base.url.freeze``, or it is the gate's.
        production: Live systems send real data.
    """
    parts = urlsplit(url)
    steps = [
        _(
            "Set web.base.url under Settings → Technical → System Parameters to the address that other systems use;"
            " where messages come in at another one, add integration_core.gate_url with that."
        ),
        _("Add the parameter web.base.url.freeze with the value True."),
    ]
    if not parts.hostname:
        return bad(
            _("Odoo does not know its public address (web.base.url)."),
            meaning=_("Addresses on the screens and in events are wrong."),
            steps=steps,
        )
    if _is_local(parts.hostname):
        return graded(
            production,
            _("Odoo takes %(url)s for its public address, which only this machine reaches."),
            meaning=_("Whoever copies a system's address from the screen cannot reach it."),
            steps=steps,
            url=url,
        )
    if parts.scheme != "https":
        return graded(
            production,
            _("The public address %(url)s is not encrypted (https)."),
            meaning=_("Signatures keep messages from being altered, not from being read."),
            steps=[_("Put TLS in front of Odoo, then let web.base.url begin with https://."), *steps],
            url=url,
        )
    if not frozen:
        return doubtful(
            _("The public address is %(url)s, and not frozen."),
            meaning=_("Odoo replaces it by whatever address an administrator logs in at."),
            steps=steps[1:],
            url=url,
        )
    return good(_("The public address is %(url)s."), url=url)


def _is_local(host: str) -> bool:
    if host in _LOCAL_NAMES or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def proxy(*, https: bool, proxy_mode: bool, forwarded: bool | None) -> Verdict:
    """Judge whether Odoo knows who stands behind a proxy.

    Args:
        https: The public address begins with https, which Odoo itself does not speak.
        proxy_mode: Odoo believes what a proxy says about the sender.
        forwarded: The request that is being answered came through a proxy; None: nothing is being answered.
    """
    if (https or forwarded) and not proxy_mode:
        return doubtful(
            _("Odoo is behind a proxy and does not know it (proxy_mode is off)."),
            meaning=_("Every refusal seems to come from the proxy's address, and links begin with http://."),
            steps=[
                _("Set proxy_mode = True in odoo.conf, have the proxy set X-Forwarded-For, -Proto and -Host, restart.")
            ],
        )
    if proxy_mode and forwarded is False:
        return doubtful(
            _("Odoo believes a proxy (proxy_mode is on), and you reached it without one."),
            meaning=_("Whoever reaches Odoo directly can pretend to come from any address."),
            steps=[_("Let only the proxy reach Odoo (http_interface = 127.0.0.1), or set proxy_mode = False.")],
        )
    if proxy_mode:
        return good(_("Odoo is behind a proxy and knows it."))
    return good(_("There is no proxy before Odoo."))
