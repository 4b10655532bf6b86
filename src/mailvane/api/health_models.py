"""The form of the health document, for the OpenAPI document and for a test that holds both together."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from mailvane.core.status import Status


class Part(BaseModel):
    """Names as the document writes them; every key is declared."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class Overview(Part):
    """How many of what."""

    total_regions: int
    active_regions: int
    total_instances: int
    healthy_instances: int


class ApiPart(Part):
    """The API itself, which answers."""

    status: Status


class DependencyPart(Part):
    """Something that Mailvane itself needs."""

    status: Status
    response_time: float | None
    """Milliseconds."""
    reason: str | None = None


class ProblemPart(Part):
    """A result that is not healthy."""

    check: str
    item: str
    status: Status
    summary: str
    fix: str | None


class MailServerPart(Part):
    """One mail server."""

    name: str
    status: Status
    server: str
    instance: Status
    services: dict[str, Status]
    queue: int | None
    delivery: str | None
    certificate: str | None
    problems: list[ProblemPart]
    observed_at: str | None
    age_seconds: float | None
    stale: bool


class Components(Part):
    """What the system consists of."""

    api: ApiPart
    database: DependencyPart | None = None
    redis: DependencyPart | None = None
    mail_server: MailServerPart | None
    """The first of `mailServers`."""
    mail_servers: list[MailServerPart]


class Entry(Part):
    """A server in its zone."""

    name: str
    instance_id: str | None
    hostname: str
    ip: str | None
    private_ip: str | None
    status: Status
    service_status: str | None = None


class Zone(Part):
    """An availability zone."""

    name: str
    api_servers: list[Entry]
    freeswitch_servers: list[Entry]
    mail_servers: list[Entry]
    other_servers: list[Entry] = []


class Targets(Part):
    """What stands behind a load balancer."""

    healthy: int
    unhealthy: int
    total: int


class LoadBalancer(Part):
    """A load balancer of the cloud."""

    service: str
    dns: str
    type: str
    status: Status
    targets: Targets


class CloudAlarm(Part):
    """An alarm of the cloud."""

    name: str
    service: str
    metric: str
    status: Status


class RegionPart(Part):
    """A region."""

    name: str
    primary: bool
    status: Status
    availability_zones: dict[str, Zone]
    load_balancers: list[LoadBalancer]
    cloudwatch_alarms: list[CloudAlarm]


class HealthDocument(Part):
    """The health of the whole system; what is not known is null, with the status `unknown`."""

    status: Status
    timestamp: str
    overview: Overview
    components: Components
    regions: dict[str, RegionPart]
