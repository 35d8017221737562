"""`python -m oracle` is the same as `oracle`."""

from oracle.cli import main

main()
