"""The alert rules and the dashboard of docs/install/files, judged by Prometheus's own tool."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from suite.layout import ADDONS, CHECKOUT

FILES = CHECKOUT / "docs" / "install" / "files"
RULES = FILES / "prometheus-rules.yml"
PAGE = CHECKOUT / "docs" / "metrics.md"
P = "odoo_integration_"
DAY = 86400


def promtool(*words: str | Path) -> str:
    """Run promtool, which must be content, and return what it says."""
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def series(name: str, values: str, *, prefix: str = P, **labels: str) -> dict[str, str]:
    told = ",".join(f'{label}="{value}"' for label, value in {"instance": "a", **labels}.items())
    return {"series": f"{prefix}{name}{{{told}}}", "values": values}


def up(values: str, instance: str = "a") -> dict[str, str]:
    return series("up", values, prefix="", instance=instance, job="odoo-integration")


BUILD = series("build_info", "1x200")
# Per rule: what makes it fire, what does not, and when it is looked, in minutes.
CASES = {
    "IntegrationMetricsMissing": ([], [BUILD, up("1x200")], 6),
    "IntegrationNotReady": ([series("ready", "0x60")], [series("ready", "1x60")], 3),
    "IntegrationEngineSilent": (
        [
            series("oldest_due_seconds", "300x60", lane="bulk"),
            series("engine_heartbeat_age_seconds", "100x60", kind="cron"),
        ],
        [
            series("oldest_due_seconds", "300x60", lane="bulk"),
            series("engine_heartbeat_age_seconds", "900x60", kind="cron"),
            series("engine_heartbeat_age_seconds", "1x60", kind="worker"),
        ],
        3,
    ),
    "IntegrationUnitsUnaccounted": (
        [series("equation_units", "2x60", system="ehr", part="unaccounted")],
        [
            series("equation_units", "0x60", system="ehr", part="unaccounted"),
            series("equation_units", "9x60", part="parked"),
            series("equation_amount", "0x60", system="ehr", part="unaccounted", currency="USD"),
            series("equation_amount", "288x60", system="ehr", part="parked", currency="USD"),
        ],
        12,
    ),
    "IntegrationSystemSilent": (
        [series("silence_seconds", "7201x60", system="ehr")],
        [series("silence_seconds", "7000x60", system="ehr")],
        7,
    ),
    "IntegrationParkedRising": (
        [series("parked_lines", "0+1x120", system="ehr")],
        [series("parked_lines", "500x120", system="ehr")],
        90,
    ),
    "IntegrationMoneyParked": (
        [series("parked_amount", "10001x120", system="ehr", currency="USD")],
        [series("parked_amount", "9000x120", system="ehr", currency=c) for c in ("USD", "EUR")],
        65,
    ),
    "IntegrationDeadLetters": (
        [series("dead_letters", "1x60", subscription="Ledger")],
        [series("dead_letters", "0x60", subscription="Ledger")],
        3,
    ),
    "IntegrationBreakerOpen": (
        [series("breakers", "1x60", endpoint="Ledger", state="half_open")],
        [series("breakers", "2x60", endpoint="Ledger", state="closed")],
        7,
    ),
    "IntegrationEndpointDisabled": (
        [series("endpoints", "1x60", endpoint="Ledger", state="disabled")],
        [
            series("endpoints", "0x60", endpoint="Ledger", state="disabled"),
            series("endpoints", "1x60", endpoint="Ledger", state="paused"),
        ],
        3,
    ),
    "IntegrationDeliveriesFailing": (
        [series("tries_total", "0+10x60", subscription="L", outcome=o) for o in ("retry", "delivered")],
        [
            series("tries_total", "0+1x60", subscription="L", outcome="retry"),
            series("tries_total", "0+99x60", subscription="L", outcome="delivered"),
        ],
        30,
    ),
    "IntegrationCriticalLaneLate": (
        [series("oldest_due_seconds", "61x60", lane="critical")],
        [series("oldest_due_seconds", "59x60", lane="critical"), series("oldest_due_seconds", "800x60", lane="bulk")],
        4,
    ),
    "IntegrationBacklog": (
        [series("oldest_due_seconds", "901x60", lane="bulk")],
        [series("oldest_due_seconds", "899x60", lane="bulk"), series("oldest_due_seconds", "2000x60", lane="critical")],
        7,
    ),
    "IntegrationHeldLong": (
        [series("held_deliveries", "1x300", lane="bulk")],
        [series("held_deliveries", "1x120 0x180", lane="bulk")],
        250,
    ),
    "IntegrationRefusedMessages": (
        [series("refused_messages", "1x60", system="ehr")],
        [series("refused_messages", "0x60", system="ehr")],
        20,
    ),
    "IntegrationKeyExpiring": (
        [series("credential_expiry_timestamp_seconds", f"{10 * DAY}x120", system="ehr", use="inbound")],
        [
            series("credential_expiry_timestamp_seconds", f"{seconds}x120", system="ehr", use="inbound", endpoint=e)
            for e, seconds in (("far", 30 * DAY), ("never", 10**15), ("gone", 0))
        ],
        65,
    ),
    "IntegrationKeyExpired": (
        [series("credential_expiry_timestamp_seconds", "60x60", system="ehr", use="inbound")],
        [series("credential_expiry_timestamp_seconds", f"{DAY}x60", system="ehr", use="inbound")],
        5,
    ),
    "IntegrationAuditUnsealed": (
        [series("unsealed_audit_age_seconds", "901x60")],
        [series("unsealed_audit_age_seconds", "30x60")],
        7,
    ),
    "IntegrationFiguresStale": (
        [series("figures_timestamp_seconds", "0x60")],
        [series("figures_timestamp_seconds", "0+60x60")],
        25,
    ),
}


def rules() -> list[dict[str, str]]:
    """Return name, severity and annotations of the rules, as far as they are read without a YAML library."""
    found = []
    for block in RULES.read_text(encoding="utf-8").split("      - alert: ")[1:]:
        values = dict(re.findall(r"^ +(severity|summary|description|runbook_url|for): (.*)$", block, re.MULTILINE))
        found.append({"name": block.splitlines()[0], **values})
    return found


def test_the_rules_are_well_formed():
    assert f"SUCCESS: {len(CASES)} rules found" in promtool("check", "rules", RULES)


def test_the_scrape_configuration_is_well_formed(tmp_path):
    token = tmp_path / "token"
    token.write_text("oim_x")
    text = (FILES / "prometheus.yml").read_text(encoding="utf-8")
    text = text.replace("/etc/prometheus/odoo-integration.token", str(token))
    (tmp_path / "prometheus.yml").write_text(text)
    (tmp_path / RULES.name).write_bytes(RULES.read_bytes())
    promtool("check", "config", tmp_path / "prometheus.yml")


def test_each_rule_is_tried():
    assert [rule["name"] for rule in rules()] == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_rule_fires_when_it_should_and_at_no_other_time(name, tmp_path):
    fires, does_not, minutes = CASES[name]
    alerts = f'count by (alertname) (ALERTS{{alertname="{name}",alertstate="firing"}})'
    tests = []
    for given, expected in ((fires, [{"labels": f'{{alertname="{name}"}}', "value": 1}]), (does_not, [])):
        look = {"expr": alerts, "eval_time": f"{minutes}m", "exp_samples": expected}
        tests.append({"interval": "1m", "input_series": given, "promql_expr_test": [look]})
    file = tmp_path / "test.yml"
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}))
    assert "SUCCESS" in promtool("test", "rules", file)


# Per rule that is tried again: what makes it fire, when it is looked, and what is told: labels, summary, description.
TOLD = {
    "an engine that never was there": (
        "IntegrationEngineSilent",
        [series("oldest_due_seconds", "300x60", lane="bulk")],
        "3m",
        {},
        "The engine gives no sign of life, and work is due.",
        "a delivery has been due for 5m 0s.",
    ),
    "lines that are there and money that is not": (
        "IntegrationUnitsUnaccounted",
        [
            series("equation_units", "0x60", system="ehr", part="unaccounted"),
            series("equation_amount", "288x60", system="ehr", part="unaccounted", currency="USD"),
        ],
        "12m",
        {"system": "ehr", "currency": "USD"},
        "The equation of ehr does not add up.",
        "288 USD of what was received yesterday and today",
    ),
    "one Odoo of two": (
        "IntegrationMetricsMissing",
        [series("build_info", "1x200", instance="b"), up("1x200", "b"), up("0x200")],
        "6m",
        {"job": "odoo-integration"},
        "not being read from a.",
        "Prometheus gets no metrics",
    ),
    "the only Odoo, once": (
        "IntegrationMetricsMissing",
        [up("0x200")],
        "6m",
        {"job": "odoo-integration"},
        "not being read from a.",
        "Prometheus gets no metrics",
    ),
    "the key of an endpoint": (
        "IntegrationKeyExpired",
        [series("credential_expiry_timestamp_seconds", "60x60", system="ehr", use="outbound", endpoint="Ledger")],
        "5m",
        {"system": "ehr", "use": "outbound", "endpoint": "Ledger"},
        "The last key of ehr, endpoint Ledger, (outbound) has ended.",
        "Nothing is accepted from it, or sent to it.",
    ),
}


@pytest.mark.parametrize("what", TOLD)
def test_a_rule_fires_once_and_says_of_what(what, tmp_path):
    name, given, moment, labels, summary, description = TOLD[what]
    rule = next(one for one in rules() if one["name"] == name)
    look = {"eval_time": moment, "alertname": name, "exp_alerts": [{"exp_labels": {}, "exp_annotations": {}}]}
    test = {"interval": "1m", "input_series": given, "alert_rule_test": [look]}
    file = tmp_path / "test.yml"
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [test]}))
    # Expected is nothing, so that the tool shows what it got.
    done = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True, timeout=60, check=False)
    got = (done.stdout + done.stderr).partition("got:")[2]
    assert got.count("alertname=") == 1, got
    for label, value in {"severity": rule["severity"], "instance": "a", **labels}.items():
        assert f'{label}="{value}"' in got
    assert summary in got
    assert description in got


def test_each_rule_says_how_bad_it_is_what_is_wrong_and_where_to_read_on():
    page = PAGE.read_text(encoding="utf-8")
    anchors = {heading.lower() for heading in re.findall(r"^### (Integration\w+)$", page, re.MULTILINE)}
    for rule in rules():
        assert rule["severity"] in ("warning", "critical")
        assert len(rule["summary"]) > 20
        assert rule["description"].endswith('."')
        path, _, anchor = rule["runbook_url"].partition("/blob/main/")[2].partition("#")
        page = CHECKOUT / path
        assert page.is_file()
        # Where there is no runbook the section of this page says it; where there is one the section names it.
        assert (page == PAGE and anchor == rule["name"].lower()) or page.parent.name == "runbooks"
        section = PAGE.read_text(encoding="utf-8").split(f"### {rule['name']}\n")[1].split("###")[0]
        assert page == PAGE or f"](runbooks/{page.name})" in section
    assert anchors == {rule["name"].lower() for rule in rules()}


def exposed() -> set[str]:
    """Return the names under which the suite's metrics are queried; a running server is compared in test_metrics."""
    told = (
        "from domain.families import DEFINITIONS as told\n"
        "for one in told:\n"
        "    print(*([one.name + end for end in ('_bucket', '_sum', '_count')] if one.bounds else [one.shown]))"
    )
    command = [sys.executable, "-B", "-c", told]
    done = subprocess.run(command, cwd=ADDONS / "integration_monitor", capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_every_metric_in_the_rules_and_on_the_dashboard_is_exposed():
    names = exposed()
    dashboard = (FILES / "grafana-dashboard.json").read_text(encoding="utf-8")
    used = set(re.findall(rf"{P}\w+", RULES.read_text(encoding="utf-8"))) | set(re.findall(rf"{P}\w+", dashboard))
    assert used - names == set()
    # Whatever is told is looked at somewhere.
    looked_at = {re.sub(r"_(sum|count|bucket)$", "", name) for name in used}
    assert {re.sub(r"_(sum|count|bucket)$", "", name) for name in names} == looked_at


def test_the_dashboard_can_be_loaded_and_asks_what_prometheus_understands(tmp_path):
    dashboard = json.loads((FILES / "grafana-dashboard.json").read_text(encoding="utf-8"))
    assert dashboard["title"]
    assert dashboard["schemaVersion"] >= 36
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    queries = [target["expr"].replace("$instance", ".*") for panel in panels for target in panel["targets"]]
    looks = [{"record": f"q:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "q", "rules": looks}]}))
    assert f"{len(queries)} rules found" in promtool("check", "rules", file)
