"""Errors of the storage package; drivers' errors are translated where they are caught."""


class StorageError(Exception):
    """Storage failed."""

    code = "storage_error"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)


class DatabaseUnavailable(StorageError):
    """The database cannot be reached right now; nothing was changed. Try again."""

    code = "database_unavailable"


class UnsupportedDatabase(StorageError):
    """The database lacks what the oracle needs: PostgreSQL 15 or newer with pgvector 0.8 or
    newer.
    """

    code = "unsupported_database"


class NotMigrated(StorageError):
    """The database is not migrated: run `oracle migrate`."""

    code = "not_migrated"


class NotFound(StorageError):
    """No such record."""

    code = "not_found"


class IdempotencyConflict(StorageError):
    """This idempotency key was used before with another request."""

    code = "idempotency_key_reused"


class ForeignDeployment(StorageError):
    """This database belongs to another chain or another hub; nothing was changed."""

    code = "foreign_deployment"


class PolicyUnknown(StorageError):
    """The chain's policy was not read yet; the node reads it within seconds of its start.

    Try again.
    """

    code = "policy_unknown"


class NameTaken(StorageError):
    """The name is taken."""

    code = "name_taken"
