"""What tests of the engine share: a handler that says what it was given, and nothing else that is subscribed."""

from odoo import models

from .common import IntegrationCase
from .test_journal import ADMITTED


class RecordingHandler(models.AbstractModel):
    """Says what it was given, and fails on the encounters that the test names."""

    _name = "integration.handler.recording"
    _inherit = ["integration.handler"]
    _description = "Records what it gets (tests)"
    _module = "integration_core"

    def _handle(self, batch):
        RECORDER.batches.append([one.data["encounter"] for one in batch])
        for one in batch:
            error = RECORDER.errors.get(one.data["encounter"])
            if error:
                raise error
            one.event._record_effects([("", "applied", None, None)])


class Recorder:
    def __init__(self):
        self.batches, self.errors = [], {}


RECORDER = Recorder()


class RecordingCase(IntegrationCase):
    """Admissions go to the recording handler alone, whatever other addons subscribe."""

    subscription_values = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Odoo offers no other way to a model for one test, and keeps its addons from importing this at their top.
        cls.register_model(RecordingHandler)
        cls.env["integration.subscription"].search([]).active = False
        cls.subscription = cls.env["integration.subscription"].create(
            {
                "name": "Recording",
                "company_id": False,
                "event_type_ids": cls.env["integration.event.type"]._named(ADMITTED).ids,
                "handler": "integration.handler.recording",
                **cls.subscription_values,
            }
        )

    def setUp(self):
        super().setUp()
        RECORDER.__init__()
