"""`python -m pocketdet` is the `pocketdet` command."""

from pocketdet.cli import main

main()
