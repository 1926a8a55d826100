"""Requests without a ``Host`` header, which HTTP/1.0 allows: Odoo answers them with 500 before anybody is asked."""

from typing import Any

from odoo import http
from werkzeug.wsgi import get_host

from .dispatcher import IntegrationDispatcher


def _get_session_and_dbname(request: http.Request) -> Any:
    environ = request.httprequest.environ
    if "HTTP_HOST" not in environ and IntegrationDispatcher.is_compatible_with(request):
        environ["HTTP_HOST"] = get_host(environ)  # PEP 3333: the name and the port that the server itself goes by
    return _ordinarily(request)


_ordinarily = http.Request._get_session_and_dbname


def install() -> None:
    """Give such requests a host where they are for the suite. A process does it once."""
    http.Request._get_session_and_dbname = _get_session_and_dbname
