"""What is wrong with a certificate, and what mends it."""

from datetime import datetime, timedelta
from math import ceil

from mailvane.core.request import TlsPeer
from mailvane.core.threshold import Threshold
from mailvane.core.words import duration

USUAL_LIFETIME_DAYS = 90
DAY = timedelta(days=1)


def for_lifetime(limit: Threshold, lifetime: timedelta) -> Threshold:
    """The limits for a certificate that lives that long: smaller in proportion below 90 days.

    Let's Encrypt counts the last second in, so that its 90 days are one second short.
    """
    share = min(1.0, ceil(lifetime / DAY) / USUAL_LIFETIME_DAYS)
    if share == 1 or limit.degraded is None or limit.unhealthy is None:
        return limit
    return limit.moved(
        degraded=round(limit.degraded.value * share, 1),
        unhealthy=round(limit.unhealthy.value * share, 1),
    )


def wrong_with(peer: TlsPeer, name: str, at: datetime) -> list[str]:
    """All that makes a client refuse it, as sentence parts."""
    found = []
    if at > peer.not_after:
        found.append(f"expired {_ago(at - peer.not_after)}, on {peer.not_after:%Y-%m-%d}")
    if at < peer.not_before:
        found.append(f"not valid before {peer.not_before:%Y-%m-%d %H:%M} UTC")
    if not peer.name_matches:
        names = ", ".join(peer.names[:3]) or "no name at all"
        found.append(f"for {names}, not for {name}")
    if not peer.trusted:
        found.append(f"not trusted: {peer.trust_error}")
    return found


def _ago(passed: timedelta) -> str:
    return f"{duration(passed.total_seconds())} ago"


def details_of(peer: TlsPeer) -> dict[str, object]:
    """The certificate's facts as JSON values."""
    return {
        "subject": peer.subject,
        "issuer": peer.issuer,
        "names": list(peer.names),
        "serial": peer.serial,
        "sha256": peer.sha256,
        "not_before": peer.not_before.isoformat(),
        "not_after": peer.not_after.isoformat(),
        "protocol": peer.protocol,
        "trusted": peer.trusted,
        "name_matches": peer.name_matches,
    }


def fix_for(peer: TlsPeer) -> str:
    """What mends the worst that is wrong with it."""
    if not peer.trusted:
        return "serve the whole chain (fullchain.pem), or name your own authority with `certificate.ca_file`"
    if not peer.name_matches:
        return (
            "have a certificate issued for the server's name, then `postfix reload; doveadm reload`"
        )
    return "certbot renew && postfix reload && doveadm reload"
