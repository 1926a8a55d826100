from odoo import api, fields, models
from odoo.tools import format_datetime

from ..domain.lifecycle import WARN_DAYS, timedelta

ALERT = "mail.mail_activity_data_warning"


class IntegrationKeyHolderMixin(models.AbstractModel):
    """What has keys: it rotates them, and its owner is told before one ends.

    Inheriting models have ``credential_ids``, ``company_id``, ``owner_id`` and activities.
    """

    _name = "integration.key.holder.mixin"
    _description = "Holder of keys"

    _key_use = "inbound"

    key_warning = fields.Char(compute="_compute_key_warning", groups="integration_core.group_operator")

    @api.depends("credential_ids.state", "credential_ids.valid_from", "credential_ids.valid_to")
    def _compute_key_warning(self):
        for holder in self:
            holder.key_warning = holder._key_warning_text() or False

    def _key_warning_text(self):
        """Return what is about to go wrong with the keys, in words, or None."""
        now = fields.Datetime.now()
        working = self.credential_ids.filtered(lambda key: key.state == "active" and key.stage != "expired")
        last = max((key.valid_to or fields.Datetime.to_datetime("9999-01-01") for key in working), default=None)
        if last is None or last > now + timedelta(days=max(WARN_DAYS)):
            return None
        return self.env._(
            "The last key ends on %(moment)s: nothing is verified or signed from then on. Rotate it before.",
            moment=format_datetime(self.env, last, dt_format="short"),
        )

    def action_rotate_keys(self):
        """Open the wizard that makes a key, or enters one, in the place of those in force."""
        self.check_access("write")
        self.ensure_one()
        return self.env["integration.key.wizard"]._open_for(self, replace=True)

    def _key_version(self, version, *, entered):
        """Return of which version a new key has to be where ``version`` was chosen. Hook for addons.

        :param bool entered: it is one that the other side made
        """
        return version

    def _key_owner(self):
        """Return who is told: the owner, or an administrator where the owner cannot see the record."""
        owner = self.owner_id
        if owner.active and self.with_user(owner).has_access("read"):
            return owner
        return self.env["res.users"].browse(sorted(self._approval_approvers())[:1])

    def _warn_of_key(self, key):
        """Put one activity about the end of ``key`` on the owner's desk, in the place of an earlier one."""
        self.ensure_one()
        self._forget_warning_of(key)
        note = (
            self.env._(
                "%s takes its place and works already: see to it that the other side uses it.", key.successor_id.name
            )
            if key.stage == "retiring"
            else self.env._("Press Rotate… to make a new one: both work until the old one ends.")
        )
        self.activity_schedule(
            ALERT,
            date_deadline=key.valid_to.date(),
            user_id=self._key_owner().id,
            summary=self.env._(
                "Key %(key)s ends on %(moment)s UTC", key=key.name, moment=key.valid_to.strftime("%Y-%m-%d %H:%M")
            ),
            note=note,
        )

    def _forget_warning_of(self, key):
        """Take back what the owner was told about the end of ``key``."""
        # sudo: an activity is its reader's; that it is out of date does not depend on who acts here
        activities = self.sudo().activity_ids
        activities.filtered(
            lambda a: a.activity_type_id == self.env.ref(ALERT) and key.name in (a.summary or "")
        ).unlink()
