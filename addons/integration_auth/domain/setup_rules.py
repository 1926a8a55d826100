"""Whether those who administer the integration are who they say: facts in, verdict out."""

from __future__ import annotations

from ...integration_core.domain.verdict import Verdict, _, bad, doubtful, good

# pylint: disable=prefer-env-translation; there is no env here, what is marked is looked up where it is shown


def second_factor(*, demanded: bool, without: int) -> Verdict:
    """Judge the second factor of administering roles.

    Args:
        demanded: It is demanded.
        without: Active users with such a role who have set up none.
    """
    if not demanded:
        return doubtful(
            _("No second factor is demanded of those who administer the integration."),
            meaning=_("Whoever learns one of their passwords can change keys and endpoints."),
            steps=[
                _("Set up your own under Preferences → Security: an authenticator app or a passkey."),
                _("Then switch it on under Settings → General Settings → Integration: second factor."),
            ],
        )
    if without:
        return bad(
            _("A second factor is demanded, and %(without)s users with an administering role have set up none."),
            meaning=_("They see everything as before, and every action of theirs is refused."),
            steps=[_("Ask them to set one up under Preferences → Security, or take the role from them.")],
            without=without,
        )
    return good(_("Whoever administers the integration has a second factor, and must show it."))
