"""Custom checks: their names, what they expect, and of whom they are asked."""

from collections.abc import Collection

from mailvane.core.words import duration
from mailvane.settings.drafting import Draft
from mailvane.settings.layers import server_over
from mailvane.settings.model.custom import CustomCheckSection, NumberSection
from mailvane.settings.nodes import KeyPath
from mailvane.settings.problems import Problems
from mailvane.settings.shapes.base import shown
from mailvane.settings.wording import did_you_mean


def check_custom(draft: Draft, known: Collection[str], problems: Problems) -> None:
    """What is wrong with custom checks is noted."""
    first: dict[str, int] = {}
    roles = {server_over(draft.root.defaults, one).role for one in draft.servers.values()}
    for at, check in draft.checks.items():
        path: KeyPath = ("checks", at)
        _check_name(check, first.setdefault(check.name, at), known, path, problems)
        _check_expectation(check, path, problems)
        _check_asked(check, draft, roles, path, problems)
        if check.timeout > (limit := draft.root.sweep.limit):
            told = f"expected at most {duration(limit)}, the limit of a whole sweep (sweep.limit)"
            problems.add((*path, "timeout"), told)


def _check_name(
    check: CustomCheckSection, first: int, known: Collection[str], path: KeyPath, problems: Problems
) -> None:
    if check.name in known:
        told = f"Mailvane has a check {shown(check.name)} of its own; take another name"
        problems.add((*path, "name"), told)
    elif path[-1] != first:
        told = f"checks[{first}] is called {shown(check.name)} as well; names are unique"
        problems.add((*path, "name"), told)


def _check_expectation(check: CustomCheckSection, path: KeyPath, problems: Problems) -> None:
    both = (*path, "expect"), (*path, "number")
    if problems.wrong_at(*both):
        return
    if (check.expect is None) == (check.number is None):
        found = "neither" if check.expect is None else "both"
        problems.lacks(path, f"expected `expect:` or `number:`, found {found}")
    elif check.number is not None:
        _check_number(check.number, both[1], problems)
        if "otherwise" in check.model_fields_set:
            problems.warn((*path, "otherwise"), "it goes with `expect`; a number has limits")


def _check_number(number: NumberSection, path: KeyPath, problems: Problems) -> None:
    degraded, unhealthy = number.degraded, number.unhealthy
    if degraded is None and unhealthy is None:
        if not problems.wrong_at((*path, "degraded"), (*path, "unhealthy")):
            problems.lacks(path, "expected `degraded:` or `unhealthy:` or both, found neither")
    elif degraded is not None and unhealthy is not None:
        low, high = (unhealthy, degraded) if number.falling else (degraded, unhealthy)
        if low > high:
            way = "less" if number.falling else "more"
            told = f"{way} is worse here, so degraded must come before unhealthy"
            problems.add(path, f"{told}; found {degraded:g} and {unhealthy:g}")


def _check_asked(
    check: CustomCheckSection, draft: Draft, roles: set[str], path: KeyPath, problems: Problems
) -> None:
    for at, name in enumerate(check.servers):
        if name not in draft.names:
            told = f"there is no server {shown(name)}; {did_you_mean(name, draft.names)}"
            problems.add((*path, "servers", at), told)
    for at, role in enumerate(check.roles):
        if role not in roles:
            told = f"no server has the role {shown(role)}; {did_you_mean(role, roles)}"
            problems.warn((*path, "roles", at), told)
