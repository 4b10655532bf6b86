"""Delivery: a database for every server that is asked for it, and words that mean one thing."""

from mailvane.settings.drafting import Draft
from mailvane.settings.layers import delivery_of, server_over
from mailvane.settings.model.delivery import DeliverySection, StatusesSection
from mailvane.settings.nodes import KeyPath
from mailvane.settings.problems import Problems
from mailvane.settings.shapes.base import shown

_HOW = "write `database: ${DATABASE_URL}`"


def check_delivery(draft: Draft, problems: Problems) -> None:
    """What is wrong with the delivery sections is noted."""
    whole, common = draft.root.delivery, draft.root.defaults.delivery
    _check_own(whole, ("delivery",), problems)
    _check_own(common, ("defaults", "delivery"), problems)
    if whole is not None:
        _check_database(whole, ("delivery",), problems)
    elif common is not None:
        _check_database(common, ("defaults", "delivery"), problems)
    for at, own in draft.servers.items():
        if own.delivery is None:
            continue
        path = ("servers", at, "delivery")
        _check_own(own.delivery, path, problems)
        if problems.wrong_at(("delivery",), ("defaults", "delivery")):
            continue
        if in_force := delivery_of(whole, server_over(draft.root.defaults, own)):
            _check_database(in_force, path, problems)


def _check_database(section: DeliverySection, path: KeyPath, problems: Problems) -> None:
    if section.database is None and not problems.wrong_at((*path, "database")):
        problems.lacks(path, f"nothing says in which database the mails are; {_HOW}")


def _check_own(section: DeliverySection | None, path: KeyPath, problems: Problems) -> None:
    """No status means two things."""
    seen: dict[str, str] = {}
    statuses = section.statuses if section else StatusesSection()
    for meaning in StatusesSection.model_fields:
        for at, word in enumerate(getattr(statuses, meaning)):
            if word in seen:
                told = f"{shown(word)} stands under {seen[word]} as well; it can mean one thing"
                problems.add((*path, "statuses", meaning, at), told)
            seen[word] = meaning
