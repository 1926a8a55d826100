"""What tests of the explanations share: deliveries in any state for any reason, and the form as a user reads it."""

from lxml import etree
from odoo.tools.safe_eval import safe_eval

from ..domain import catalogue, errors
from .common import IntegrationCase

FINALIZED = "clinical.service.finalized.v1"
FAMILIES = {"http_3xx": "http_307", "http_4xx": "http_418", "http_5xx": "http_599"}
IN_ORDER = ("reason_title", "what_happened", "affected", "whose_turn", "next_action", "next_button")


class ExplainedCase(IntegrationCase):
    def deliver(self, event, subscription, state, code, *, hours=0, owner=None):
        """Return a delivery as the engine would have left it ``hours`` ago."""
        self.env.cr.execute(
            """
            INSERT INTO integration_delivery
                (event_id, subscription_id, company_id, consumer, lane, state, error_code, due_at, created_at,
                 dead_since, attempts, crashes, owner_id)
            VALUES (%(event)s, %(subscription)s, %(company)s, %(consumer)s, 1, %(state)s, %(code)s,
                    now() AT TIME ZONE 'UTC' + interval '1 hour', now() AT TIME ZONE 'UTC' - %(age)s::interval,
                    CASE WHEN %(state)s = 'dead' THEN now() AT TIME ZONE 'UTC' - %(age)s::interval END,
                    3, 0, %(owner)s)
            RETURNING id
            """,
            {
                "event": event.id,
                "subscription": subscription.id,
                "company": event.company_id.id,
                "consumer": subscription.consumer,
                "state": state,
                "code": code,
                "age": f"{hours} hours",
                "owner": owner and owner.id,
            },
        )
        delivery = self.env["integration.delivery"].browse(self.env.cr.fetchone()[0])
        if state == "waiting":
            delivery._queue_again()
        self.env.invalidate_all()
        return delivery

    def service(self, encounter, *lines, **data):
        """Journal a message of finalized lines, each a dict over the catalogue's example; return its event."""
        example = catalogue.example(FINALIZED)["data"]
        rows = [{**example["lines"][0], "line": str(number), **line} for number, line in enumerate(lines, 1)]
        _accepted, event = self.post(FINALIZED, {**example, "encounter": encounter, "lines": rows, **data})
        self.env.cr.execute("DELETE FROM integration_delivery WHERE event_id = %s", (event.id,))
        self.env.invalidate_all()
        return event

    def form_of(self, delivery, user):
        """Return (the arch of the form, the values of the explanation's fields) as ``user`` gets them."""
        mine = delivery.with_user(user)
        arch = etree.fromstring(mine.get_view(view_type="form")["arch"])
        fields = [name for name in IN_ORDER if arch.xpath(f"//div[@name='explained']//field[@name='{name}']")]
        return arch, mine.read(fields)[0]

    def buttons_of(self, arch, values):
        """Return the labels of the buttons that the explanation shows."""
        return [
            button.get("string")
            for button in arch.xpath("//div[@name='next_buttons']//button")
            if not safe_eval(button.get("invisible"), {"next_button": values["next_button"]})
        ]

    def assert_says(self, delivery, user, row):
        """Compare the form of a delivery, as ``user`` sees it, with a row of the table."""
        arch, values = self.form_of(delivery, user)
        self.assertEqual(
            (values["reason_title"], values["what_happened"], values["next_action"], values["next_button"]),
            (row.title, row.happened, row.action, row.button.value),
        )
        self.assertEqual(values["whose_turn"].split(" (")[0], row.turn.label)
        self.assertEqual(self.buttons_of(arch, values), list(filter(None, [row.button.label])))

    @staticmethod
    def code_of(row):
        """Return a code that leads to this row: itself, or a status of its family."""
        return FAMILIES.get(row.code, row.code)

    @staticmethod
    def state_of(row):
        """Return the state in which a delivery carries this code as the row says."""
        return "waiting" if row.held else "dead"


CORE_BUTTONS = {
    errors.Button.NONE,
    errors.Button.RETRY,
    errors.Button.SKIP,
    errors.Button.RESUME,
    errors.Button.OPEN_EARLIER,
}
