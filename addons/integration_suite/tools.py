"""What the suite has to translate, as Odoo's own exporter finds it in a database with its addons."""

from collections import defaultdict
from io import BytesIO
from pathlib import Path

from odoo.modules import get_module_path
from odoo.tools.translate import PoFileWriter, TranslationModuleReader

from .domain import terms


def suite_addons(env):
    """Return the names of the suite's addons whose terms this database tells, in order: those that lie beside this one.

    Where addons are installed that come by themselves with Odoo's apps, it is these alone: terms of what they extend
    would be told as theirs.
    """
    beside = Path(__file__).resolve().parents[1]
    installed = env["ir.module.module"].search([("state", "=", "installed")])
    ours = installed.filtered(lambda one: Path(get_module_path(one.name)).resolve().parent == beside)
    needed = ours.filtered(lambda one: one.name == "integration_suite").dependencies_id.mapped("name")
    glue = ours.filtered(lambda one: one.auto_install and one.name not in needed)
    return sorted((glue or ours).mapped("name"))


def export_templates(env):
    """Return {addon: the text of its ``i18n/<addon>.pot``}; addons without a term are left out."""
    rows = defaultdict(list)
    for row in TranslationModuleReader(env.cr, modules=suite_addons(env)):
        module, kind, place = row[:3]
        if not (kind == "code" and "/tests/" in place):  # nobody reads those on a screen
            rows[module].append(row)
    return {name: _template(found) for name, found in sorted(rows.items())}


def _template(rows):
    buffer = BytesIO()
    PoFileWriter(buffer, None).write_rows(rows)
    return terms.stable(buffer.getvalue().decode())
