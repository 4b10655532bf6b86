"""The configured root that all hosts share and none can write to."""

import contextlib
import fcntl
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from lab import bootstrap
from lab.commands import run

FILES = Path(__file__).parent / "files"
# Units that would reach out, wait, or run beside what belongs to the monitor's namespace.
MASKED = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "e2scrub_reap.service",
    "fstrim.timer", "dpkg-db-backup.timer", "getty@tty1.service", "console-getty.service",
    "systemd-pstore.service", "systemd-udevd.service", "systemd-udev-trigger.service",
    "unbound.service",
)  # fmt: skip
# What is not root's own and readable by all: path, owner and group, mode.
PERMISSIONS = (
    ("etc/sudoers.d/mailvane", "root:root", 0o440),
    ("etc/dovecot/users", "root:dovecot", 0o640),
    ("etc/opendkim/keys", "opendkim:opendkim", 0o700),
    ("etc/ssl/lab", "root:root", 0o755),
    ("home/monitor/.ssh", "monitor:monitor", 0o700),
)


def build(cache: Path) -> Path:
    """The root's directory, configured from the files as they are now."""
    cache.mkdir(parents=True, exist_ok=True)
    with alone(cache / "lock"):
        root = cache / f"root-{digest()}"
        if not root.exists():
            make(root, bootstrap.archive(cache))
        remove_old(cache, root)
    return root


def digest() -> str:
    """A short text that changes when the root would."""
    whole = hashlib.sha256(bootstrap.digest().encode())
    for path in (Path(__file__), *sorted(FILES.rglob("*"))):
        if path.is_file():
            whole.update(f"{path.name}\0{path.relative_to(Path(__file__).parent)}\0".encode())
            whole.update(path.read_bytes())
    return whole.hexdigest()[:12]


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """No other process is between the same two lines while this one is."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make(root: Path, archive: Path) -> None:
    """The root stands at its place, complete or not at all."""
    new = root.with_name(f"new-{root.name}")
    if new.exists():
        shutil.rmtree(new)
    new.mkdir(mode=0o755)
    run("tar", "-C", new, "--numeric-owner", "--xattrs", "-xf", archive, timeout=600)
    configure(new)
    new.rename(root)


def configure(root: Path) -> None:
    """The bare system has become a mail host that lacks only what is each host's own."""
    shutil.copytree(FILES, root, dirs_exist_ok=True)
    units = root / "etc/systemd/system"
    for unit in MASKED:
        link(units / unit, "/dev/null")
    link(units / "default.target", "/lib/systemd/system/multi-user.target")
    (root / "etc/machine-id").write_text("")
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    add_users(root)
    for path, owner, mode in PERMISSIONS:
        (root / path).mkdir(parents=True, exist_ok=True) if mode & 0o100 else None
        run("chroot", root, "/bin/chown", owner, f"/{path}")
        (root / path).chmod(mode)
    run("chroot", root, "/usr/bin/newaliases")
    run("chroot", root, "/usr/sbin/visudo", "-c")


def link(path: Path, target: str) -> None:
    """The path is a symbolic link to the target, whatever it was before."""
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def add_users(root: Path) -> None:
    """The user that logs in over SSH and reads logs, and two that have mail."""
    add = ("chroot", root, "/usr/sbin/useradd", "--create-home")
    run(*add, "--groups", "adm", "--shell", "/bin/bash", "monitor")
    # Key only: no password can match, and yet the account is not locked.
    run("chroot", root, "/usr/sbin/usermod", "--password", "*", "monitor")
    for user in ("alice", "bob"):
        run(*add, "--shell", "/usr/sbin/nologin", user)


def remove_old(cache: Path, root: Path) -> None:
    """Roots that no lab uses any more are gone, except the current one."""
    mounts = Path("/proc/self/mounts").read_text()
    for old in cache.glob("root-*"):
        if old != root and f"lowerdir={old}," not in mounts and not serves(old):
            shutil.rmtree(old)


def serves(root: Path) -> bool:
    """Whether a process has this directory as its root, as the DNS server and sinks do."""
    for path in Path("/proc").glob("[0-9]*/root"):
        with contextlib.suppress(OSError):
            if path.readlink() == root:
                return True
    return False
