"""The one judge: search the indexes, verify candidates, decide by the rules. It writes nothing."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from oracle import metrics
from oracle.media.handler import (
    EVERYTHING,
    Candidate,
    E,
    Extraction,
    MediaHandler,
    MediaMatch,
    Progress,
    Query,
    no_progress,
)
from oracle.rules.decision import (
    BPS,
    Author,
    Decision,
    Match,
    Policy,
    SoundRule,
    Subject,
    decide,
    similarity_to_bps,
)
from oracle.rules.order import Claim, Precedence, contested, may_change
from oracle.rules.overlap import Explained, Part, lies_in, parts_of, shared_bps, through_copy_bps
from oracle.rules.settlement import ProvenMatch, Settlement, covered
from storage.cases import quarantines, settlements, shared_sources
from storage.database import Connection, Database
from storage.search import images
from storage.works import analyses, authors, permissions, policies, works
from storage.works.works import Work

END_OF_TIME = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class SameFile:
    """The match of a work of the very same bytes: it needs no other proof."""

    similarity: float = 1.0
    verified: bool = True
    sound_only: bool = False
    looped: bool = False
    exchanged: bool = False
    query_coverage: float = 1.0
    reference_coverage: float = 1.0

    def as_json(self) -> dict[str, Any]:
        """For the evidence."""
        return {
            "similarity": 1.0,
            "verified": True,
            "same_file": True,
            "query_coverage": 1.0,
            "reference_coverage": 1.0,
            "reason": "It is the same file, byte for byte.",
        }


def insufficient_detail(extraction: Extraction, same_file: bool) -> str | None:
    """Return why nothing can be decided; None where something can, which the very same file lets
    of what is only too short.
    """
    return None if same_file and extraction.too_short else extraction.insufficient_detail


@dataclass(frozen=True)
class SourceMatch:
    """The first work behind a known copy.

    `similarity_bps` is the lowest of the chain between; `through_bps`: how much of what the query
    has of the copy is of that work, None where nobody can say.
    """

    work: Work
    similarity_bps: int
    licensed: bool
    through_bps: int | None


@dataclass(frozen=True)
class _Source:
    """The first work behind a known copy, before the copy was compared with the query.

    `licensed_bps`: the share that it may make of the query by licence; None: there is none.
    """

    found: authors.SourceWork
    work: Work
    licensed_bps: int | None


@dataclass(frozen=True)
class VerifiedMatch:
    """A candidate after verification, with what is known about its work."""

    candidate: Candidate
    work: Work
    match: MediaMatch
    licensed: bool
    original: bool  # the earlier work is itself no copy of a still earlier one
    settled: bool = False  # people decided that this content is no copy of that one
    rival: bool = False  # nobody can tell which of the two is the copy
    contested: bool = False  # the work has a rival itself
    source: SourceMatch | None = None  # whose work it copies, where it is a known copy
    quarantined: bool = False  # people doubt it, and nobody is accused by it meanwhile
    shared_bps: int = 0  # of what the two share, how much lies in sources that nobody here owns


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What was decided about one work, with everything that it rests on."""

    handler: MediaHandler[Any]
    extraction: Extraction
    policy: Policy
    candidates: Sequence[Candidate]
    matches: Sequence[VerifiedMatch]
    decision: Decision

    @property
    def insufficient_detail(self) -> str | None:
        """Why nothing can be decided about it, as half a sentence; None where something can."""
        same_file = any(isinstance(match.match, SameFile) for match in self.matches)
        return insufficient_detail(self.extraction, same_file)

    @property
    def credited(self) -> Work | None:
        """The earlier work that the verdict rests on."""
        return self._work_of(self.decision.credited)

    @property
    def second(self) -> Work | None:
        """Another creator's work that was taken as well."""
        return self._work_of(self.decision.second)

    def _work_of(self, match: Match | None) -> Work | None:
        if match is None:
            return None
        known = [m.work for m in self.matches] + [m.source.work for m in self.matches if m.source]
        return next((work for work in known if work.id == match.work_id), None)


