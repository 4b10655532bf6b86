"""Sections to frozen values; whatever is wrong has been refused before."""

from collections.abc import Iterable
from pathlib import Path

from mailvane.core.access import Doorway, PlatformTokens
from mailvane.core.errors import Problem
from mailvane.core.region import Region
from mailvane.core.secret import Secret
from mailvane.core.server import CustomCheck, Server
from mailvane.settings.drafting import Draft
from mailvane.settings.files import Files
from mailvane.settings.model.custom import CustomCheckSection, NumberSection
from mailvane.settings.model.root import RootSection
from mailvane.settings.model.service import PlatformSection, RegionSection
from mailvane.settings.servers import ServerBuilder, database
from mailvane.settings.values import (
    ApiSettings,
    AuthSettings,
    CacheSettings,
    LogSettings,
    Settings,
    SweepSettings,
)


def build(
    draft: Draft, files: Files, state: Path, *, source: Path, warnings: tuple[Problem, ...]
) -> Settings:
    """The settings that the draft stands for."""
    root = draft.root
    checks = [(section, _custom_check(section)) for section in draft.checks.values()]
    builder = ServerBuilder(root, checks, files, state)
    servers = tuple(builder.build(section) for section in draft.servers.values())
    platform = root.auth.platform
    return Settings(
        servers=servers,
        regions=_regions(root, servers),
        checks=tuple(check for _, check in checks),
        cache=CacheSettings(
            url=root.cache.url,
            fresh_for_seconds=root.cache.fresh_for,
            refresh_every_seconds=root.cache.refresh_every,
        ),
        sweep=SweepSettings(at_once=root.sweep.at_once, limit_seconds=root.sweep.limit),
        store=database(root.store.url, files) or usual_store(state),
        api=ApiSettings(
            host=root.api.listen[0],
            port=root.api.listen[1],
            doorway=Doorway(
                origins=tuple(root.api.origins),
                proxies=tuple(root.api.trusted_proxies),
                platform=platform_tokens(platform, files) if platform else None,
            ),
        ),
        auth=AuthSettings(
            access_token_seconds=root.auth.access_token,
            refresh_token_seconds=root.auth.refresh_token,
        ),
        log=LogSettings(level=root.log.level, format=root.log.format),
        state=state,
        source=source,
        warnings=warnings,
    )


def usual_store(state: Path) -> Secret:
    """The URL of the SQLite database in the state folder."""
    return Secret(f"sqlite:///{state / 'mailvane.db'}")


def platform_tokens(section: PlatformSection, files: Files) -> PlatformTokens:
    """The platform's tokens as the section says; algorithms by the kind of key when it says none."""
    usual = ["HS256"] if section.secret else ["RS256"]
    jwks = section.jwks
    return PlatformTokens(
        algorithms=tuple(usual if section.algorithms is None else section.algorithms),
        secret=section.secret,
        jwks=str(files.find(jwks)) if jwks and "://" not in jwks else jwks,
        jwks_ca_file=files.find(section.ca_file) if section.ca_file else None,
        issuer=section.issuer,
        audience=section.audience,
        role_claim=section.role_claim,
        roles=dict(section.roles),
        name_claim=section.user_claim,
        leeway_seconds=int(section.leeway),
    )


def _custom_check(section: CustomCheckSection) -> CustomCheck:
    number = section.number or NumberSection()
    return CustomCheck(
        name=section.name,
        command=section.command,
        title=section.title or section.name,
        expect=section.expect,
        degraded=number.degraded,
        unhealthy=number.unhealthy,
        falling=number.falling,
        unit=number.unit or "",
        otherwise=section.otherwise,
        runbook=section.runbook or "",
        timeout_seconds=section.timeout,
    )


def _regions(root: RootSection, servers: Iterable[Server]) -> tuple[Region, ...]:
    """The regions of the file with their zones, and what only servers name behind them."""
    zones = {id_: list(section.zones) for id_, section in root.regions.items()}
    for server in servers:
        if server.region:
            known = zones.setdefault(server.region, [])
            if server.zone and server.zone not in known:
                known.append(server.zone)
    return tuple(
        Region(id_, said.name or id_, said.primary, tuple(zones[id_]))
        for id_ in zones
        for said in [root.regions.get(id_, RegionSection())]
    )
