"""The addresses of one deployment's contracts, and their compiled code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from importlib.resources import files
from typing import Any

from eth_utils.address import is_address

from oracle.chain.errors import NotDeployed


@dataclass(frozen=True)
class Artifact:
    """A compiled contract as shipped with the package."""

    abi: list[dict[str, Any]]
    bytecode: str  # creation code, 0x-hex


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """Addresses of one deployment, as 0x-hex with checksum."""

    chain_id: int
    hub: str
    oracle_registry: str
    post_registry: str
    policy: str
    access_manager: str
    redirect_math: str
    account_links: str
    fraud_guard: str
    revenue_splitter: str
    token_pool: str
    disputes: str
    bonus_vault: str
    platforms: str
    result_roots: str
    block_number: int  # first block that can hold an event of ours
    block_hash: str  # 0x-hex, 32 bytes

    def to_json(self) -> str:
        """Write one JSON object, readable by `from_json`."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Deployment:
        """Read what `to_json` wrote. Raises: NotDeployed if the text is something else."""
        try:
            document = json.loads(text)
            missing = [field.name for field in fields(cls) if field.name not in document]
            if missing and "hub" in document:
                raise NotDeployed(
                    "The deployment file is of an older version of the contracts: it lacks"
                    f" {', '.join(missing)}. Deploy again with `oracle deploy`, or, for an"
                    " embedded chain, move the data folder away."
                )
            deployment = cls(**{field.name: document[field.name] for field in fields(cls)})
        except (ValueError, KeyError, TypeError) as exc:
            raise NotDeployed(
                "This is no deployment file. Write one with `oracle deploy`."
            ) from exc
        addresses = deployment.addresses()
        wrong = [name for name, address in addresses.items() if not is_address(address)]
        if (
            wrong
            or not isinstance(deployment.chain_id, int)
            or not isinstance(deployment.block_number, int)
        ):
            raise NotDeployed(
                f"The deployment file is damaged ({', '.join(wrong) or 'a number is text'})."
            )
        return deployment

    def addresses(self) -> Mapping[str, str]:
        """Return the contracts' addresses by field name."""
        numbers = ("chain_id", "block_number", "block_hash")
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in numbers
        }


@cache
def load_artifact(name: str) -> Artifact:
    """Load a contract by its Solidity name. Raises: FileNotFoundError if it is not shipped."""
    document = json.loads(files("oracle.chain").joinpath("abi", f"{name}.json").read_text())
    return Artifact(abi=document["abi"], bytecode=document["bytecode"])
