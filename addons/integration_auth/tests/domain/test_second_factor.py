import pytest

from addons.integration_auth.domain import setup_rules
from addons.integration_auth.domain.second_factor import SignIn, is_shown


@pytest.mark.parametrize(
    ("sign_in", "trusts", "shown"),
    [
        (SignIn(has_session=True, asked=False, methods=["password"]), False, False),
        (SignIn(has_session=True, asked=False, methods=["ldap"]), True, False),
        (SignIn(has_session=True, asked=True, methods=["password"]), False, True),
        (SignIn(has_session=True, asked=False, methods=["password", "totp_mail"]), False, True),
        (SignIn(has_session=True, asked=False, methods=["passkey"]), False, True),
        (SignIn(has_session=True, asked=False, methods=["oauth"]), False, False),
        (SignIn(has_session=True, asked=False, methods=["oauth"]), True, True),
        (SignIn(has_session=False, asked=True, methods=["passkey"]), True, False),
        (SignIn(has_session=True, asked=False, methods=[]), True, False),
    ],
)
def test_what_counts_as_a_second_factor(sign_in, trusts, shown):
    assert is_shown(sign_in, trusts_provider=trusts) is shown


def test_the_set_up_is_judged():
    assert setup_rules.second_factor(demanded=False, without=0).level == "warning"
    assert setup_rules.second_factor(demanded=True, without=0).level == "success"
    missing = setup_rules.second_factor(demanded=True, without=2)
    assert (missing.level, missing.values) == ("danger", {"without": 2})
