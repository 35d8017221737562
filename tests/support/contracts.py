"""What most tests of the chain want deployed."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from oracle.chain.contracts import deploy
from oracle.chain.core.deployment import Deployment
from oracle.chain.core.wire import address_bytes, hexed
from oracle.chain.keys.signer import LocalSigner
from support.anvil import AnvilNode
from support.town import Town, make_town

QUORUM_KEYS = [bytes([index]) * 32 for index in (1, 2, 3, 4)]


@dataclass(frozen=True)
class Hub:
    """A hub with its signers, and a consumer contract with somebody who has it ask."""

    deployment: Deployment
    signers: Sequence[LocalSigner]
    asker: LocalSigner
    consumer: bytes


def deploy_hub(anvil: AnvilNode, signers: Sequence[LocalSigner], quorum: int = 1) -> Hub:
    """Deploy every contract. Signers and asker get ether."""
    asker = LocalSigner(os.urandom(32))
    for account in (*signers, asker):
        anvil.call("anvil_setBalance", hexed(account.address), hex(10**20))
    w3 = deploy.connect(anvil.url)
    addresses = sorted(hexed(signer.address) for signer in signers)
    deployment = deploy.deploy(w3, anvil.account(), oracle_signers=addresses, quorum=quorum)
    consumer = deploy.deploy_example_consumer(w3, anvil.account(), deployment.hub)
    return Hub(deployment, signers, asker, address_bytes(consumer))


@dataclass(frozen=True)
class Contracts:
    """A hub with one signer, one with four of whom three must agree, and one with everybody's
    roles.
    """

    hub: Hub
    quorum: Hub
    town: Town

    @classmethod
    def deploy(cls, anvil: AnvilNode) -> Self:
        return cls(
            deploy_hub(anvil, [LocalSigner(os.urandom(32))]),
            deploy_hub(anvil, [LocalSigner(key) for key in QUORUM_KEYS], quorum=3),
            make_town(anvil),
        )
