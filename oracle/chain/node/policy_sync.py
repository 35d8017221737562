"""Copy the contract's policy into the database by version, so that old decisions keep old rules."""

import structlog

from oracle.chain.core.report import MediaType
from oracle.chain.core.reverts import ContractReverted
from oracle.chain.core.wire import BlockId, Header
from oracle.chain.errors import EndpointInconsistent, RpcRefused
from oracle.chain.rpc.client import ChainClient
from storage.database import Database
from storage.works import policies
from storage.works.policies import Policy, PolicyTerms

log = structlog.get_logger(__name__)


def read_terms(client: ChainClient, version: int, *, block: BlockId = "latest") -> PolicyTerms:
    """Read the terms of a version. Raises: ContractReverted (UnknownConfigVersion), ChainError."""
    terms = client.read_struct(
        "PolicyRegistry", client.deployment.policy, "termsAt", version, block=block
    )
    return PolicyTerms(
        version=version,
        grade_cutoffs_bps=(
            terms["gradeABps"],
            terms["gradeBBps"],
            terms["gradeCBps"],
            terms["gradeDBps"],
        ),
        request_timeout_s=terms["requestTimeout"],
        dispute_window_s=terms["disputeWindow"],
        fee_wei=terms["feeWei"],
        bond_wei=terms["bondWei"],
    )


class PolicySync:
    """Reads versions the database lacks; unfinalized ones are read again until they are final."""

    def __init__(self, db: Database, client: ChainClient) -> None:
        self._db = db
        self._client = client
        self._address = client.deployment.policy
        self._read_at: bytes | None = None

    def sync(self, head: Header, finalized: Header) -> None:
        """Bring the table up to the policy at the head. Raises: ChainError, DatabaseUnavailable."""
        if head.hash == self._read_at:
            return
        current = self._current(head)
        with self._db.transaction() as conn:
            last_final = policies.last_final(conn)
        final = current if current == last_final else self._final_version(finalized, last_final)
        for version in range(last_final + 1, current + 1):
            self._record(version, head, final=version <= final)
        with self._db.transaction() as conn:
            policies.withdraw(conn, current)
        self._read_at = head.hash

    def _final_version(self, finalized: Header, last_final: int) -> int:
        """Return the newest version at the finalized block: no reorg changes it or older ones."""
        try:
            return max(last_final, self._current(finalized))
        except (RpcRefused, ContractReverted, EndpointInconsistent):
            # That block's state is pruned, or older than the contract: a later block will answer.
            return last_final

    def _record(self, version: int, head: Header, *, final: bool) -> None:
        terms = read_terms(self._client, version, block=head.number)
        with self._db.transaction() as conn:
            policies.record_terms(conn, terms, block_number=head.number, final=final)
            for media_type in MediaType:
                threshold_bps, base_redirect_bps = self._client.read(
                    "PolicyRegistry",
                    self._address,
                    "policyAt",
                    version,
                    int(media_type),
                    block=head.number,
                )
                policy = Policy(version, media_type.label, threshold_bps, base_redirect_bps)
                policies.record(conn, policy, block_number=head.number, final=final)
        log.info("policy.read", version=version, final=final, block=head.number)

    def _current(self, block: Header) -> int:
        return int(
            self._client.read("PolicyRegistry", self._address, "currentVersion", block=block.number)
        )
