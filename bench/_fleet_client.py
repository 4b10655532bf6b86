"""Sweeps the servers of a configuration as `mailvane serve` does, and prints what it cost as JSON."""

import argparse
import asyncio
import gc
import json
import resource
import time
from pathlib import Path

import uvloop

from mailvane.app import joined, load_settings
from mailvane.app.watching import Watching


def cpu() -> float:
    """CPU seconds of this process so far."""
    use = resource.getrusage(resource.RUSAGE_SELF)
    return use.ru_utime + use.ru_stime


def resident_mib() -> float:
    """Resident memory of this process now."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("bench: /proc/self/status has no VmRSS")


async def measure(config: Path, intervals: float) -> dict[str, object]:
    """Connect, sweep all once at full speed, then watch at the interval."""
    settings = load_settings(config, config.parent / "state")
    names = [server.name for server in settings.servers]
    async with joined(settings) as parts:
        watching = Watching(parts)
        await watching.start()
        began = time.monotonic()
        await watching.fleet.collect()
        connected = time.monotonic() - began
        began = time.monotonic()
        reports = await asyncio.gather(*(watching.fleet.sweep(name) for name in names))
        swept = time.monotonic() - began
        gc.collect()
        seconds = intervals * settings.cache.refresh_every_seconds
        before = cpu()
        await asyncio.sleep(seconds)
        used = cpu() - before
        statuses = [str(report.status) for report in reports]
        results = [len(report.results) for report in reports]
        said = {
            "connected_seconds": connected,
            "sweep_seconds": swept,
            "core_percent": 100 * used / seconds,
            "resident_mib": resident_mib(),
            "lag_seconds": watching.scheduler.lag_seconds,
            "statuses": {status: statuses.count(status) for status in set(statuses)},
            "results_each": min(results),
        }
        await watching.close()
    return said


def main() -> None:
    """The figures are on standard output."""
    parser = argparse.ArgumentParser()
    parser.add_argument("config", type=Path)
    parser.add_argument("--intervals", type=float, default=2)
    args = parser.parse_args()
    print(json.dumps(uvloop.run(measure(args.config, args.intervals))))


if __name__ == "__main__":
    main()
