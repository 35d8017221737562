"""The two ways in: a client's upload and a contract's request.

Each becomes an analysis and a job, or nothing.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from uuid import UUID, uuid4

import structlog

from embeddings.sniff import MEDIA_TYPES, sniff
from oracle.chain.core.ids import post_id_in, post_id_of
from oracle.errors import (
    ExternalIdTaken,
    MediaTypeMismatch,
    MediaTypeNotSupported,
    PostIdTaken,
    UnknownMediaType,
)
from oracle.jobs import Jobs
from oracle.media.handler import MediaHandlers, Size
from oracle.originality import admission, shared_sources
from oracle.originality.admission import Poster
from oracle.originality.naming import check_name, ensure_creator, parse_creator
from oracle.rules.decision import EPOCH
from storage.blobs import BlobStore, blob_key
from storage.chain.requests import RequestSeen
from storage.database import Connection, Database
from storage.errors import IdempotencyConflict, PolicyUnknown
from storage.ledger import posts as ledger_posts
from storage.names import canonical
from storage.works import analyses, policies, waiting, works
from storage.works import facts as stated_facts
from storage.works.analyses import NewAnalysis
from storage.works.facts import StatedFacts
from storage.works.policies import Policy
from storage.works.works import NewWork

log = structlog.get_logger()

NOTHING_STATED = StatedFacts()


@dataclass(frozen=True)
class PostName:
    """A post on chain by its platform's own name for it.

    Attributes:
        namespace: the platform's id (32 bytes), or a contract (20 bytes).
        name: 32 bytes.
    """

    namespace: bytes
    name: bytes


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file that a client sent, already on disk and hashed."""

    path: Path
    sha256: bytes
    size_bytes: int
    file_name: str | None = None
    creator: str | None = None
    media_type: str | None = None
    idempotency_key: str | None = None
    post: PostName | None = None
    facts: StatedFacts = NOTHING_STATED
    # whether a platform states the audience, which grades depend on, and not the creator
    from_platform: bool = False
    # of a source that nobody here owns: where it comes from, and who entered it
    shared_source: str | None = None
    entered_by: str | None = None
    # whose quota it takes; None for historical content, and what other signers took in
    poster: Poster | None = None


@dataclass(frozen=True)
class Inspected:
    """What the bytes of a file turned out to be."""

    media_type: str
    mime: str
    size: Size


def inspect(path: Path, handlers: MediaHandlers, expected: str | None = None) -> Inspected:
    """Find out what a file is and look into it, so that nothing unreadable is ever stored.

    Raises: UnknownMediaType, MediaTypeMismatch, MediaTypeNotSupported; EmbeddingError for what
        cannot be read.
    """
    if expected is not None and expected not in MEDIA_TYPES:
        raise UnknownMediaType(
            f"'{expected}' is not a media type; use one of {', '.join(MEDIA_TYPES)}."
        )
    sniffed = sniff(path)
    if expected is not None and sniffed.media_type != expected:
        raise MediaTypeMismatch(
            f"The file was announced as {expected}, but it holds {sniffed.mime}."
        )
    if sniffed.media_type not in handlers:
        raise MediaTypeNotSupported(
            f"{sniffed.mime}: this oracle decides on {', '.join(handlers)} only."
        )
    return Inspected(sniffed.media_type, sniffed.mime, handlers[sniffed.media_type].inspect(path))


