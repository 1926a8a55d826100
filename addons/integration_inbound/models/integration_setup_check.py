from urllib.parse import urlsplit

from odoo import api, http, models
from odoo.addons.integration_core.checks import Fix, setup_check
from odoo.addons.integration_core.domain.verdict import _
from odoo.addons.integration_core.models.integration_system import GATE_URL
from odoo.tools import config, str2bool

from ..domain import setup_rules

# pylint: disable=prefer-env-translation; a title is marked where no env is, and looked up where it is shown


class IntegrationSetupCheck(models.AbstractModel):
    _inherit = "integration.setup.check"

    @api.model
    def _public_address(self):
        return self.env["integration.system"]._gate_url()

    @setup_check("database_selection", title=_("Choice of database"), section="reach", sequence=10)
    def _check_database_selection(self):
        host = urlsplit(self._public_address()).netloc
        return setup_rules.database_selection(
            database=self.env.cr.dbname,
            # As Odoo chooses for a request without a cookie.
            visible=http.db_list(force=True, host=host),
            filtered=bool(config["dbfilter"]),
            listed=bool(config["list_db"]),
        )

    @setup_check(
        "public_address",
        title=_("Public address"),
        section="reach",
        sequence=20,
        fix=Fix(_("System parameters"), "base.ir_config_list_action"),
    )
    def _check_public_address(self):
        parameters = self.env["ir.config_parameter"]
        return setup_rules.public_address(
            url=self._public_address(),
            # Odoo replaces its own address alone.
            frozen=bool(parameters.get_param(GATE_URL))
            or str2bool(parameters.get_param("web.base.url.freeze") or "", False),
            production=self._is_in_production(),
        )

    @setup_check("proxy", title=_("Reverse proxy"), section="reach", sequence=30)
    def _check_proxy(self):
        return setup_rules.proxy(
            https=urlsplit(self._public_address()).scheme == "https",
            proxy_mode=bool(config["proxy_mode"]),
            forwarded=self._forwarded(),
        )

    @api.model
    def _forwarded(self):
        if not http.request:
            return None
        # As it came: Odoo's own proxy mode takes these headers for the request's and keeps the text.
        environ = http.request.httprequest.environ
        return any(environ.get(name) for name in ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST"))
