"""What the oracle needs of one kind of media.

The use case, the bulk matcher and the audit know no more than this.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar
from uuid import UUID

from PIL.Image import Image

from embeddings.channels import ChannelState
from storage.database import Connection, Database
from storage.works.works import Work

EVERYTHING = 2**63 - 1  # larger than any place in the order: search all works

# Told the stage ("decoding", "fingerprinting", "verifying"), how much is done, and of how much.
Progress = Callable[[str, int, int], None]


def no_progress(_stage: str, _done: int, _total: int) -> None:
    """For callers that nobody watches."""


@dataclass(frozen=True)
class Size:
    """What a look at a file tells: pixels of a picture, milliseconds of what takes time; None
    where neither.
    """

    width: int | None = None
    height: int | None = None
    duration_ms: int | None = None


@dataclass(frozen=True)
class Query:
    """Whose work is looked up, and where in the order of all works it stands.

    Only earlier ones are looked at.
    """

    sha256: bytes
    creator_id: int | None = None
    before: int = EVERYTHING
    post_id: bytes | None = None


class Reading(Protocol):
    """Everything that was read of one file: what is stored of it and what is searched with."""

    @property
    def too_plain(self) -> str | None:
        """Why nothing can be decided about it, as half a sentence; None where something can."""

    @property
    def notes(self) -> Sequence[str]:
        """What a person should know of how it was read ("the file is cut short after 12 s")."""

    def as_json(self) -> dict[str, Any]:
        """Facts of the reading for the evidence: views or keyframes or landmarks, how many and
        which.
        """


class Found(Protocol):
    """A candidate: it came out of an index and is not yet evidence."""

    @property
    def work_id(self) -> UUID:
        """The earlier work."""

    def as_json(self) -> dict[str, Any]:
        """By which index it was found, and how near."""


class MediaMatch(Protocol):
    """A candidate after verification."""

    @property
    def similarity(self) -> float:
        """Calibrated, 0..1; at least 0.95 exactly where `verified`."""

    @property
    def verified(self) -> bool:
        """Whether shared content was proven."""

    @property
    def query_coverage(self) -> float:
        """The share of the query, 0..1, that the match covers."""

    @property
    def sound_only(self) -> bool:
        """Whether a video shares nothing but its sound: rules of its own apply."""

    def as_json(self) -> dict[str, Any]:
        """For the evidence. Holds at least similarity, verified, reason, query_coverage and
        reference_coverage; `mirrored`, `segments` where there are any.
        """


R = TypeVar("R", bound=Reading)


class MediaKind(Protocol[R]):
    """One kind of media, with its analyzer and its index."""

    media_type: str
    channels: Mapping[str, ChannelState]
    model_digest: bytes
    # what a similarity at the threshold stands for: measured error rate and on how many pairs
    certainty: str

    def inspect(self, path: Path) -> Size:
        """Decode enough of a file to know that it can be read. Raises: EmbeddingError."""

    def read(self, path: Path, progress: Progress = no_progress, *, search: bool = True) -> R:
        """Decode and fingerprint a file.

        Args: search: whether it will be looked up; without, what only a query needs is left out.
        Raises: EmbeddingError.
        """

    def make_visible(self, conn: Connection, work: Work, reading: R) -> None:
        """Put the work where later ones find it; once, however often it is called."""

    def search(self, conn: Connection, reading: R, query: Query) -> Sequence[Found]:
        """What the indexes return and is worth verifying, best first."""

    def verify(
        self, db: Database, reading: R, found: Sequence[Found], progress: Progress = no_progress
    ) -> Iterable[tuple[Found, MediaMatch]]:
        """Judge candidates in their order; those whose fingerprint is gone are left out.

        Raises: DatabaseUnavailable, BadProxy.
        """

    def find_again(self, match: Mapping[str, Any]) -> Found:
        """The candidate behind a match of the evidence, to verify it once more."""

    def preview(self, path: Path, at_ms: int = 0) -> Image:
        """A picture of the work for people: itself, its frame at a moment, the shape of its
        sound.
        """


MediaKinds = Mapping[str, MediaKind[Any]]
