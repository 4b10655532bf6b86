"""What can be said to the lab in a shell: each verb, the words it takes, what it does."""

import os
import shlex
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable

from lab.errors import LabError
from lab.lab import Lab
from lab.sinks import MODES


def build(lab: Lab, _: Namespace) -> None:
    """The shared root is made of the files as they are now."""
    print(lab.build())


def up(lab: Lab, words: Namespace) -> None:
    """Hosts mx1 to mxN answer."""
    lab.up(words.hosts, machine_address=words.machine_address)
    status(lab, words)


def down(lab: Lab, _: Namespace) -> None:
    """Nothing runs; keys and the shared root stay."""
    lab.down()


def clean(lab: Lab, _: Namespace) -> None:
    """Nothing is left, not even keys and the shared root."""
    lab.clean()


def status(lab: Lab, _: Namespace) -> None:
    """What runs is printed."""
    for host in lab.hosts():
        print(f"{host.name} {host.address} {'on' if host.powered.process.pid else 'off'}")
    for sink in lab.sinks.values():
        print(f"sink {sink.name} {sink.address} {sink.now()}, {len(sink.mails())} mails")
    print(f"dns {lab.dns.address} {'on' if lab.dns.program.process.pid else 'off'}")


def ssh(lab: Lab, words: Namespace) -> None:
    """The monitor user is logged in, or a command of his has run."""
    become(lab, [*lab.ssh_command(words.host), *words.command])


def mon(lab: Lab, words: Namespace) -> None:
    """A command has run in the monitor's network."""
    become(lab, words.command)


def become(lab: Lab, command: list[str]) -> None:
    """This process is the command, in the monitor's network."""
    if not command:
        raise LabError("expected a command; found none")
    lab.enter()
    try:
        os.execvp(command[0], command)  # noqa: S606 - the operator's own words
    except FileNotFoundError:
        raise LabError(f"expected a command; found {command[0]!r}, which is not there") from None


def execute(lab: Lab, words: Namespace) -> None:
    """A command has run inside the host as root; a single word is read by its shell."""
    command = words.command[0] if len(words.command) == 1 else shlex.join(words.command)
    done = lab.host(words.host).run(command, check=False, timeout=3600)
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)
    raise SystemExit(done.returncode)


def send(lab: Lab, words: Namespace) -> None:
    """So many mails have arrived at accept.test."""
    lab.host(words.host).send(words.count)


def defer(lab: Lab, words: Namespace) -> None:
    """So many mails to defer.test wait in the deferred queue."""
    lab.host(words.host).defer(words.count)


def bounce(lab: Lab, words: Namespace) -> None:
    """So many mails to reject.test have bounced."""
    lab.host(words.host).bounce(words.count)


def fill(lab: Lab, words: Namespace) -> None:
    """So many mails more wait in the deferred queue, copies of one, made quickly."""
    lab.host(words.host).fill_queue(words.count)


def empty(lab: Lab, words: Namespace) -> None:
    """No mail waits in any queue."""
    lab.host(words.host).empty_queue()


def disk(lab: Lab, words: Namespace) -> None:
    """The disk is full to a percentage, or free again."""
    if words.percent == "free":
        lab.host(words.host).free_disk()
    elif words.percent.isdecimal():
        lab.host(words.host).fill_disk(percent=int(words.percent))
    else:
        raise LabError(f"expected a whole number or free; found {words.percent!r}")


def stop(lab: Lab, words: Namespace) -> None:
    """The service is stopped."""
    lab.host(words.host).stop(words.service)


def start(lab: Lab, words: Namespace) -> None:
    """The service runs."""
    lab.host(words.host).start(words.service)


def kill_master(lab: Lab, words: Namespace) -> None:
    """Postfix's master process was killed."""
    lab.host(words.host).kill_master()


def certificate(lab: Lab, words: Namespace) -> None:
    """Clients see a certificate that ends in so many days (below zero: it has ended)."""
    lab.host(words.host).certificate(words.days, name=words.name, trusted=not words.untrusted)


def cable(lab: Lab, words: Namespace) -> None:
    """The network cable is pulled or plugged."""
    lab.host(words.host).network(up=words.position == "up")


def power(lab: Lab, words: Namespace) -> None:
    """The host is off at once, or on and ready."""
    lab.host(words.host).power(on=words.position == "on")


def shutdown(lab: Lab, words: Namespace) -> None:
    """The host is off, having stopped in order."""
    lab.host(words.host).shutdown()


def restore(lab: Lab, words: Namespace) -> None:
    """The host is as `up` made it."""
    lab.host(words.host).restore()


def sink(lab: Lab, words: Namespace) -> None:
    """The sink answers in another mode."""
    lab.sink(words.name).mode(words.mode)


def dns(lab: Lab, words: Namespace) -> None:
    """The name server knows one more record, e.g. "x.test. 60 IN A 10.77.0.9"."""
    lab.dns.add(" ".join(words.record))


class Words:
    """How the words after a verb are declared to argparse."""

    def __init__(self, *names: str, **settings: object) -> None:
        self.names = names
        self.settings = settings

    def declare(self, parser: ArgumentParser) -> None:
        """The parser takes these words."""
        parser.add_argument(*self.names, **self.settings)  # type: ignore[arg-type]


HOST = Words("host", help="mx1, mx2, ...")
COUNT = Words("count", type=int)
SERVICE = Words("service", help="postfix, opendkim, dovecot, ...")
COMMAND = Words("command", nargs="...")
HOSTS = Words("hosts", type=int, nargs="?", default=1)
MACHINE = Words("--machine-address", action="store_true", help="reach it from this machine too")
NAME = Words("--name", help="for this name instead of the host's own")
UNTRUSTED = Words("--untrusted", action="store_true", help="signed by an unknown authority")

VERBS: dict[str, tuple[Callable[[Lab, Namespace], None], tuple[Words, ...]]] = {
    "build": (build, ()),
    "up": (up, (HOSTS, MACHINE)),
    "status": (status, ()),
    "down": (down, ()),
    "clean": (clean, ()),
    "ssh": (ssh, (HOST, COMMAND)),
    "exec": (execute, (HOST, COMMAND)),
    "mon": (mon, (COMMAND,)),
    "send": (send, (HOST, COUNT)),
    "defer": (defer, (HOST, COUNT)),
    "bounce": (bounce, (HOST, COUNT)),
    "fill": (fill, (HOST, COUNT)),
    "empty": (empty, (HOST,)),
    "disk": (disk, (HOST, Words("percent", help="a whole number, or free"))),
    "stop": (stop, (HOST, SERVICE)),
    "start": (start, (HOST, SERVICE)),
    "kill-master": (kill_master, (HOST,)),
    "cert": (certificate, (HOST, Words("days", type=float), NAME, UNTRUSTED)),
    "cable": (cable, (HOST, Words("position", choices=("down", "up")))),
    "power": (power, (HOST, Words("position", choices=("off", "on")))),
    "shutdown": (shutdown, (HOST,)),
    "restore": (restore, (HOST,)),
    "sink": (sink, (Words("name"), Words("mode", choices=(*MODES, "off")))),
    "dns": (dns, (Words("record", nargs="+"),)),
}
