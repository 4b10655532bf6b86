"""`python3 -m lab VERB ...`: the lab from a shell."""

import argparse
import sys

from lab.errors import LabError
from lab.lab import Lab, require_root_on_linux
from lab.verbs import VERBS


def parser() -> argparse.ArgumentParser:
    """What reads the command line."""
    whole = argparse.ArgumentParser(prog="python3 -m lab", description="Real mail hosts to try.")
    verbs = whole.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, (function, taken) in VERBS.items():
        verb = verbs.add_parser(name, help=function.__doc__, description=function.__doc__)
        verb.set_defaults(function=function)
        for words in taken:
            words.declare(verb)
    return whole


def main() -> int:
    """The verb has been done, or the reason it could not be has been said; returns the status."""
    words = parser().parse_args()
    try:
        require_root_on_linux()
        words.function(Lab(), words)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
