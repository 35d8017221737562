"""The chain: what a decision is on it, how it gets there, and how several oracles agree on it."""

import contextlib
import sys

# py_ecc, which eth_account brings along, raises the limit to 100 000 when it is first imported.
# Python's own JSON parser then follows a stranger's "[[[[…" until the C stack is overrun, and the
# process dies. Imported here, before any module of this package can, it has no second time.
RECURSION_LIMIT = 1_000  # Python's own

with contextlib.suppress(ImportError):  # a later eth_account may do without it
    import py_ecc  # noqa: F401
sys.setrecursionlimit(RECURSION_LIMIT)
