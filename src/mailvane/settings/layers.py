"""Sections over sections: what one leaves unsaid is taken from the one below it."""

from typing import Any, TypeVar

from mailvane.settings.model.base import Section
from mailvane.settings.model.delivery import DeliverySection
from mailvane.settings.model.server import CommonSection, DefaultsSection, ServerSection

S = TypeVar("S", bound=Section)
REACHES = frozenset({"ssh", "transport", "recorded"})


def layered(below: Section, above: S) -> S:
    """What is said above, and below it what is said there; mappings are merged, all else replaced."""
    said = below.model_fields_set & type(above).model_fields.keys()
    taken = {
        name: merged(getattr(below, name), getattr(above, name))
        if name in above.model_fields_set
        else getattr(below, name)
        for name in said
    }
    return above.model_copy(update=taken) if taken else above


def server_over(defaults: DefaultsSection, server: ServerSection) -> ServerSection:
    """The server over the defaults; one that says how it is reached is not also reached otherwise."""
    own = REACHES & server.model_fields_set
    other = (REACHES - own) & defaults.model_fields_set if own else frozenset()
    return layered(_unsaying(defaults, other), server)


def delivery_of(whole: DeliverySection | None, server: CommonSection) -> DeliverySection | None:
    """What is read about the server's deliveries; None when nothing is.

    The delivery of the whole configuration holds for mail servers; another one says its own.
    """
    own = server.delivery
    if "delivery" not in server.model_fields_set:
        return whole if server.role == "mail" else None
    if own is None or whole is None:
        return own
    return layered(whole, own)


def merged(below: Any, above: Any) -> Any:
    """What is said above, over what is said below: mappings are merged, all else replaced."""
    if isinstance(below, Section) and isinstance(above, Section):
        return layered(below, above)
    if isinstance(below, dict) and isinstance(above, dict):
        common = below.keys() & above.keys()
        return {**below, **above, **{key: merged(below[key], above[key]) for key in common}}
    return above


def _unsaying(section: S, names: frozenset[str] | set[str]) -> S:
    """The section as if the names had not been said in it."""
    if not names:
        return section
    kept = section.model_fields_set - names
    return type(section).model_construct(kept, **{name: getattr(section, name) for name in kept})
