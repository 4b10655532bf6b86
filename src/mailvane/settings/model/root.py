"""The whole configuration."""

from pydantic import Field

from mailvane.settings.model.base import Section
from mailvane.settings.model.custom import CustomCheckSection
from mailvane.settings.model.delivery import DeliverySection
from mailvane.settings.model.limits import LimitTable
from mailvane.settings.model.server import DefaultsSection, ServerSection
from mailvane.settings.model.service import (
    ApiSection,
    AuthSection,
    CacheSection,
    LogSection,
    RegionSection,
    StoreSection,
    SweepSection,
)


class RootSection(Section):
    """Mailvane's configuration."""

    servers: list[ServerSection] = Field(default=[], description="The servers that are watched.")
    defaults: DefaultsSection = Field(
        default_factory=DefaultsSection,
        description="What holds for every server that says nothing else: the keys of a server, "
        "apart from those that only one server can have.",
    )
    regions: dict[str, RegionSection] = Field(
        default={}, description="Regions by their id; one that only a server names needs no entry."
    )
    delivery: DeliverySection | None = Field(
        default=None,
        description="Where the application writes what became of its mails; "
        "holds for every server of the role mail.",
    )
    checks: list[CustomCheckSection] = Field(default=[], description="Checks of your own.")
    limits: LimitTable = Field(
        default={},
        description="check -> limit -> degraded and unhealthy, for all servers; "
        "`mailvane explain CHECK` names a check's limits.",
    )
    cache: CacheSection = Field(
        default_factory=CacheSection, description="Where the last report of each server is kept."
    )
    sweep: SweepSection = Field(default_factory=SweepSection, description="How servers are asked.")
    store: StoreSection = Field(
        default_factory=StoreSection, description="Where users, sessions and tokens are kept."
    )
    api: ApiSection = Field(default_factory=ApiSection, description="The HTTP interface.")
    auth: AuthSection = Field(default_factory=AuthSection, description="Who is let in.")
    log: LogSection = Field(
        default_factory=LogSection, description="Mailvane's own log, on standard error."
    )
