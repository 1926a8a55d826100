import base64
import binascii
from collections import Counter

from markupsafe import Markup
from odoo import fields, models
from odoo.exceptions import UserError

from ..domain import portable
from ..domain.portable import DocumentError, Outcome

SHOWN = 500
"""Lines of one kind and outcome that are shown; all of them are counted."""
OUTCOMES = [
    (Outcome.REFUSED.value, "Refused"),
    (Outcome.CHANGED.value, "Changed"),
    (Outcome.NEW.value, "New"),
    (Outcome.ABSENT.value, "Here, not in the document"),
    (Outcome.LEFT_OUT.value, "Left out by you"),
    (Outcome.UNCHANGED.value, "Unchanged"),
]
_COLOURS = {"refused": "danger", "changed": "info", "new": "success", "absent": "warning"}


class IntegrationPortableImportWizard(models.TransientModel):
    """Take a document of the configuration: first a dry run that says what would become of each object, then all of it.

    What a person has looked at is what is carried out, or nothing: when the document or what is here has changed since,
    it is to be looked at again.
    """

    _name = "integration.portable.import.wizard"
    _description = "Import the configuration"

    file = fields.Binary("Document", attachment=False)
    file_name = fields.Char()
    state = fields.Selection(
        [("draft", "Choose"), ("checked", "Look"), ("done", "Imported")], "Step", default="draft", readonly=True
    )
    stale = fields.Boolean(readonly=True, help="Something has changed since somebody looked.")
    origin = fields.Char("Comes from", readonly=True)
    summary = fields.Html(readonly=True, sanitize=False)
    refused_count = fields.Integer("Refused", readonly=True)
    todo_count = fields.Integer("New or changed", readonly=True)
    seen_digest = fields.Char(readonly=True, help="Of the document and of what was here when somebody looked.")
    left_out = fields.Json(readonly=True, help="What is not to be taken, by kind and key.")
    waiting_count = fields.Integer("Wait for approval", readonly=True)
    line_ids = fields.One2many("integration.portable.import.line", "wizard_id", "What would become of each")

    def _compute_display_name(self):
        for wizard in self:
            wizard.display_name = self.env._("Import configuration")

    # -- buttons

    def action_check(self):
        """Try it out, and show what would become of each object. Nothing is changed."""
        self.ensure_one()
        self._look(self._left_out())
        return True

    def action_leave_out_refused(self):
        """Leave out what is refused, and look again at what that means for the rest."""
        self.ensure_one()
        places = self._left_out()
        refused = [entry.place for entry in self._look(places) if entry.outcome is Outcome.REFUSED]
        self._look([*places, *refused])
        return True

    def action_import(self):
        """Carry out what was looked at, all of it or nothing."""
        self.ensure_one()
        places = self._left_out()
        known = self.env["integration.portable"]
        incoming = known._import(self._bytes(), self.seen_digest, places) if self.state == "checked" else None
        if incoming is None:
            self._look(places)
            self.stale = True
            return True
        waiting = sum(entry.waits for entry in incoming.entries)
        self.write(
            {"state": "done", "stale": False, "waiting_count": waiting, "summary": self._overview(incoming.entries, [])}
        )
        return True

    def action_open_approvals(self):
        """Show what waits for approval now."""
        self.check_access("read")
        return self.env["ir.actions.actions"]._for_xml_id("integration_core.action_approval")

    # -- the dry run

    def _look(self, places):
        known = self.env["integration.portable"]
        try:
            entries, absent, digest = known._try(self._bytes(), places)
            document = portable.read(self._bytes())
        except DocumentError as error:
            raise UserError(known._document_words(error)) from None
        counts = Counter(entry.outcome for entry in entries)
        self.line_ids.unlink()
        self.write(
            {
                "state": "checked",
                "stale": False,
                "left_out": [list(place) for place in places],
                "origin": document.environment or self.env._("a database without a master key"),
                "seen_digest": digest,
                "refused_count": counts[Outcome.REFUSED],
                "todo_count": counts[Outcome.NEW] + counts[Outcome.CHANGED],
                "summary": self._companies(document) + self._overview(entries, absent),
                "line_ids": [fields.Command.create(values) for values in self._lines(entries, absent)],
            }
        )
        return entries

    def _bytes(self):
        """Return the document.

        :raises UserError: where none was chosen
        """
        file = self.with_context(bin_size=False).file
        if not file:
            raise UserError(self.env._("Choose a document first."))
        try:
            return base64.b64decode(file, validate=True)
        except binascii.Error:
            raise UserError(self.env._("Choose a document first.")) from None

    def _left_out(self):
        """Return the places that are not to be taken: as the lines say, and of those that are not shown as before."""
        shown = {(line.model, line.ident): line.left_out for line in self.line_ids if line.ident}
        before = {(model, ident) for model, ident in self.left_out or []}
        wanted = {place for place, left_out in shown.items() if left_out}
        return sorted(wanted | {place for place in before if place not in shown})

    def _lines(self, entries, absent):
        known = self.env["integration.portable"]
        seen = Counter()
        order = list(Outcome)
        rows = [
            {
                "model": entry.model,
                "ident": entry.item.ident,
                "kind": known._label(entry.model),
                "name": known._told(entry),
                "outcome": entry.outcome.value,
                "detail": "\n".join(known._details(entry)),
                "left_out": entry.outcome is Outcome.LEFT_OUT,
            }
            for entry in entries
            if entry.outcome is not Outcome.UNCHANGED
        ]
        rows += [
            {"model": name, "kind": known._label(name), "name": told, "outcome": Outcome.ABSENT.value}
            for name, told in absent
        ]
        kept = []
        for row in sorted(rows, key=lambda row: order.index(Outcome(row["outcome"]))):
            seen[row["kind"], row["outcome"]] += 1
            if seen[row["kind"], row["outcome"]] <= SHOWN:
                kept.append({**row, "sequence": len(kept)})
        return kept

    # -- what a person reads

    def _companies(self, document):
        """Say which company here each one of the document is."""
        found = self.env["integration.portable"]._companies_of(document)
        lines = [Markup("<li>%s → <b>%s</b></li>") % pair for pair in found]
        return Markup("<div>%s<ul>%s</ul></div>") % (self.env._("Companies:"), Markup().join(lines))

    def _overview(self, entries, absent):
        known = self.env["integration.portable"]
        counts = Counter((entry.model, entry.outcome.value) for entry in entries)
        counts.update((name, Outcome.ABSENT.value) for name, _told in absent)
        words = dict(self.env["integration.portable.import.line"]._fields["outcome"]._description_selection(self.env))
        shown = [value for value, _label in OUTCOMES if any(one == value for _name, one in counts)]
        head = Markup().join(Markup("<th class='text-end'>%s</th>") % words[value] for value in shown)
        rows = []
        for name in dict.fromkeys(name for name, _value in counts):
            cells = Markup().join(self._cell(value, counts[name, value]) for value in shown)
            rows.append(Markup("<tr><td>%s</td>%s</tr>") % (known._label(name), cells))
        return Markup("<table class='table table-sm w-auto'><tr><th/>%s</tr>%s</table>") % (head, Markup().join(rows))

    @staticmethod
    def _cell(value, count):
        colour = f"text-{_COLOURS[value]} fw-bold" if count and value in _COLOURS else "text-muted"
        return Markup("<td class='text-end %s'>%s</td>") % (colour, count)


class IntegrationPortableImportLine(models.TransientModel):
    """What would become of one object of a document."""

    _name = "integration.portable.import.line"
    _description = "Object of a configuration"
    _order = "sequence, id"

    wizard_id = fields.Many2one("integration.portable.import.wizard", required=True, ondelete="cascade", index=True)
    sequence = fields.Integer(readonly=True)
    model = fields.Char(readonly=True)
    ident = fields.Char(readonly=True)
    kind = fields.Char(readonly=True)
    name = fields.Char(readonly=True)
    outcome = fields.Selection(OUTCOMES, "What becomes of it", readonly=True)
    detail = fields.Text("Why, and what changes", readonly=True)
    left_out = fields.Boolean("Leave out")
