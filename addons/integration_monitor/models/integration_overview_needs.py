from datetime import timedelta
from math import ceil

from odoo import api, fields, models
from odoo.fields import Domain

LOOKED_BACK_DAYS = 30
"""Days within which auditors are told of what somebody did alone."""
VERIFIED_DAYS = 30
"""Days after which auditors are told to verify the trail again."""


class IntegrationOverviewNeeds(models.AbstractModel):
    """What needs whoever looks: one line per kind of work that is the turn of a role of theirs, with its button.

    It is put together from figures that the page has anyway, so that it says no other numbers than they do.
    """

    _name = "integration.overview.needs"
    _inherit = ["integration.overview.control"]
    _description = "Overview: what needs me"

    @api.model
    def _needs(self, roles, data):
        """Return what waits for the user, the most urgent first.

        :param dict data: the parts of the page
        :return: list of dicts: ``key``, ``level``, ``text``, ``since`` (for how long), ``amounts``, ``action``
        """
        found = [*self._needs_of_everybody(data)]
        if roles["finance"]:
            found += self._needs_of_finance(roles, data)
        if roles["operator"]:
            found += self._needs_of_operators(data)
        if roles["steward"]:
            found += self._needs_of_stewards(data)
        if roles["admin"]:
            found += self._needs_of_administrators(data)
        if roles["auditor"]:
            found += self._needs_of_auditors()
        if roles["privacy"]:
            found += self._needs_of_privacy_officers()
        if roles["liaison"]:
            found += self._needs_of_the_clinical_side(data)
        rank = {"danger": 0, "warning": 1, "info": 2}
        return sorted(found, key=lambda one: rank[one["level"]])

    @api.model
    def _need(self, key, level, text, action, since="", amounts=()):
        return {
            "key": key,
            "level": level,
            "text": text,
            "since": self.env._("for %s", since) if since else "",
            "amounts": list(amounts),
            "action": action,
        }

    @api.model
    def _needs_of_everybody(self, data):
        approvals = data["approvals"]
        if approvals and approvals["mine"]:
            text = self.env._("Requests that wait for your approval: %s.", self._number(approvals["mine"]))
            yield self._need("approvals", "warning", text, approvals["mine_action"])

    @api.model
    def _needs_of_finance(self, roles, data):
        turn = self.env._("Finance")
        for row in data["parked"]["rows"]:
            if row["turn"] == turn:
                text = self.env._("Parked, %(why)s: %(count)s", why=row["label"], count=self._number(row["count"]))
                yield self._need(
                    f"parked/{row['reason']}", "warning", text, row["action"], row["since"], row["amounts"]
                )
        breaks = data["reconciliations"]
        if breaks and breaks["to_do"]:
            text = self.env._("Breaks of reconciliations to look at: %s", self._number(breaks["to_do"]))
            yield self._need("breaks", "warning", text, breaks["to_do_action"], breaks["oldest"], breaks["amounts"])
        steps = {step["state"]: step for step in data["pipeline"] or ()}
        if roles["reviewer"] and steps["ready"]["count"]:
            text = self.env._("Charges ready for your review: %s", self._number(steps["ready"]["count"]))
            yield self._need("ready", "info", text, steps["ready"]["action"], "", steps["ready"]["amounts"])
        if "draft" in steps and steps["draft"]["count"]:
            text = self.env._("Draft invoices to post: %s", self._number(steps["draft"]["count"]))
            yield self._need("drafts", "info", text, steps["draft"]["action"], steps["draft"]["since"])

    @api.model
    def _needs_of_operators(self, data):
        deliveries = data["deliveries"]
        if deliveries["dead"]:
            text = self.env._("Dead letters: %s", self._number(deliveries["dead"]))
            yield self._need("dead", "danger", text, deliveries["dead_action"], deliveries["dead_oldest"])
        refused = [("state", "=", "open"), ("mode", "=", "live")]
        messages = self.env["integration.refused.message"]
        [(count, oldest)] = messages._read_group(refused, [], ["__count", "received_at:min"])
        if count:
            text = self.env._("Refused messages that wait for somebody to mend the cause: %s.", self._number(count))
            action = self._open(self.env._("Refused messages"), messages._name, refused)
            yield self._need("refused", "warning", text, action, self._age(oldest))
        for row in deliveries["breakers"]:
            text = self.env._("%s does not answer and is left alone for now", row["name"])
            yield self._need(f"breaker/{row['id']}", "warning", text, row["action"], row["age"])
        for row in data["silence"]["rows"]:
            if row["silent"]:
                text = self.env._("%s should have sent something by now", row["name"])
                yield self._need(f"silence/{row['id']}", "warning", text, row["action"], row["age"])

    @api.model
    def _needs_of_stewards(self, data):
        for row in data["to_map"]["rows"]:
            text = self.env._(
                "Codes to map, %(system)s, %(kind)s: %(codes)s (lines that wait: %(lines)s)",
                system=row["system"],
                kind=row["kind"],
                codes=self._number(row["codes"]),
                lines=self._number(row["lines"]),
            )
            yield self._need(f"map/{row['key']}", "warning", text, row["action"], row["since"])

    @api.model
    def _needs_of_administrators(self, data):
        now = fields.Datetime.now()
        for key, whose, moment, action in self._keys_ending():
            if moment <= now:
                text = self.env._("The last key of %s has ended", whose)
                yield self._need(f"key/{key}", "danger", text, action, self._age(moment))
            else:
                # Begun days count: whoever reads "within 5 days" has no more than that.
                days = ceil((moment - now) / timedelta(days=1))
                text = self.env._("The last key of %(name)s ends within %(days)s days", name=whose, days=days)
                if days == 1:
                    text = self.env._("The last key of %s ends within a day", whose)
                yield self._need(f"key/{key}", "warning", text, action)

    @api.model
    def _needs_of_auditors(self):
        requests = self.env["integration.approval"]
        alone = Domain("self_approved", "=", True) & Domain("state", "=", "approved")
        alone &= Domain("decided_at", ">=", self._midnight(LOOKED_BACK_DAYS))
        if count := requests.search_count(alone):
            text = self.env._(
                "Approved by their own author within %(days)s days: %(count)s",
                days=LOOKED_BACK_DAYS,
                count=self._number(count),
            )
            yield self._need("alone", "warning", text, self._open_requests(list(alone)))
        glasses = self.env["integration.break.glass"]
        if glasses.has_access("read"):
            opened = Domain("begun_at", ">=", self._midnight(LOOKED_BACK_DAYS))
            if count := glasses.search_count(opened):
                number = self._number(count)
                text = self.env._("Break-glass within %(days)s days: %(count)s", days=LOOKED_BACK_DAYS, count=number)
                action = self._open(self.env._("Break-glass"), glasses._name, list(opened))
                yield self._need("glass", "info", text, action)
        # Not the last one by id, for which the whole trail might be read backwards.
        [(verified,)] = self.env["integration.audit"]._read_group([("action", "=", "audit.verify")], [], ["at:max"])
        if not verified or verified < self._midnight(VERIFIED_DAYS):
            check = self.env["ir.actions.actions"]._for_xml_id("integration_core.action_audit_verify")
            text = self.env._("The audit trail was not verified within %s days", VERIFIED_DAYS)
            yield self._need("verify", "info", text, check, self._age(verified))

    @api.model
    def _needs_of_privacy_officers(self):
        glasses = self.env["integration.break.glass"].search([("state", "=", "open")]).filtered("can_review")
        if glasses:
            late = len(glasses.filtered("overdue"))
            text = self.env._("Break-glass that waits for your review: %s.", self._number(len(glasses)))
            if late:
                text = self.env._("%(text)s Too late already: %(late)s.", text=text, late=self._number(late))
            action = self._open(self.env._("Break-glass"), glasses._name, [("id", "in", glasses.ids)])
            yield self._need("review", "danger" if late else "warning", text, action)
        requests = self.env["integration.erasure"].search([("state", "=", "requested")]).filtered("may_decide")
        if requests:
            text = self.env._("Requests for erasure that wait for your approval: %s.", self._number(len(requests)))
            action = self._open(self.env._("Erasure"), requests._name, [("id", "in", requests.ids)])
            yield self._need("erasure", "warning", text, action)

    @api.model
    def _needs_of_the_clinical_side(self, data):
        if data["corrections"]["count"]:
            effects = [("status", "=", "parked"), ("event_id.mode", "=", "live")]
            text = self.env._("Lines that wait for correction: %s", self._number(data["corrections"]["count"]))
            yield self._need(
                "corrections",
                "warning",
                text,
                self._open(self.env._("Waiting for correction"), "integration.effect", effects),
            )
