"""Real mail hosts, a DNS server and SMTP sinks on this machine, for tests and the demo."""

from lab.errors import LabError as LabError
from lab.lab import Lab as Lab
