"""What Postfix is told about its milters: where they listen, and what happens to mail without them."""

import re
from collections.abc import Mapping

_WITHOUT = {
    "accept": "mail leaves unsigned, and nobody is told",
    "tempfail": "Postfix answers 451 4.7.1, so that mail waits at its senders",
    "shutdown": "Postfix ends each connection with 421, so that mail waits at its senders",
    "reject": "Postfix greets everyone with 554 and takes no mail",
    "quarantine": "all mail is put on hold",
}


def ports(postconf: Mapping[str, str]) -> tuple[int, ...]:
    """The TCP ports on which Postfix expects its milters."""
    found = re.findall(r"inet6?:[^\s,{}]*:([0-9]{1,5})\b", _milters(postconf))
    return tuple(dict.fromkeys(int(port) for port in found))


def names_socket(postconf: Mapping[str, str], path: str) -> bool:
    """True when Postfix, chrooted or not, expects a milter at that socket."""
    found = re.findall(r"(?:unix|local):([^\s,{}]+)", _milters(postconf))
    return any(path.endswith(f"/{name.lstrip('/')}") for name in found)


def without(postconf: Mapping[str, str]) -> str | None:
    """What becomes of mail while the milter is away, as a clause; None when Postfix does not tell.

    A milter's own `default_action` goes before the common one (`postconf(5)`, smtpd_milters).
    """
    milters = _milters(postconf)
    if not milters.strip():
        return None
    own = re.search(r"default_action\s*=\s*(\w+)", milters)
    action = own[1] if own else postconf.get("milter_default_action", "")
    said = _WITHOUT.get(action)
    return f"{said} (milter_default_action = {action})" if said else None


def _milters(postconf: Mapping[str, str]) -> str:
    return f"{postconf.get('smtpd_milters', '')} {postconf.get('non_smtpd_milters', '')}"