class Judge:
    """Judges works of every media type for every caller.

    Args:
        pairs_off: pairs "query>reference" of media types that are never matched: "image>video".
        min_share_bps: a match that covers less of a work than this accuses its creator of nothing.
        sound_ceiling_bps: the most that a video which shares only its sound redirects.
        contest_window: how close two creators' requests of the same bytes contest each other.
    """

    def __init__(
        self,
        db: Database,
        *,
        pairs_off: Collection[str],
        min_share_bps: int,
        sound_ceiling_bps: int,
        contest_window: timedelta,
    ) -> None:
        self._db = db
        self._pairs_off = frozenset(pairs_off)
        self._min_share_bps = min_share_bps
        self._sound_ceiling_bps = sound_ceiling_bps
        self._contest_window = contest_window

    def judge(
        self,
        handler: MediaHandler[E],
        extraction: E,
        query: Query,
        terms: policies.Policy,
        *,
        work: Work | None = None,
        search_complete: bool = True,
        progress: Progress = no_progress,
    ) -> Judgement:
        """Judge a work against all earlier ones, under the policy that is in force for it.

        Args: work: the registered work that it is; None for what would come after all others.
        Raises: PolicyUnknown, DatabaseUnavailable, BadProxy.
        """
        policy = self._policy(handler.media_type, terms)
        candidates = self.search(handler, extraction, query)
        with metrics.stage(handler.media_type, "verify"):
            matches = self.verify(handler, extraction, query, candidates, progress, work=work)
        if work is not None:
            matches = self._with_rivals(handler, extraction, query, work, matches)
        subject = Subject(
            query.creator_id,
            query.before if work is None else work.sequence,
            insufficient_detail(extraction, any(isinstance(m.match, SameFile) for m in matches)),
            search_complete,
            END_OF_TIME if work is None else work.dated_at,
            extraction.unjudged,
        )
        return Judgement(
            handler=handler,
            extraction=extraction,
            policy=policy,
            candidates=candidates,
            matches=matches,
            decision=self.decide(subject, as_rule_matches(matches, handler.media_type), policy),
        )

    def search(self, handler: MediaHandler[E], extraction: E, query: Query) -> Sequence[Candidate]:
        """The candidates worth verifying, best first. Raises: DatabaseUnavailable."""
        with metrics.stage(handler.media_type, "search"), self._db.transaction() as conn:
            return handler.search(conn, extraction, query)

    def verify(
        self,
        handler: MediaHandler[E],
        extraction: E,
        query: Query,
        candidates: Sequence[Candidate],
        progress: Progress = no_progress,
        *,
        work: Work | None = None,
    ) -> list[VerifiedMatch]:
        """The candidates after verification, each work once, in the order of its first candidate.

        The creator's own analysis of the same post is left out: a post is not a copy of itself. So
        are works that are not earlier than `work`, where one is given.

        Raises: DatabaseUnavailable, BadProxy.
        """

        def earlier(other: Work) -> bool:
            return work is None or precedence_of(other) < precedence_of(work)

        matches = self._verify(
            handler, extraction, query, candidates, earlier, progress, only_credit=True
        )
        # The first of a chain of copies is who must be credited, however far the indexes rank it.
        proven = [match.work.id for match in matches if match.match.verified]
        if not proven:
            return matches
        with self._db.transaction() as conn:
            sources = images.find_sources(conn, proven, query.before)
            pairs = settlements.find(conn, query.sha256, query.creator_id, proven)
        # However far the index ranks the creator's own work of a settled pair, it has to be seen.
        sources += [
            images.ImageCandidate(work_id=pair.work_id, found_by=("settled",))
            for pair in pairs
            if not pair.erased
        ]
        known = {match.work.id for match in matches}
        unknown = {source.work_id: source for source in sources if source.work_id not in known}
        matches += self._verify(
            handler, extraction, query, list(unknown.values()), earlier, progress
        )
        return self._mark_shared(self._mark_settled(query, matches))

    def _mark_shared(self, matches: list[VerifiedMatch]) -> list[VerifiedMatch]:
        """How much of what the query has in common with each work nobody here owns."""
        proven = [match for match in matches if match.match.verified]
        with self._db.transaction() as conn:
            registry = shared_sources.among(conn, [match.work.id for match in proven])
        if not registry:
            return matches
        parts = {match.work.id: parts_between(match.candidate, match.match) for match in proven}
        inside = {
            match.work.id: entries
            for match in proven
            if (
                entries := [
                    entry
                    for entry in registry.get(match.work.id, ())
                    if lies_in(
                        parts[match.work.id][1], Part.from_json(entry.part) if entry.part else None
                    )
                ]
            )
        }
        whole = {match.work.id: match for match in proven if match.work.id in inside}
        # What its creator claims nothing for may still be another's.
        sources = [
            _explained(parts[work_id][0], match)
            for work_id, match in whole.items()
            if any(entry.origin != shared_sources.CREATOR for entry in inside[work_id])
        ]
        return [
            match
            if match.work.id not in parts
            else replace(match, shared_bps=BPS)
            if match.work.id in whole
            else replace(
                match, shared_bps=shared_bps(_explained(parts[match.work.id][0], match), sources)
            )
            for match in matches
        ]

    def _mark_settled(self, query: Query, matches: list[VerifiedMatch]) -> list[VerifiedMatch]:
        """What people decided to be no copy is not accused again, however it is edited."""
        proven = [
            ProvenMatch(match.work.id, similarity_to_bps(match.match.query_coverage))
            for match in matches
            if match.match.verified
        ]
        with self._db.transaction() as conn:
            pairs = settlements.find(
                conn, query.sha256, query.creator_id, [match.work_id for match in proven]
            )
        free = covered([Settlement(p.is_subject, p.own, p.others) for p in pairs], proven)
        return [replace(match, settled=match.work.id in free) for match in matches]

    def find_younger_copies(
        self, handler: MediaHandler[E], extraction: E, query: Query, work: Work
    ) -> list[UUID]:
        """The younger works that provably share content with this one, which came to be known after
        they were judged.

        Raises: DatabaseUnavailable, BadProxy.
        """
        everything = replace(query, before=EVERYTHING)

        def proven(candidates: Sequence[Candidate]) -> list[UUID]:
            matches = self._verify(
                handler,
                extraction,
                everything,
                candidates,
                lambda other: precedence_of(other) > precedence_of(work),
            )
            return [match.work.id for match in matches if match.match.verified]

        younger = proven(self.search(handler, extraction, everything))
        # Copies that are nearer may fill the search and leave out what they were taken from.
        with self._db.transaction() as conn:
            sources = images.find_sources(conn, younger, EVERYTHING) if younger else []
        return younger + proven(sources)

    def find_rivals(self, conn: Connection, work: Work) -> frozenset[UUID]:
        """Works whose requests may contest this one's."""
        return frozenset(works.find_rival_requests(conn, work, self._contest_window))

    def _with_rivals(
        self,
        handler: MediaHandler[E],
        extraction: E,
        query: Query,
        work: Work,
        matches: list[VerifiedMatch],
    ) -> list[VerifiedMatch]:
        """Mark the matches that this work's request contests, and add those that are younger."""
        with self._db.transaction() as conn:
            same = self.find_rivals(conn, work)
        known = {match.work.id for match in matches}
        candidates = [
            handler.candidate_from({"work": {"id": str(work_id)}})
            for work_id in same
            if work_id not in known
        ]
        matches = matches + self._verify(
            handler, extraction, query, candidates, lambda _: True, no_progress
        )
        own = claim_of(work)
        marked = [
            replace(match, rival=contested(own, claim_of(match.work), self._contest_window))
            for match in matches
        ]
        return self._mark_settled(query, [m for m in marked if m.work.id in known or m.rival])

    def compare(
        self,
        handler: MediaHandler[E],
        extraction: E,
        candidates: Sequence[Candidate],
        progress: Progress = no_progress,
    ) -> Mapping[UUID, tuple[Candidate, MediaMatch]]:
        """The best match with each work; works whose fingerprint is gone are left out.

        Raises: DatabaseUnavailable, BadProxy.
        """
        best: dict[UUID, tuple[Candidate, MediaMatch]] = {}
        for candidate, match in handler.verify(self._db, extraction, candidates, progress):
            known = best.get(candidate.work_id)
            if known is None or match.similarity > known[1].similarity:
                best[candidate.work_id] = candidate, match
        return best

    def decide(self, subject: Subject, matches: Sequence[Match], policy: Policy) -> Decision:
        """The verdict on a work with these matches. Raises: RuleError."""
        return decide(subject, matches, policy)

    def _verify(
        self,
        handler: MediaHandler[E],
        extraction: E,
        query: Query,
        candidates: Sequence[Candidate],
        allowed_work: Callable[[Work], bool],
        progress: Progress = no_progress,
        *,
        only_credit: bool = False,
    ) -> list[VerifiedMatch]:
        """Candidates after verification. The same bytes need none.

        only_credit: leave out those that cannot change who is credited.
        """
        ids = [candidate.work_id for candidate in candidates]
        with self._db.transaction() as conn:
            known = works.get_works(conn, ids)
            licensed = permissions.licensed_shares(conn, query.creator_id, ids)
            in_contest = analyses.contested_among(conn, ids)
            sources = self._sources(conn, query, ids)
            doubted = quarantines.among(conn, ids)
        allowed = [
            candidate
            for candidate in candidates
            if self._may_match(handler.media_type, known[candidate.work_id], query)
            and allowed_work(known[candidate.work_id])
        ]
        # Nobody could check a verdict that rests on erased media.
        same = {
            candidate.work_id: candidate
            for candidate in allowed
            if known[candidate.work_id].sha256 == query.sha256
            and known[candidate.work_id].media_type == handler.media_type
            and known[candidate.work_id].erased_at is None
        }
        identical = [precedence_of(known[work_id]) for work_id in same]
        if not only_credit or self._is_settled(query, list(same)):
            identical = []
        others = [
            candidate
            for candidate in allowed
            if candidate.work_id not in same
            and may_change(precedence_of(known[candidate.work_id]), identical)
        ]
        compared = self.compare(handler, extraction, others, progress)
        best: dict[UUID, tuple[Candidate, MediaMatch]] = {
            **{work_id: (candidate, SameFile()) for work_id, candidate in same.items()},
            **compared,
        }
        return [
            VerifiedMatch(
                candidate,
                known[work_id],
                match,
                _within(licensed.get(work_id), similarity_to_bps(match.query_coverage)),
                work_id not in sources,
                contested=work_id in in_contest,
                source=_source_match(sources.get(work_id), candidate, match),
                quarantined=work_id in doubted,
            )
            for work_id, (candidate, match) in best.items()
        ]

    def _is_settled(self, query: Query, ids: Sequence[UUID]) -> bool:
        """Whether people decided about this content and one of these works."""
        if not ids:
            return False
        with self._db.transaction() as conn:
            return bool(settlements.find(conn, query.sha256, query.creator_id, ids))

    def _sources(self, conn: Connection, query: Query, ids: Sequence[UUID]) -> dict[UUID, _Source]:
        """The first works behind those that are known copies."""
        found = authors.behind(conn, ids)
        first = list({source.work_id for source in found.values()})
        known = works.get_works(conn, first)
        licensed = permissions.licensed_shares(conn, query.creator_id, first)
        return {
            copy: _Source(source, known[source.work_id], licensed.get(source.work_id))
            for copy, source in found.items()
        }

    def _may_match(self, media_type: str, work: Work, query: Query) -> bool:
        same_post = work.post_id == query.post_id and work.creator_id == query.creator_id
        return not same_post and f"{media_type}>{work.media_type}" not in self._pairs_off

    def _policy(self, media_type: str, terms: policies.Policy) -> Policy:
        """What governance set on chain, completed by what this oracle adds."""
        policy = Policy(
            terms.version, terms.threshold_bps, terms.base_redirect_bps, self._min_share_bps
        )
        if media_type != "video":
            return policy
        with self._db.transaction() as conn:
            threshold_bps = policies.at(conn, terms.version, "audio").threshold_bps
        return replace(policy, sound_rule=SoundRule(threshold_bps, self._sound_ceiling_bps))


