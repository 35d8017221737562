"""The report: strict fields, a stable JSON form, and the digest other EIP-712 libraries compute."""

from typing import Any

import pytest
from eth_account.messages import _hash_eip191_message, encode_typed_data

from embeddings.sniff import MEDIA_TYPES
from oracle.chain.core.report import (
    SOLIDITY_TYPES,
    TYPE,
    MediaType,
    Outcome,
    PoCReport,
    ReportDraft,
    camel_case,
    digest,
    domain_separator,
)
from oracle.chain.errors import InvalidReport

HUB = bytes(range(20))


def draft(**changes: Any) -> ReportDraft:
    values: dict[str, Any] = {
        "request_id": b"\x01" * 32,
        "post_id": b"\x02" * 32,
        "content_hash": b"\x03" * 32,
        "media_type": MediaType.VIDEO,
        "outcome": Outcome.DERIVATIVE,
        "similarity_bps": 9_800,
        "creator": b"\x04" * 20,
        "original_creator": b"\x05" * 20,
        "original_post_id": b"\x06" * 32,
        "evidence_hash": b"\x07" * 32,
        "model_digest": b"\x08" * 32,
        "index_snapshot": b"\x09" * 32,
        "config_version": 3,
    }
    return ReportDraft(**values | changes)


def complete(**changes: Any) -> PoCReport:
    return draft(**changes).complete(
        observed_at=1_790_000_000, valid_until=1_790_003_600, signer_epoch=2
    )


def test_the_type_string_is_the_struct_of_the_contract() -> None:
    assert TYPE == (
        "PoCReport(bytes32 requestId,bytes32 postId,bytes32 contentHash,uint8 mediaType,uint8"
        " outcome,uint16 similarityBps,address creator,address originalCreator,bytes32"
        " originalPostId,bytes32 evidenceHash,bytes32 modelDigest,bytes32 indexSnapshot,uint64"
        " configVersion,uint8 reason,uint64 observedAt,uint64 validUntil,uint64"
        " signerEpoch,address transmitter)"
    )


def test_the_digest_is_the_one_of_eth_account() -> None:
    report = complete()
    fields = [{"name": camel_case(name), "type": kind} for name, kind in SOLIDITY_TYPES.items()]
    domain = [
        ("name", "string"),
        ("version", "string"),
        ("chainId", "uint256"),
        ("verifyingContract", "address"),
    ]
    message = encode_typed_data(
        full_message={
            "types": {
                "EIP712Domain": [{"name": n, "type": t} for n, t in domain],
                "PoCReport": fields,
            },
            "primaryType": "PoCReport",
            "domain": {
                "name": "CreativityOracle",
                "version": "1",
                "chainId": 31_337,
                "verifyingContract": "0x" + HUB.hex(),
            },
            "message": dict(zip(map(camel_case, SOLIDITY_TYPES), report.as_tuple(), strict=True)),
        }
    )
    assert digest(report, 31_337, HUB) == bytes(_hash_eip191_message(message))


def test_the_digest_depends_on_chain_hub_and_every_field() -> None:
    seen = {
        digest(complete(), 31_337, HUB),
        digest(complete(), 1, HUB),
        digest(complete(), 31_337, bytes(20)),
    }
    seen |= {
        digest(complete(similarity_bps=9_801), 31_337, HUB),
        digest(complete(config_version=4), 31_337, HUB),
    }
    assert len(seen) == 5
    assert domain_separator(1, HUB) != domain_separator(2, HUB)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("request_id", b"\x01" * 31),
        ("request_id", b"\x01" * 33),
        ("request_id", "0x" + "01" * 32),
        ("post_id", None),
        ("creator", b"\x04" * 32),
        ("similarity_bps", "9800"),
        ("similarity_bps", 9_800.0),
        ("similarity_bps", True),
        ("similarity_bps", -1),
        ("similarity_bps", 10_001),
        ("media_type", 0),
        ("media_type", 4),
        ("outcome", 0),
        ("outcome", 8),
        ("config_version", 1 << 64),
    ],
)
def test_a_wrong_field_is_refused_before_anything_is_hashed(field: str, value: object) -> None:
    with pytest.raises(InvalidReport):
        draft(**{field: value})


def test_a_draft_survives_json() -> None:
    assert ReportDraft.from_dict(draft().to_dict()) == draft()
    assert PoCReport.from_dict(complete().to_dict()) == complete()


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"post_id": "02" * 32},
        {"post_id": "0x" + "0g" * 32},
        {"creator": "0x" + " " * 40},
        {"outcome": "2"},
    ],
)
def test_json_that_is_not_exactly_a_draft_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InvalidReport):
        ReportDraft.from_dict(draft().to_dict() | change)


def test_a_missing_field_is_refused() -> None:
    data = draft().to_dict()
    del data["evidence_hash"]
    with pytest.raises(InvalidReport, match="missing \\['evidence_hash'\\]"):
        ReportDraft.from_dict(data)


def test_media_types_have_the_names_used_off_chain() -> None:
    assert [MediaType.of(label) for label in MEDIA_TYPES] == [1, 2, 3]
    assert MediaType.AUDIO.label == "audio"
    with pytest.raises(InvalidReport):
        MediaType.of("text")
