"""Certificates of the lab's own authority, with any end, even one in the past."""

import ipaddress
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lab.commands import run

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
LIFETIME = timedelta(days=90)
# "openssl x509 -days" takes no end in the past; "openssl ca -enddate" does.
SETTINGS = """
[ca]
default_ca = lab
[lab]
database = {directory}/database
new_certs_dir = {directory}
default_md = sha256
policy = policy
rand_serial = yes
unique_subject = no
[policy]
commonName = supplied
[extensions]
basicConstraints = CA:FALSE
subjectAltName = {names}
"""


class Authority:
    """One certificate authority: a key and a certificate that signs others."""

    def __init__(self, directory: Path, name: str) -> None:
        self.name = name
        self.certificate = directory / f"{name}.crt"
        self.key = directory / f"{name}.key"

    def create(self) -> None:
        """The authority has its key and certificate, the same as before if it had them."""
        if not self.certificate.exists():
            subject = ("-subj", f"/CN=Mailvane lab {self.name}", "-days", "3650")
            files = ("-keyout", self.key, "-out", self.certificate)
            run("openssl", "req", "-x509", *CURVE, *subject, *files)

    def issue(self, name: str, address: str, days: float, place: Path) -> None:
        """A new key and certificate for the name lie at the place, ending in `days` days."""
        end = datetime.now(UTC) + timedelta(days=days)
        start = min(end - LIFETIME, datetime.now(UTC) - timedelta(hours=1))
        with tempfile.TemporaryDirectory() as text:
            directory = Path(text)
            (directory / "database").touch()
            names = f"DNS:{name},IP:{ipaddress.ip_address(address)}"
            (directory / "settings").write_text(SETTINGS.format(directory=text, names=names))
            self._sign(directory, name, start, end)
            install(directory / "key", place / "host.key", 0o600)
            install(directory / "signed", place / "host.crt", 0o644)

    def _sign(self, directory: Path, name: str, start: datetime, end: datetime) -> None:
        request = ("-keyout", directory / "key", "-out", directory / "request")
        run("openssl", "req", "-new", *CURVE, "-subj", f"/CN={name}", *request)
        run(
            "openssl", "ca", "-batch", "-notext", "-config", directory / "settings",
            "-extensions", "extensions", "-cert", self.certificate, "-keyfile", self.key,
            "-startdate", f"{start:%Y%m%d%H%M%SZ}", "-enddate", f"{end:%Y%m%d%H%M%SZ}",
            "-in", directory / "request", "-out", directory / "signed",
        )  # fmt: skip

    def vouches(self, certificate: Path, name: str, days: int) -> bool:
        """Whether the certificate is this authority's, for the name, and lasts that long."""
        verify = ("-CAfile", self.certificate, "-verify_hostname", name, certificate)
        lasts = ("-checkend", str(days * 86400), "-in", certificate)
        good = run("openssl", "verify", *verify, check=False).returncode == 0
        return good and run("openssl", "x509", "-noout", *lasts, check=False).returncode == 0


def install(source: Path, place: Path, mode: int) -> None:
    """The place holds the source's content, never for a moment with a wider mode."""
    new = place.with_suffix(".new")
    new.touch(mode=mode)
    new.write_bytes(source.read_bytes())
    new.chmod(mode)
    new.rename(place)
