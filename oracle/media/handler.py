"""What the oracle needs of one media type.

Judge, use case and folder match know no more than this.

A new media type needs, besides its handler here and its analyzer in `embeddings/`: its name and its
formats' signatures (`embeddings/sniff.py`), its index (`storage/search/`), the checks of
`media_type` columns (`storage/migrations/versions`), its place among the handlers
(`oracle/wiring.py`), its number on chain (`oracle/chain/core/report.py`, `Codes.sol`) and its
threshold (`PolicyRegistry.sol`), and what the upload form accepts (`home.html`).
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

EVERYTHING = 2**63 - 1  # larger than any sequence number: search all works

# Called with the stage ("decoding", "fingerprinting", "verifying"), how much is done, and of how
# much.
Progress = Callable[[str, int, int], None]


def no_progress(_stage: str, _done: int, _total: int) -> None:
    """For callers that show no progress."""


@dataclass(frozen=True)
class Size:
    """Pixels of a picture, milliseconds of what takes time; None where there are none."""

    width: int | None = None
    height: int | None = None
    duration_ms: int | None = None


@dataclass(frozen=True)
class Query:
    """The work that is looked up: its content, creator and sequence number.

    Only earlier works are searched.
    """

    sha256: bytes
    creator_id: int | None = None
    before: int = EVERYTHING
    post_id: bytes | None = None


class Extraction(Protocol):
    """Everything that was extracted from one file: what is stored of it and what is searched
    with.
    """

    @property
    def insufficient_detail(self) -> str | None:
        """Why nothing can be decided about it, as half a sentence; None where something can."""

    @property
    def too_short(self) -> bool:
        """Whether only its length leaves nothing to decide: the very same file still tells."""

    @property
    def unjudged(self) -> str | None:
        """Which part of it was not looked at, as half a sentence; None where all of it was."""

    @property
    def notes(self) -> Sequence[str]:
        """What a person should know of the extraction ("the file is cut short after 12 s")."""

    def as_json(self) -> dict[str, Any]:
        """Facts of the extraction for the evidence: views or keyframes or landmarks, how many
        and which.
        """


class Candidate(Protocol):
    """A candidate: it came out of an index and is not yet evidence."""

    @property
    def work_id(self) -> UUID:
        """The earlier work."""

    def as_json(self) -> dict[str, Any]:
        """Which index returned it, and how near it is."""


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
    def reference_coverage(self) -> float:
        """The share of the earlier work, 0..1, that the match covers."""

    @property
    def looped(self) -> bool:
        """Whether what two films share is a loop of pictures, under other sound."""

    @property
    def exchanged(self) -> bool:
        """Whether two pictures may be two uses of one template."""

    @property
    def sound_only(self) -> bool:
        """Whether a video shares nothing but its sound: rules of its own apply."""

    def as_json(self) -> dict[str, Any]:
        """For the evidence. Holds at least similarity, verified, reason, query_coverage and
        reference_coverage; `mirrored`, `segments` where there are any.
        """


E = TypeVar("E", bound=Extraction)


class MediaHandler(Protocol[E]):
    """One media type, with its analyzer and its index."""

    media_type: str
    channels: Mapping[str, ChannelState]
    model_digest: bytes
    # what a similarity at the threshold stands for: measured error rate and on how many pairs
    certainty: str

    def inspect(self, path: Path) -> Size:
        """Decode enough of a file to know that it can be read. Raises: EmbeddingError."""

    def extract(self, path: Path, progress: Progress = no_progress, *, search: bool = True) -> E:
        """Decode and fingerprint a file.

        Args: search: whether it will be looked up; without, what only a query needs is left out.
        Raises: EmbeddingError.
        """

    def make_visible(self, conn: Connection, work: Work, extraction: E) -> None:
        """Put the work where later ones find it; once, however often it is called."""

    def search(self, conn: Connection, extraction: E, query: Query) -> Sequence[Candidate]:
        """What the indexes return and is worth verifying, best first."""

    def verify(
        self,
        db: Database,
        extraction: E,
        candidates: Sequence[Candidate],
        progress: Progress = no_progress,
    ) -> Iterable[tuple[Candidate, MediaMatch]]:
        """Verify candidates in their order; those whose fingerprint is gone are left out.

        Raises: DatabaseUnavailable, BadProxy.
        """

    def candidate_from(self, match: Mapping[str, Any]) -> Candidate:
        """The candidate behind a match of the evidence, to verify it again."""

    def candidate_of(self, conn: Connection, extraction: E, work_id: UUID) -> Candidate:
        """The candidate that a work is which no index brought up: of a film, by the frame that is
        nearest to a picture.
        """

    def preview(self, path: Path, at_ms: int = 0) -> Image:
        """A picture of the work for people: itself, its frame at a moment, the shape of its
        sound.
        """


MediaHandlers = Mapping[str, MediaHandler[Any]]
