"""Prints how many tests ran, over all JUnit files given."""

import sys
from xml.etree import ElementTree as ET


def main(files: list[str]) -> None:
    """The last line of `make test`: N passed, N failed, N skipped."""
    totals = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for file in files:
        for suite in ET.parse(file).getroot().iter("testsuite"):  # noqa: S314  our own file
            for key in totals:
                totals[key] += int(suite.get(key, 0))
    failed = totals["failures"] + totals["errors"]
    passed = totals["tests"] - failed - totals["skipped"]
    print(f"{passed} passed, {failed} failed, {totals['skipped']} skipped")


if __name__ == "__main__":
    main(sys.argv[1:])
