"""A lab for the tests of this folder alone, and a mail host in it that is healthy before each."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.host import Host
from lab.lab import Lab

PLACE = Path("/var/tmp")
NAME = "mailvane-lab-tests-"


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """One mail host is up, and the main thread sees no network but the lab's."""
    if sys.platform != "linux" or os.geteuid() != 0:
        refuse("real mail hosts need root on Linux")
    for left in PLACE.glob(f"{NAME}*"):
        if not Path(f"/proc/{owner(left)}").exists():
            remove(of_tests(owner(left)))
    mine = of_tests(os.getpid())
    try:
        mine.up(hosts=1)
        mine.enter()
        yield mine
    finally:
        remove(mine)


@pytest.fixture
def mx1(lab: Lab) -> Iterator[Host]:
    """A healthy mail host; whatever the test does to it is undone."""
    host = lab.host("mx1")
    yield host
    for sink in lab.sinks.values():
        sink.restore()
    host.restore()


def of_tests(pid: int) -> Lab:
    """The lab of the test run with that process id; several may run at once."""
    return Lab(directory=PLACE / f"{NAME}{pid}", network="10.78.0", prefix=f"mvt{pid}")


def owner(directory: Path) -> int:
    """The process id of the test run that made the directory."""
    return int(directory.name.removeprefix(NAME))


def remove(lab: Lab) -> None:
    """Nothing of the lab is left; the shared root, which others use, stays."""
    lab.down()
    shutil.rmtree(lab.layout.directory)


def refuse(reason: str) -> None:
    """The tests are skipped, or fail where they were promised."""
    if os.environ.get("MAILVANE_REQUIRE_LAB"):
        pytest.fail(f"{reason}, and MAILVANE_REQUIRE_LAB is set")
    pytest.skip(reason)
