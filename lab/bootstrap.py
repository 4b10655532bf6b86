"""The bare Debian system that every root is made of, kept as an archive."""

import hashlib
import os
import shutil
from pathlib import Path

from lab.commands import run

SUITE = "bookworm"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
PACKAGES = (
    "systemd-sysv", "dbus", "libpam-systemd", "iproute2", "procps",
    "postfix", "opendkim", "dovecot-core", "dovecot-imapd",
    "rsyslog", "openssh-server", "sudo", "openssl", "ca-certificates", "unbound",
)  # fmt: skip
OPTIONS = (
    '--aptopt=Apt::Install-Recommends "false"',
    '--aptopt=Acquire::Languages "none"',
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=force-unsafe-io",
)
# What this machine itself needs, and the packages that bring it.
NEEDED = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "ssh": "openssh-client",
    "openssl": "openssl",
}


def digest() -> str:
    """A short text that changes when the bare system would."""
    return hashlib.sha256(repr((SUITE, PACKAGES, OPTIONS)).encode()).hexdigest()[:12]


def archive(cache: Path) -> Path:
    """The archive of the bare system, made first if it is not there."""
    kept = cache / f"bare-{digest()}.tar"
    if not kept.exists():
        install_missing()
        bootstrap(kept)
        for old in cache.glob("bare-*.tar"):
            if old != kept:
                old.unlink()
    return kept


def install_missing() -> None:
    """Every program that the lab calls is installed on this machine."""
    missing = [package for program, package in NEEDED.items() if not shutil.which(program)]
    if not KEYRING.exists():
        missing.append("debian-archive-keyring")
    if not missing:
        return
    print(f"lab: installing {' '.join(missing)}", flush=True)
    waiting = "DPkg::Lock::Timeout=300"
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    run("apt-get", "-o", waiting, "update", "-qq", timeout=600)
    install = ("install", "-y", "-qq", "--no-install-recommends")
    run("apt-get", "-o", waiting, *install, *missing, timeout=900)


def bootstrap(kept: Path) -> None:
    """The archive holds a bare system with the packages installed and nothing configured."""
    print("lab: fetching the bare system, which takes about a minute", flush=True)
    # A ".tar" at the end is what makes mmdebstrap write an archive.
    new = kept.with_name(f"new-{kept.name}")
    packages = f"--include={','.join(PACKAGES)}"
    mirror = own_mirror()
    source = [f"deb {mirror} {SUITE} main"] if mirror else []
    run(
        "mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", packages, *OPTIONS,
        SUITE, new, *source, timeout=1800,
    )  # fmt: skip
    new.rename(kept)


def own_mirror() -> str | None:
    """Where this machine's own apt gets the suite from; None if it is another system."""
    if not shutil.which("apt-get"):
        return None
    listed = run("apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", check=False)
    lines = [line.split() for line in listed.stdout.splitlines()]
    return next((line[1] for line in lines if line[:1] == [SUITE] and len(line) == 2), None)
