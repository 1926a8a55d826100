"""The peers: queue_job's jobs, Odoo's webhook in and out, an API key, the prototype's cron."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

from odoo import fields

from benchmark import prototype

_PER_TRANSACTION = 1000


def example_body() -> str:
    """Return a message as big as the suite's own."""
    data = {
        "company": "1",
        "number": "INV/2026/00042",
        "date": "2026-11-22",
        "move_type": "out_invoice",
        "payer": "ACME",
        "currency": "USD",
        "amount_untaxed": "120.00",
        "amount_tax": "0.00",
        "amount_total": "120.00",
        "amount_residual": "120.00",
        "payment_state": "not_paid",
        "encounter": "E-1001",
        "lines": [{"charge": "1", "amount": "120.00"}],
    }
    envelope = {
        "specversion": "1.0",
        "id": "0190b5a4-0000-7000-8000-000000000014",
        "source": "/odoo/6f1c9d3e-5b7a-4c1e-9a51-2f0c8d7e4b10/1",
        "type": "finance.invoice.posted.v1",
        "time": "2026-11-20T09:30:05Z",
        "datacontenttype": "application/json",
        "dataschema": "https://odoo.example.org/integration/v1/schemas/finance.invoice.posted.v1",
        "subject": "invoice/42",
        "correlationid": "0190b5a4-0000-7000-8000-00000000c0de",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "data": data,
    }
    return json.dumps(envelope, separators=(",", ":"))


def enqueue_posts(env: Any, *, count: int, urls: list[str], prefix: str) -> float:
    """Make one job per message, committed together; return the wall clock just before that commit."""
    body, model = example_body(), env["integration.bench.peers"]
    for number in range(count):
        model.with_delay()._post(urls[number % len(urls)], f"{prefix}-{number}", body)
    return time.time()


def enqueue_nothing(env: Any, *, count: int) -> None:
    """Make jobs that do nothing."""
    for _number in range(count):
        env["integration.bench.peers"].with_delay()._nothing()


def open_jobs(env: Any) -> int:
    """Return how many jobs are not done."""
    return int(env["queue.job"].search_count([("state", "not in", ("done", "cancelled", "failed"))]))


def failed_jobs(env: Any) -> int:
    """Return how many jobs failed."""
    return int(env["queue.job"].search_count([("state", "=", "failed")]))


def forget_jobs(env: Any) -> None:
    """Remove every job."""
    env.cr.execute("DELETE FROM queue_job")


def prepare_prototype(env: Any) -> None:
    """Make the prototype's tables."""
    prototype.create(env.cr)


def feed_prototype(env: Any, *, count: int, urls: list[str], prefix: str, trigger: bool = False) -> float:
    """Give the prototype messages, committed together; return the wall clock just before that commit."""
    body = example_body()
    rows = ((f"{prefix}-{n}", "", body, urls[n % len(urls)]) for n in range(count))
    prototype.add(env.cr, rows)
    if trigger:
        env.ref("integration_bench_peers.cron_prototype")._trigger()
    return time.time()


def feed_one(env: Any, *, url: str, message_id: str, trigger: bool = False) -> float:
    """Give the prototype one message and commit; return the wall clock just after the commit."""
    prototype.add(env.cr, [(message_id, "", example_body(), url)])
    if trigger:
        env.ref("integration_bench_peers.cron_prototype")._trigger()
    committed: list[float] = []
    # Before whatever else follows the commit, as for the suite's own events.
    env.cr.postcommit._funcs.appendleft(lambda: committed.append(time.time()))
    env.cr.commit()
    return committed[0]


def forget_prototype(env: Any) -> None:
    """Empty the prototype's tables."""
    env.cr.execute("TRUNCATE bench_delivery, bench_event")


def use_prototype_cron(env: Any, *, active: bool) -> None:
    """Switch the prototype's cron on or off."""
    env.ref("integration_bench_peers.cron_prototype").active = active


# -- Odoo's own webhooks and API --------------------------------------------------------------------------------------


def incoming_webhook(env: Any) -> str:
    """Make a base_automation webhook that creates one row; return its path."""
    automation = env["base.automation"].create(
        {
            "name": "Bench: incoming",
            "model_id": env["ir.model"]._get_id("integration.bench.inbox"),
            "trigger": "on_webhook",
            "record_getter": "model.create({'name': payload.get('id'), 'body': str(payload)})",
            "action_server_ids": [],
        }
    )
    return f"/web/hook/{automation.webhook_uuid}"


def outgoing_webhook(env: Any, *, url: str) -> None:
    """Have every new row of the hook's model posted by Odoo's 'Send Webhook Notification', replacing an older rule."""
    env["base.automation"].search([("name", "=", "Bench: outgoing")]).unlink()
    model = env["ir.model"]._get("integration.bench.hook")
    sent = env["ir.model.fields"].search([("model_id", "=", model.id), ("name", "in", ("name", "body"))])
    env["base.automation"].create(
        {
            "name": "Bench: outgoing",
            "model_id": model.id,
            "trigger": "on_create",
            "action_server_ids": [
                (
                    0,
                    0,
                    {
                        "name": "Bench: post",
                        "model_id": model.id,
                        "state": "webhook",
                        "webhook_url": url,
                        "webhook_field_ids": [(6, 0, sent.ids)],
                    },
                )
            ],
        }
    )


def make_hooks(env: Any, *, count: int) -> float:
    """Create rows, each in a transaction of its own; return how long that took in seconds."""
    body, began = example_body(), time.monotonic()
    for number in range(count):
        env["integration.bench.hook"].create({"name": str(number), "body": body})
        env.cr.commit()
    return time.monotonic() - began


def api_key(env: Any) -> str:
    """Return a bearer key of the administrator for /json/2."""
    keys = env["res.users.apikeys"].with_user(env.ref("base.user_admin")).sudo()
    return str(keys._generate("rpc", "bench", fields.Datetime.now() + timedelta(days=1)))


def share_secret(env: Any, *, secret: str) -> None:
    """Tell the bare controller the key that its messages are signed with."""
    env["ir.config_parameter"].set_param("integration_bench.secret", secret)
