"""Registering a check of the set-up: one method per check, on ``integration.setup.check``, in the addon it is about.

::

    class IntegrationSetupCheck(models.AbstractModel):
        _inherit = "integration.setup.check"

        @setup_check("sales_journal", title=_("Sales journal"), section="company", sequence=20)
        def _check_sales_journal(self):
            return setup_rules.sales_journal(...)

The method gathers facts, as superuser, and returns the :class:`~.domain.verdict.Verdict` of a rule. It must be cheap:
the page asks each time it is opened. A check of the section ``company`` is asked once per company that has systems, in
``self.env.company``. What it raises is shown as red and breaks nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from .domain.verdict import _

# pylint: disable=prefer-env-translation; there is no env here, what is marked is looked up where it is shown

Method = TypeVar("Method", bound=Callable[..., Any])

COMPANY = "company"
SECTIONS = {
    "safety": _("Safety"),
    "engine": _("Engine and server"),
    "reach": _("How others reach Odoo"),
    "people": _("People"),
    COMPANY: _("From charges to invoices"),
}
"""Sections of the page by name, in their order."""


@dataclass(frozen=True)
class Fix:
    """The button that leads to where something is mended.

    Attributes:
        label: What is written on it.
        action: XML id of the action it opens; it is offered to those alone who may open it.
        needs: What one must be allowed to do with the records that it opens.
    """

    label: str
    action: str
    needs: str = "write"


@dataclass(frozen=True)
class Check:
    """What is known of a check without asking it; see :func:`setup_check`."""

    key: str
    title: str
    section: str
    sequence: int
    fix: Fix | None
    module: str
    method: str

    @property
    def order(self) -> tuple[int, int, str]:
        """Where it stands on the page."""
        return list(SECTIONS).index(self.section), self.sequence, self.key


def setup_check(
    key: str, *, title: str, section: str, sequence: int, fix: Fix | None = None
) -> Callable[[Method], Method]:
    """Register a method of ``integration.setup.check`` as a check.

    :param key: a stable name, for programs
    :param title: what it is about, in a few words
    :param section: one of :data:`SECTIONS`
    :param sequence: its place within the section
    :param fix: the button to offer unless it is green
    """

    def mark(method: Method) -> Method:
        addon = method.__module__.split(".")[2]
        method.setup_check = Check(  # type: ignore[attr-defined]
            key, title, section, sequence, fix, addon, method.__name__
        )
        return method

    return mark


def registered(model: type) -> list[Check]:
    """Return the checks of a model's class, in the order of the page; overridden methods keep their registration."""
    found: dict[str, Check] = {}
    for base in model.__mro__:
        for method in vars(base).values():
            check = getattr(method, "setup_check", None)
            if isinstance(check, Check):
                found.setdefault(check.key, check)
    return sorted(found.values(), key=lambda check: check.order)
