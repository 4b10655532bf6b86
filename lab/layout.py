"""Where one lab lies: its directories, its network, its names."""

import ipaddress
import os
import re
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError

DIRECTORY = "/var/tmp/mailvane-lab"  # noqa: S108 - one well-known place, made by root
MOST_HOSTS = 15


@dataclass(frozen=True)
class Layout:
    """The places and names that belong to one lab and to no other."""

    directory: Path
    cache: Path
    # The first three numbers of a /24 that exists only on the lab's own bridge.
    network: str
    # Network namespaces, cgroups and the machine's own leg are named after it.
    prefix: str

    @classmethod
    def chosen(
        cls,
        directory: Path | str | None = None,
        network: str | None = None,
        prefix: str | None = None,
    ) -> "Layout":
        """A layout from the arguments, else the environment, else the defaults."""
        layout = cls(
            directory=Path(directory or os.environ.get("MAILVANE_LAB", DIRECTORY)),
            cache=Path(os.environ.get("MAILVANE_LAB_CACHE", f"{DIRECTORY}/cache")),
            network=network or os.environ.get("MAILVANE_LAB_NET", "10.77.0"),
            prefix=prefix or os.environ.get("MAILVANE_LAB_NS", "mvlab"),
        )
        layout.check()
        return layout

    def check(self) -> None:
        """Nothing in this layout can be misread by ip, mount or systemd-nspawn."""
        if not re.fullmatch(r"[a-z][a-z0-9]{0,9}", self.prefix):
            raise LabError(
                f"expected a prefix of up to ten letters and digits; found {self.prefix!r}"
            )
        for path in (self.directory, self.cache):
            if not re.fullmatch(r"/[\w./-]+", str(path)):
                raise LabError(f"expected an absolute path of plain characters; found {path}")
        if not is_private(f"{self.network}.0/24"):
            raise LabError(f"expected three numbers of a private /24; found {self.network!r}")

    @property
    def keys(self) -> Path:
        """Keys and certificates; they outlive `down`."""
        return self.directory / "keys"

    @property
    def hosts(self) -> Path:
        """One directory for each host that is there."""
        return self.directory / "hosts"

    @property
    def running(self) -> Path:
        """Records and logs of what runs now."""
        return self.directory / "run"

    def address(self, last: int) -> str:
        """The address with that last number on the lab's network."""
        return f"{self.network}.{last}"

    def namespace(self, host: str = "") -> Path:
        """The network namespace of a host, or the monitor's."""
        return Path("/run/netns") / (f"{self.prefix}-{host}" if host else self.prefix)


def is_private(network: str) -> bool:
    """Whether the text is a network that the world does not route."""
    try:
        return ipaddress.ip_network(network).is_private
    except ValueError:
        return False
