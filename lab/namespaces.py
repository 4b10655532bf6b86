"""Moving into network namespaces, for the calling thread alone."""

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from lab.errors import LabError

CLONE_NEWNET = 0x40000000
OWN = Path("/proc/thread-self/ns/net")

T = TypeVar("T")


def enter(namespace: Path) -> int:
    """The calling thread is in that network namespace; returns a way back for `go_back`."""
    before = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        inside = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        os.close(before)
        raise LabError(
            f"expected the network namespace {namespace}; it is not there: run `python3 -m lab up`"
        ) from None
    move(inside)
    return before


def go_back(before: int) -> None:
    """The calling thread is again where it was when `enter` returned `before`."""
    move(before)


def move(namespace: int) -> None:
    """The calling thread is in the network namespace behind the descriptor, which is closed."""
    libc = ctypes.CDLL(None, use_errno=True)
    failed = libc.setns(namespace, CLONE_NEWNET)
    error = ctypes.get_errno()
    os.close(namespace)
    if failed:
        raise LabError(f"expected to move into a network namespace; found {os.strerror(error)}")


def inside(namespace: Path, ask: Callable[[], T]) -> T:
    """What `ask` returned, having run in that network namespace; this thread stays here."""

    def moved() -> T:
        os.close(enter(namespace))
        return ask()

    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(moved).result()
