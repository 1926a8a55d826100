"""Make the web client's bundles once, so that no first page and no browser test has to wait for them."""

from __future__ import annotations

from typing import Any, Final

_ON_DEMAND: Final = (
    "web.assets_backend_lazy",
    "web.assets_clickbot",
    "web.chartjs_lib",
    "web.assets_tests",
    "bus.websocket_worker_assets",
    "web_tour.automatic",
)
"""Bundles that the web client asks for later, and that no page names."""


def pregenerate(env: Any) -> None:
    """Store every bundle that pages of this database ask for, and commit."""
    templates = env["ir.qweb"]
    templates._pregenerate_assets_bundles()
    for bundle in _ON_DEMAND:
        files = templates._get_asset_bundle(bundle)
        files.js()
        files.css()
    env.cr.commit()