class Intake:
    """Takes media in: bytes to the blob store, then work, analysis and job in one transaction."""

    def __init__(self, db: Database, blobs: BlobStore, jobs: Jobs, handlers: MediaHandlers) -> None:
        self._db = db
        self._blobs = blobs
        self._jobs = jobs
        self._handlers = handlers

    def submit(self, upload: Upload, *, source: Literal["upload", "index"] = "upload") -> UUID:
        """Take an upload in. Returns the id of its analysis: the first one, if the idempotency key,
        the post or the poster's own id came with the same bytes before.

        Args: source: "index" for historical content, which is judged like any other but not sent to
            the chain.

        Raises: UnknownMediaType, MediaTypeMismatch, MediaTypeNotSupported, InvalidCreator,
            PostIdTaken, ExternalIdTaken, QuotaExceeded, EmbeddingError, IdempotencyConflict,
            BlobError, StorageError.
        """
        if upload.creator is not None:
            parse_creator(upload.creator)
        facts = inspect(upload.path, self._handlers, upload.media_type)
        with self._db.transaction() as conn:  # everything that can refuse, before anything is kept
            policies.current(conn, facts.media_type)
            if upload.creator is not None:
                check_name(conn, upload.creator)
            used = (
                analyses.find_key(conn, upload.idempotency_key) if upload.idempotency_key else None
            )
        if used is not None:
            if used[0] != request_hash(upload):
                raise IdempotencyConflict
            return used[1]
        work_id, analysis_id = uuid4(), uuid4()
        self._blobs.put(upload.path, blob_key(upload.sha256))
        with self._db.transaction() as conn:
            if upload.idempotency_key is not None:
                first = analyses.claim_key(
                    conn, upload.idempotency_key, request_hash(upload), analysis_id
                )
                if first != analysis_id:
                    return first
            creator_id = _creator_id(conn, upload)
            post_id = _post_id(conn, upload.post) if upload.post else post_id_of(work_id)
            works.lock_sequence(conn)
            known = _find_repeated(conn, upload, post_id, creator_id)
            if known is not None:
                first = analyses.first_of(conn, known)
                if upload.idempotency_key is not None:
                    analyses.move_key(conn, upload.idempotency_key, first)
                return first
            work = _work_of(upload, work_id, post_id, creator_id, facts)
            policy = policies.current(conn, facts.media_type)
            self._queue_upload(conn, upload, work, analysis_id, source, policy)
            if upload.poster is not None:
                length_ms = facts.size.duration_ms or 0
                admission.count(conn, upload.poster, upload.size_bytes, length_ms)
            if upload.from_platform:
                ledger_posts.describe(conn, post_id, None, upload.facts.audience)
        log.info(
            "upload.accepted", analysis_id=str(analysis_id), work_id=str(work_id), mime=facts.mime
        )
        return analysis_id

    def accept_introduced(
        self, upload: Upload, post_id: bytes, media_type: str, mime: str, version: int
    ) -> None:
        """Take in what another signer took in before, under the same post and policy; once.

        The file is not looked into: the worker reads it, and what it cannot read it says.

        Raises: UnknownMediaType, InvalidCreator, PolicyUnknown if that policy version was not read
            yet, PostIdTaken, BlobError, StorageError.
        """
        if media_type not in MEDIA_TYPES:
            raise UnknownMediaType(
                f"'{media_type}' is not a media type; use one of {', '.join(MEDIA_TYPES)}."
            )
        work_id, analysis_id = uuid4(), uuid4()
        self._blobs.put(upload.path, blob_key(upload.sha256))
        with self._db.transaction() as conn:
            # Before the sequence is locked, as everywhere: two that wait for each other would fail.
            creator_id = _creator_id(conn, upload, vetted=True)
            works.lock_sequence(conn)
            if works.is_registered(conn, post_id, upload.sha256):
                return
            if works.post_is_taken(conn, post_id, creator_id, upload.sha256):
                raise PostIdTaken
            facts = Inspected(media_type, mime, Size())
            work = _work_of(upload, work_id, post_id, creator_id, facts)
            policy = policies.at(conn, version, media_type)
            self._queue_upload(conn, upload, work, analysis_id, "upload", policy)
        log.info("upload.introduced", analysis_id=str(analysis_id), work_id=str(work_id), mime=mime)

    def _queue_upload(
        self,
        conn: Connection,
        upload: Upload,
        work: NewWork,
        analysis_id: UUID,
        source: str,
        policy: Policy,
    ) -> None:
        """Register the work and queue its analysis under a policy.

        What nobody here owns came before everything: works that were judged are judged again by it.
        """
        shared = upload.shared_source
        works.add_work(conn, work, dated_at=None if shared is None else EPOCH)
        if shared is not None:
            shared_sources.enter(
                conn,
                work.id,
                None,
                origin="catalogue",
                source=shared,
                by=upload.entered_by or "operator",
                now=datetime.now(UTC),
            )
        # With the sequence locked: the work of the same bytes may have been erased since they were
        # put.
        if not self._blobs.exists(work.blob_key):
            self._blobs.put(upload.path, work.blob_key)
        analysis = NewAnalysis(
            id=analysis_id,
            source=source,
            post_id=work.post_id,
            creator_id=work.creator_id,
            media_type=work.media_type,
            policy_version=policy.version,
            threshold_bps=policy.threshold_bps,
            base_redirect_bps=policy.base_redirect_bps,
            work_id=work.id,
            late=shared is not None,
        )
        analyses.add(conn, analysis)
        waiting.expect(conn, analysis_id)
        self._jobs.defer(conn, analysis_id)

    def accept_request(self, conn: Connection, request: RequestSeen) -> UUID:
        """Turn a contract's request into an analysis, in the transaction that records the event;
        once.

        The media is fetched by the worker, since its server may be slow or away. A request without
        a URI asks for a re-analysis of a registered work, by its post and content: the work keeps
        its sequence number and its creator.

        Raises: PolicyUnknown if the request's policy version was not read yet.
        """
        existing_id = analyses.find_by_request(conn, request.request_id)
        if existing_id is not None:
            return existing_id
        analysis_id = uuid4()
        work = (
            None
            if request.uri
            else works.find_registered(conn, request.post_id, request.content_hash)
        )
        if work is not None and work.media_type != request.media_type:
            work = None  # it would be judged by the rules of another medium; without media it fails
        policy = policies.at(conn, request.config_version, request.media_type)
        analysis = NewAnalysis(
            id=analysis_id,
            source="request",
            post_id=request.post_id,
            creator_id=work.creator_id if work else self._creator_of(conn, request),
            account=None if request.creator == bytes(20) else request.creator,
            media_type=request.media_type,
            policy_version=policy.version,
            threshold_bps=policy.threshold_bps,
            base_redirect_bps=policy.base_redirect_bps,
            request_id=request.request_id,
            uri=request.uri,
            expected_sha256=None if request.content_hash == bytes(32) else request.content_hash,
            published_at=request.block_time,
            block_number=request.block_number,
            committed_at=request.committed_at,
            work_id=work.id if work else None,
        )
        analyses.add(conn, analysis)
        if work is None:
            works.reserve_sequence(conn, analysis_id)
            waiting.expect(conn, analysis_id)
        self._jobs.defer(conn, analysis_id)
        log.info(
            "request.accepted",
            analysis_id=str(analysis_id),
            request_id=request.request_id.hex(),
            uri=request.uri,
        )
        return analysis_id

    def _creator_of(self, conn: Connection, request: RequestSeen) -> int | None:
        # The account may be one we know by a name: a wallet that vouched for it, or an escrow
        # account.
        named = request.creator != bytes(20)
        return ensure_creator(conn, "0x" + request.creator.hex()) if named else None


