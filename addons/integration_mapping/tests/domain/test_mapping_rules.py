from addons.integration_mapping.domain import setup_rules as rules


def test_without_cost_centers_departments_cannot_be_mapped():
    missing = rules.analytic_plan(cost_centers=0)
    assert missing.level == "warning"
    assert missing.meaning
    assert missing.steps
    assert rules.analytic_plan(cost_centers=1).level == "success"
