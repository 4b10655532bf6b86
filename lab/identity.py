"""What is each host's own: its names, keys and certificate."""

import shutil
from pathlib import Path

from lab.certificates import install
from lab.commands import run
from lab.dns import mail_records


class Identity:
    """Names and keys of one host; the keys outlive `down`, so that clients still know it."""

    def __init__(self, keys: Path, name: str, address: str, dns_address: str) -> None:
        self.keys = keys
        self.name = name
        self.hostname = f"{name}.test"
        self.address = address
        self.dns_address = dns_address
        self.ssh_key = keys / f"{name}.ssh"
        self.dkim_key = keys / f"{name}.dkim"

    @property
    def host_key(self) -> str:
        """The public half of the SSH host key: its kind and the key."""
        return " ".join(Path(f"{self.ssh_key}.pub").read_text().split()[:2])

    def create(self) -> None:
        """The host has its keys, the same as before if it had them."""
        new_ssh_key(self.ssh_key)
        if not self.dkim_key.exists():
            run("openssl", "genrsa", "-out", self.dkim_key, "2048")

    def write(self, files: Path, authorized_key: Path) -> None:
        """The host's files carry its names and keys; that key may log in."""
        etc = files / "etc"
        (etc / "hostname").write_text(f"{self.hostname}\n")
        (etc / "mailname").write_text(f"{self.hostname}\n")
        own = f"{self.address} {self.hostname} {self.name}"
        (etc / "hosts").write_text(f"127.0.0.1 localhost\n{own}\n")
        # The package system leaves a link here that leads outside.
        (etc / "resolv.conf").unlink(missing_ok=True)
        (etc / "resolv.conf").write_text(f"nameserver {self.dns_address}\n")
        install(self.ssh_key, etc / "ssh/ssh_host_ed25519_key", 0o600)
        hand_over(self.dkim_key, etc / "opendkim/keys/lab.private")
        hand_over(authorized_key, files / "home/monitor/.ssh/authorized_keys")

    def records(self) -> list[str]:
        """The DNS records of a host that sends mail properly."""
        name = self.hostname
        public = run("openssl", "rsa", "-in", self.dkim_key, "-pubout").stdout
        key = "".join(line for line in public.splitlines() if not line.startswith("-"))
        return [
            *mail_records(name, self.address),
            f'{name}. 60 IN TXT "v=spf1 ip4:{self.address} -all"',
            f'_dmarc.{name}. 60 IN TXT "v=DMARC1; p=reject; rua=mailto:dmarc@{name}"',
            # One text of a TXT record holds at most 255 characters.
            f'lab._domainkey.{name}. 60 IN TXT "v=DKIM1; k=rsa; " "p={key[:200]}" "{key[200:]}"',
        ]


def hand_over(source: Path, place: Path) -> None:
    """The place holds the source's content, for the owner of its directory alone."""
    install(source, place, 0o600)
    owner = place.parent.stat()
    shutil.chown(place, owner.st_uid, owner.st_gid)


def new_ssh_key(path: Path) -> None:
    """There is an SSH key at the path, the same as before if there was one."""
    if not path.exists():
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", path)
