"""Several endpoints of one chain: which are healthy, lag or lie, and which one is used now."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import structlog

from oracle.chain.core.wire import blob, number
from oracle.chain.errors import (
    ChainError,
    ChainUnavailable,
    EndpointInconsistent,
    RpcRefused,
    WrongChain,
)
from oracle.chain.rpc.endpoint import Endpoint

log = structlog.get_logger(__name__)

T = TypeVar("T")

FIRST_PAUSE_S = 1.0
MAX_PAUSE_S = 60.0


class Standing(StrEnum):
    """The state of an endpoint."""

    ALIVE = "alive"
    BEHIND = "behind"
    UNREACHABLE = "unreachable"
    WRONG_CHAIN = "wrong_chain"
    DISAGREES = "disagrees"  # contradicts itself, the majority, or what was final before


@dataclass(frozen=True, slots=True)
class Health:
    """An endpoint at the last look; heights are None where it was not reached."""

    name: str
    standing: Standing
    reason: str = ""
    head: int | None = None
    finalized: int | None = None


@dataclass(slots=True)
class _Watched:
    endpoint: Endpoint
    health: Health
    pause_s: float = FIRST_PAUSE_S
    look_again_at: float = 0.0
    behind_since: float | None = None


class EndpointSet:
    """Acts as one endpoint: calls go to a healthy one, and each contradiction is reported.

    A single endpoint is neither compared nor asked twice.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        *,
        chain_id: int,
        max_lag_blocks: int = 5,
        behind_patience_s: float = 120.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not endpoints:
            raise ValueError("At least one endpoint is needed.")
        self._chain_id = chain_id
        self._max_lag_blocks = max_lag_blocks
        self._behind_patience_s = behind_patience_s
        self._clock = clock
        self._watched = [_Watched(e, Health(e.name, Standing.ALIVE)) for e in endpoints]
        self._current = self._watched[0]

    @property
    def name(self) -> str:
        """Name of the endpoint in use."""
        return self._current.endpoint.name

    @property
    def health(self) -> Sequence[Health]:
        """Health of every endpoint at the last look."""
        return [watched.health for watched in self._watched]

    def request(self, method: str, *params: object) -> Any:
        """Call `Endpoint.request` on the endpoint in use; an outage counts against it."""
        return self._guarded(lambda endpoint: endpoint.request(method, *params))

    def batch(self, calls: Sequence[tuple[str, Sequence[object]]]) -> list[Any]:
        """Call `Endpoint.batch` on the endpoint in use."""
        return self._guarded(lambda endpoint: endpoint.batch(calls))

    def batch_or_errors(self, calls: Sequence[tuple[str, Sequence[object]]]) -> list[Any]:
        """Call `Endpoint.batch_or_errors` on the endpoint in use."""
        return self._guarded(lambda endpoint: endpoint.batch_or_errors(calls))

    def send(self, method: str, *params: object) -> Any:
        """Send a call to every healthy endpoint; one that accepts it is enough.

        Raises: the error of the endpoint in use, if no other accepted it.
        """
        failure: ChainError | None = None
        answer: Any = None
        try:
            answer = self.request(method, *params)
        except ChainError as exc:
            failure = exc
        taken = failure is None
        for watched in self._others():
            try:
                watched.endpoint.request(method, *params)
                taken = True
            except ChainError:
                continue  # it may have it from its peers already; the endpoint in use decides
        if not taken and failure is not None:
            raise failure
        return answer

    def look(self, known_final: tuple[int, bytes] | None) -> int | None:
        """Probe all endpoints and choose one. Returns: the height that all agree is final.

        None with a single endpoint: there the chain's own finalized block counts.

        Args:
            known_final: Height and hash of the block that was final before.
        Raises: ChainUnavailable if none is usable, EndpointInconsistent if they disagree and
            nothing shows which is wrong.
        """
        if len(self._watched) == 1:
            return None
        for watched in self._watched:
            if watched.look_again_at <= self._clock():
                self._probe(watched)
        self._mark_laggards()
        if known_final is not None:
            self._compare(known_final[0], expected=known_final[1])
        voters = [w for w in self._watched if self._has_vote(w)]
        finalized = min(
            (w.health.finalized for w in voters if w.health.finalized is not None), default=None
        )
        if finalized is not None:
            self._compare(finalized)
        self._choose()
        return finalized

    def distrust(self, reason: str) -> None:
        """Set the endpoint in use aside, if there is another."""
        if len(self._watched) > 1:
            self._set_aside(self._current, Standing.DISAGREES, reason)

    def hashes_at(self, height: int) -> dict[str, bytes | None]:
        """Return each reachable endpoint's block hash at a height, by name; None if it has none."""
        return {
            w.endpoint.name: self._hash_at(w, height)
            for w in self._watched
            if self._is_reachable(w)
        }

    def _guarded(self, call: Callable[[Endpoint], T]) -> T:
        try:
            return call(self._current.endpoint)
        except ChainUnavailable as exc:
            if len(self._watched) > 1:
                self._set_aside(self._current, Standing.UNREACHABLE, str(exc))
            raise

    def _probe(self, watched: _Watched) -> None:
        try:
            chain_id, head, finalized = watched.endpoint.batch_or_errors(
                [
                    ("eth_chainId", []),
                    ("eth_getBlockByNumber", ["latest", False]),
                    ("eth_getBlockByNumber", ["finalized", False]),
                ]
            )
            # A young chain has no finalized block: some nodes answer null, others an error.
            final = number(finalized["number"]) if isinstance(finalized, dict) else 0
            heights = number(head["number"]), final
        except (ChainError, TypeError, KeyError) as exc:
            self._set_aside(watched, Standing.UNREACHABLE, str(exc))
            return
        if number(chain_id) != self._chain_id:
            self._set_aside(watched, Standing.WRONG_CHAIN, f"It serves chain {number(chain_id)}.")
            return
        if watched.health.standing is not Standing.ALIVE:
            log.info(
                "endpoint.back", endpoint=watched.endpoint.name, was=str(watched.health.standing)
            )
        watched.pause_s = FIRST_PAUSE_S
        watched.health = Health(
            watched.endpoint.name, Standing.ALIVE, head=heights[0], finalized=heights[1]
        )

    def _mark_laggards(self) -> None:
        best = max(
            (w.health.head or 0 for w in self._watched if w.health.standing is Standing.ALIVE),
            default=0,
        )
        for watched in self._watched:
            head = watched.health.head
            if (
                watched.health.standing is not Standing.ALIVE
                or head is None
                or head >= best - self._max_lag_blocks
            ):
                watched.behind_since = None
                continue
            watched.behind_since = watched.behind_since or self._clock()
            reason = f"Its head is {head}, {best - head} blocks behind."
            watched.health = Health(
                watched.endpoint.name,
                Standing.BEHIND,
                reason,
                head=head,
                finalized=watched.health.finalized,
            )
            log.warning(
                "endpoint.set_aside",
                endpoint=watched.endpoint.name,
                standing="behind",
                reason=reason,
            )

    def _has_vote(self, watched: _Watched) -> bool:
        """Tell whether an endpoint has a say in what is final.

        A laggard keeps its say for a while: the endpoint ahead may have invented its lead.
        """
        if watched.health.standing is Standing.ALIVE:
            return True
        behind = watched.health.standing is Standing.BEHIND and watched.behind_since is not None
        return behind and self._clock() - (watched.behind_since or 0.0) < self._behind_patience_s

    def _compare(self, height: int, *, expected: bytes | None = None) -> None:
        """Set aside the endpoints whose block at a final height is wrong, as far as can be told."""
        votes = {
            name: block_hash
            for name, block_hash in self.hashes_at(height).items()
            if block_hash is not None
        }
        if len(set(votes.values()) | ({expected} if expected else set())) <= 1:
            return
        by_name = {w.endpoint.name: w for w in self._watched}
        honest = {name for name in votes if self._is_consistent(by_name[name], height, votes[name])}
        liars = find_liars(votes, honest, expected)
        if liars is None:
            raise EndpointInconsistent(
                f"The endpoints disagree on the final block {height}: {', '.join(sorted(votes))}."
            )
        for name in liars:
            self._set_aside(
                by_name[name], Standing.DISAGREES, f"It has another final block {height}."
            )

    def _is_consistent(self, watched: _Watched, height: int, block_hash: bytes) -> bool:
        """Tell whether an endpoint's next block builds on the block it names; one lie would not."""
        try:
            child = watched.endpoint.request("eth_getBlockByNumber", hex(height + 1), False)
            return child is None or blob(child["parentHash"]) == block_hash
        except (ChainError, KeyError):
            return False

    def _hash_at(self, watched: _Watched, height: int) -> bytes | None:
        try:
            block = watched.endpoint.request("eth_getBlockByNumber", hex(height), False)
            return None if block is None else blob(block["hash"])
        except RpcRefused:
            return None
        except (ChainError, KeyError) as exc:
            self._set_aside(watched, Standing.UNREACHABLE, str(exc))
            return None

    def _choose(self) -> None:
        usable = [w for w in self._watched if w.health.standing is Standing.ALIVE]
        if all(w.health.standing is Standing.WRONG_CHAIN for w in self._watched):
            raise WrongChain(
                "; ".join(f"{w.endpoint.name}: {w.health.reason}" for w in self._watched)
            )
        if not usable:
            names = ", ".join(f"{w.endpoint.name} ({w.health.standing})" for w in self._watched)
            raise ChainUnavailable(f"No endpoint is usable: {names}.")
        if self._current not in usable:
            self._current = usable[0]
            log.warning("endpoint.switched", endpoint=self._current.endpoint.name)

    def _others(self) -> list[_Watched]:
        return [
            w
            for w in self._watched
            if w is not self._current and w.health.standing is Standing.ALIVE
        ]

    def _is_reachable(self, watched: _Watched) -> bool:
        return watched.health.standing in (Standing.ALIVE, Standing.BEHIND)

    def _set_aside(self, watched: _Watched, standing: Standing, reason: str) -> None:
        watched.health = Health(watched.endpoint.name, standing, reason)
        watched.look_again_at = self._clock() + watched.pause_s
        watched.pause_s = min(watched.pause_s * 2, MAX_PAUSE_S)
        log.warning(
            "endpoint.set_aside",
            endpoint=watched.endpoint.name,
            standing=str(standing),
            reason=reason,
        )


def find_liars(
    votes: Mapping[str, bytes], consistent: set[str], expected: bytes | None
) -> set[str] | None:
    """Return the endpoints that are wrong about a final block; None where nothing shows it. Pure.

    Decided by, in order: the remembered hash, if an endpoint still has it; the endpoints that do
    not contradict themselves, if they agree; the strict majority.

    Args:
        votes: The block hash each endpoint has at one final height.
        consistent: Endpoints whose next block builds on their vote.
        expected: The hash that was final there before, as the oracle remembers it.
    """
    if expected is not None:
        agreeing = {name for name, block_hash in votes.items() if block_hash == expected}
        # no endpoint has it: not one of them lies, the chain itself changed
        return set(votes) - agreeing if agreeing else set()
    truthful = {votes[name] for name in consistent & set(votes)}
    if len(truthful) == 1:
        (truth,) = truthful
        return {name for name, block_hash in votes.items() if block_hash != truth}
    for block_hash in truthful:
        if 2 * sum(vote == block_hash for vote in votes.values()) > len(votes):
            return {name for name, vote in votes.items() if vote != block_hash}
    return None
