from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Command

GROUP = "integration_core.group_engine"


class IntegrationRunAsMixin(models.AbstractModel):
    """What acts inside Odoo under a user of its own: whatever is made for it names that user as its author.

    The user has the technical group of the engine and no other, no password and no way to log in
    (:class:`~odoo.addons.integration_core.models.res_users.ResUsers`).

    Inheriting models have ``name``, ``code`` and ``company_id``.
    """

    _name = "integration.run.as.mixin"
    _description = "Acts as a user of its own"

    run_as_id = fields.Many2one(
        "res.users",
        "Acts as",
        readonly=True,
        copy=False,
        ondelete="restrict",
        help="What is made in Odoo for this system names this user as its author. Nobody can log in as it.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_run_as(vals)
        # Given, so that no default of the caller's can name somebody.
        records = super().create([{"run_as_id": False, **vals} for vals in vals_list])
        records._make_run_as()
        return records

    def _check_run_as(self, vals):
        if vals.get("run_as_id") and not self.env.su:
            raise AccessError(self.env._("Whom a system acts as is not chosen: it has a user of its own."))

    def write(self, vals):
        self._check_run_as({"run_as_id": "run_as_id" in vals})
        result = super().write(vals)
        if "company_id" in vals:
            self.check_access("write")  # nobody moves it to a company that they do not belong to
            for record in self.filtered("run_as_id"):
                record.company_id._let_in(record._run_as())
        if "name" in vals:
            for record in self.filtered("run_as_id"):
                record._run_as().name = record._run_as_name()
        return result

    @api.constrains("run_as_id")
    def _check_run_as_group(self):
        for record in self:
            user = record._run_as()
            if user and (user.id == SUPERUSER_ID or not user._acts_for_integration()):
                raise ValidationError(self.env._("%s acts for nobody here.", user.name))

    def _run_as(self):
        # sudo: whoever registers a system need not be allowed to edit users
        return self.sudo().run_as_id

    def _run_as_name(self):
        """Return the name under which the system's deeds are seen in Odoo."""
        return self.env._("%s (integration)", self.name)

    def _make_run_as(self):
        """Give each of these records its user, where it has none yet."""
        # The superuser, because sudo alone may not give groups to users.
        quiet = {"no_reset_password": True, "mail_create_nosubscribe": True, "tracking_disable": True}
        # Nothing of the caller's context: its defaults would be those of the user that is made.
        env = self.env(user=SUPERUSER_ID, su=True, context=quiet)
        group = env.ref(GROUP)
        for record in self.with_env(env).filtered(lambda one: not one.run_as_id):
            record.run_as_id = env["res.users"].create(
                {
                    "login": f"__integration_{record.code}__",
                    "name": record._run_as_name(),
                    "group_ids": [Command.set(group.ids)],
                    "company_id": record.company_id.id,
                    "company_ids": [Command.set(record.company_id.ids)],
                    "notification_type": "email",
                }
            )

    @api.ondelete(at_uninstall=True)
    def _archive_run_as(self):
        """Keep the user of a record that goes: what it made names it."""
        self._run_as().active = False