def precedence_of(work: Work) -> Precedence:
    """A work's place among all."""
    return Precedence(work.dated_at, work.sequence)


def claim_of(work: Work) -> Claim:
    """A work as its creator's claim to its content."""
    return Claim(
        creator_id=work.creator_id,
        sha256=work.sha256,
        dated_at=work.dated_at,
        block_at=work.block_at,
        block_number=work.block_number,
        committed=work.committed_at is not None,
        asked_at=work.asked_at,
        fetched_at=work.fetched_at,
    )


def _source_match(
    source: _Source | None, candidate: Candidate, match: MediaMatch
) -> SourceMatch | None:
    """The work behind a copy, and how much of it is in the query by composition."""
    if source is None:
        return None
    _, taken = parts_between(candidate, match)
    links = [
        parts_of(
            link,
            similarity_to_bps(link["query_coverage"]),
            similarity_to_bps(link["reference_coverage"]),
        )
        if link
        else None
        for link in source.found.links
    ]
    through_bps = through_copy_bps(taken, links) if match.verified else None
    return SourceMatch(
        source.work,
        source.found.similarity_bps,
        # What it makes of the query at most is what the copy makes of it.
        _within(source.licensed_bps, similarity_to_bps(match.query_coverage)),
        through_bps,
    )


def _within(licensed_bps: int | None, share_bps: int) -> bool:
    """Whether a licence covers a work that makes this share of the query."""
    return licensed_bps is not None and share_bps <= licensed_bps