def _creator_id(conn: Connection, upload: Upload, *, vetted: bool = False) -> int | None:
    if upload.creator is None:
        return None
    return ensure_creator(conn, upload.creator, vetted=vetted)


def _work_of(
    upload: Upload, work_id: UUID, post_id: bytes, creator_id: int | None, facts: Inspected
) -> NewWork:
    return NewWork(
        id=work_id,
        creator_id=creator_id,
        post_id=post_id,
        media_type=facts.media_type,
        sha256=upload.sha256,
        mime=facts.mime,
        size_bytes=upload.size_bytes,
        width=facts.size.width,
        height=facts.size.height,
        file_name=upload.file_name,
        blob_key=blob_key(upload.sha256),
        duration_ms=facts.size.duration_ms,
        **vars(upload.facts),
    )


def _post_id(conn: Connection, post: PostName) -> bytes:
    bound = policies.find_binding(conn)
    if bound is None:
        raise PolicyUnknown("The node has not bound this database to a hub yet. Try again.")
    return post_id_in(bound.chain_id, bound.hub, post.namespace, post.name)


def _find_repeated(
    conn: Connection, upload: Upload, post_id: bytes, creator_id: int | None
) -> UUID | None:
    """Return the work that an upload repeats, None if it is new. Call it with the sequence locked.

    Raises: PostIdTaken, ExternalIdTaken where the post or the id is of other bytes or of another
        creator.
    """
    known = works.find_registered(conn, post_id, upload.sha256)
    erased = known is None and works.is_registered(conn, post_id, upload.sha256)
    if erased or works.post_is_taken(conn, post_id, creator_id, upload.sha256):
        raise PostIdTaken(
            f"The post 0x{post_id.hex()} has other content, another creator, or was erased; a post"
            " stays what it is. Nothing was kept."
        )
    external_id, posted_by = upload.facts.external_id, upload.facts.posted_by
    if external_id is None or posted_by is None:
        return known.id if known else None
    named_id = stated_facts.find_external(conn, posted_by, external_id)
    if named_id is None:
        if known is None or known.external_id is None:
            return known.id if known else None
        raise ExternalIdTaken(
            f"The post 0x{post_id.hex()} was posted as {known.external_id!r}, not as"
            f" {external_id!r}; correct the external_id of the work {known.id}. Nothing was kept."
        )
    named = works.get_work(conn, named_id)
    same = (named.sha256, named.creator_id) == (upload.sha256, creator_id)
    if not same or (upload.post is not None and named.post_id != post_id):
        raise ExternalIdTaken(
            f"The work {named.id} was posted as {external_id!r} with other bytes, another creator"
            " or another post. Post under another external_id, or correct that work's. Nothing was"
            " kept."
        )
    return named.id


def request_hash(upload: Upload) -> bytes:
    """What makes two uploads the same request: the bytes and every field that changes the
    answer.
    """
    stated = upload.facts
    fields: Iterable[object] = (
        upload.sha256.hex(),
        canonical(upload.creator or ""),
        upload.media_type or "",
        *((upload.post.namespace.hex(), upload.post.name.hex()) if upload.post else ()),
        *(value for value in vars(stated).values() if value is not None),
        *((upload.shared_source,) if upload.shared_source is not None else ()),
    )
    return hashlib.sha256("\n".join(map(str, fields)).encode()).digest()
