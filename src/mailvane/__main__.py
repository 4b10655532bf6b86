"""`python -m mailvane` is `mailvane`."""

from mailvane.cli import main

main()
