"""Entry point of the keeper process; see keeper.py."""

import sys

from storage.embedded.keeper import main

sys.exit(main(sys.argv[1:]))
