"""`python -m lab.demo`: a real mail host, mail that flows through it, and Mailvane watching it over SSH."""

import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

from lab.errors import LabError
from lab.host import Host
from lab.lab import Lab
from lab.traffic import Traffic

MAIL_EVERY_SECONDS = 1.0
MAILVANE = Path(sys.executable).with_name("mailvane")

CONFIGURATION = """\
# Written by `make demo`.
servers:
  - name: {host.name}
    role: mail
    hostname: {host.hostname}
    address: {host.address}
    region: lab
    zone: lab-a
    ssh: {{user: {user}, key: {key}, host: {host.address}, known_hosts: [{known_hosts}], config_files: []}}
    services: [postfix, opendkim, dovecot]
    submission_port: 587
    certificate: {{ports: [587, 993], ca_file: {ca_file}, every: 10s}}
delivery:
  database: sqlite:///{database}
  provider: custom-smtp
regions:
  lab: {{name: The lab, primary: true, zones: [lab-a]}}
cache: {{refresh_every: 10s}}
"""

HINTS = """
A real mail host, {host.hostname}, is up at {host.address}, with mail flowing through it. In another terminal, as root:

  {python} -m lab stop {host.name} dovecot        # then: start {host.name} dovecot
  {python} -m lab kill-master {host.name}         # Postfix's master dies; start {host.name} postfix
  {python} -m lab defer {host.name} 150           # mails pile up; empty {host.name}
  {python} -m lab disk {host.name} 95             # then: disk {host.name} free
  {python} -m lab cert {host.name} 3              # the certificate runs out
  {python} -m lab cable {host.name} down          # pull the cable; cable {host.name} up
  {mailvane} --config {config} --state {state} check     # the truth now, for people

Ctrl-C ends the demo and the host.
"""


class Demo:
    """The lab, its traffic and the service that watches it, started and ended together."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._folder = lab.layout.running / "demo"
        self._config = self._folder / "mailvane.yaml"
        self._state = self._folder / "state"
        self._database = self._folder / "email_logs.sqlite3"

    def run(self) -> int:
        """The demo has run until someone ended it; nothing of it is left."""
        print("Booting a real mail host; the first time its root is built, which takes a minute.")
        over = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: over.set())
        try:
            self._lab.up(1, machine_address=True)
            host = self._lab.host("mx1")
            self._configure(host)
            traffic = Traffic(host, self._lab.ca_file, self._database, MAIL_EVERY_SECONDS)
            for _ in range(20):  # so that the first answer has something to say
                traffic.send_one()
            traffic.start()
            status = self._watch(host, over)
            traffic.stop()
            return status
        finally:
            self._lab.down()

    def _configure(self, host: Host) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        self._config.write_text(
            CONFIGURATION.format(
                host=host,
                user=self._lab.ssh_user,
                key=self._lab.ssh_key,
                known_hosts=self._lab.known_hosts,
                ca_file=self._lab.ca_file,
                database=self._database,
            )
        )

    def _watch(self, host: Host, over: threading.Event) -> int:
        command = [str(w) for w in (MAILVANE, "--config", self._config, "--state", self._state)]
        subprocess.run([*command, "check"], check=False)
        words = {"python": sys.executable, "mailvane": MAILVANE}
        print(HINTS.format(host=host, config=self._config, state=self._state, **words), flush=True)
        service = subprocess.Popen([*command, "serve"], start_new_session=True)
        while not over.wait(0.2) and service.poll() is None:
            pass
        service.terminate()
        return 0 if over.is_set() else service.wait()


def main() -> int:
    """Exit status 0 when the demo ran and was ended, 1 with a sentence when it could not."""
    try:
        return Demo(Lab()).run()
    except LabError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