def parts_between(candidate: Candidate, match: MediaMatch) -> tuple[Part, Part]:
    """The parts of query and earlier work that a match says are the same."""
    return parts_of(
        {**match.as_json(), **candidate.as_json()},
        similarity_to_bps(match.query_coverage),
        similarity_to_bps(match.reference_coverage),
    )


def _explained(part: Part, match: VerifiedMatch) -> Explained:
    """What a match explains of the query: of sound, as much as is heard again."""
    document = match.match.as_json()
    heard = (document.get("sound") or {}) if match.match.sound_only else document
    segments = [s for s in heard.get("segments") or () if "share" in s]
    if not segments:
        return Explained(part)
    lengths = [max(s["query_end_s"] - s["query_start_s"], 0.1) for s in segments]
    weighted = sum(s["share"] * length for s, length in zip(segments, lengths, strict=True))
    return Explained(part, min(1.0, weighted / sum(lengths)))


def _author(source: SourceMatch) -> Author:
    return Author(
        work_id=source.work.id,
        creator_id=source.work.creator_id,
        sequence=source.work.sequence,
        similarity_bps=source.similarity_bps,
        licensed=source.licensed,
        erased=source.work.erased_at is not None,
        through_bps=source.through_bps,
    )


def as_rule_matches(matches: Sequence[VerifiedMatch], media_type: str) -> list[Match]:
    """What the rules need of each match; those without any similarity are left out.

    Args: media_type: of the query.
    """
    return [
        Match(
            work_id=match.work.id,
            creator_id=match.work.creator_id,
            sequence=match.work.sequence,
            similarity_bps=similarity_to_bps(match.match.similarity),
            licensed=match.licensed,
            sound_only=match.match.sound_only,
            proven=match.match.verified,
            share_bps=similarity_to_bps(match.match.query_coverage),
            original=match.original,
            settled=match.settled,
            dated_at=match.work.dated_at,
            rival=match.rival,
            contested=match.contested,
            author=_author(match.source) if match.source else None,
            quarantined=match.quarantined,
            taken_bps=similarity_to_bps(match.match.reference_coverage),
            timed="image" not in (media_type, match.work.media_type),
            sound=match.match.sound_only or "audio" in (media_type, match.work.media_type),
            earlier_is_video=match.work.media_type == "video",
            earlier_s=seconds_of(match.work.duration_ms),
            shared_bps=match.shared_bps,
            looped=match.match.looped,
            part=parts_between(match.candidate, match.match)[0] if match.match.verified else None,
            exchanged=match.match.exchanged,
        )
        for match in matches
        if match.match.similarity > 0
    ]


def seconds_of(duration_ms: int | None) -> float | None:
    """Milliseconds as seconds."""
    return None if duration_ms is None else duration_ms / 1000
