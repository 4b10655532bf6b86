"""Regions: one primary, and ids that look like a slip of the pen."""

from mailvane.settings.drafting import Draft
from mailvane.settings.layers import server_over
from mailvane.settings.model.server import CommonSection
from mailvane.settings.model.service import RegionSection
from mailvane.settings.nodes import KeyPath
from mailvane.settings.problems import Problems
from mailvane.settings.shapes.base import Unfit, shown
from mailvane.settings.shapes.text import WORD
from mailvane.settings.wording import did_you_mean


def check_regions(draft: Draft, problems: Problems) -> None:
    """What is wrong with regions is noted; a region that only a server names is a doubt."""
    regions = draft.root.regions
    for region in regions:
        _check_id(region, problems)
    primary = [region for region, section in regions.items() if section.primary]
    for other in primary[1:]:
        told = f"{shown(primary[0])} is the primary region already; there is one"
        problems.add(("regions", other, "primary"), told)
    _check_place(draft.root.defaults, regions, ("defaults",), problems)
    for at, own in draft.servers.items():
        _check_place(own, regions, ("servers", at), problems)
        server = server_over(draft.root.defaults, own)
        if server.zone and not server.region and not problems.wrong_at(("servers", at, "region")):
            problems.warn(("servers", at, "zone"), "a zone without a region is not shown")


def _check_id(region: str, problems: Problems) -> None:
    try:
        WORD.take(region)
    except Unfit as error:
        problems.add(("regions", region), f"as the region's id {error}")


def _check_place(
    server: CommonSection, regions: dict[str, RegionSection], path: KeyPath, problems: Problems
) -> None:
    if not regions or server.region is None:
        return
    if server.region not in regions:
        told = (
            f"{shown(server.region)} is not among `regions`; {did_you_mean(server.region, regions)}"
        )
        problems.warn((*path, "region"), told)
        return
    zones = regions[server.region].zones
    if server.zone and zones and server.zone not in zones:
        told = f"{shown(server.zone)} is not among the region's zones; "
        problems.warn((*path, "zone"), told + did_you_mean(server.zone, zones))
