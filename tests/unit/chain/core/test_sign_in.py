"""EIP-4361: what is written is read back to the byte; what is no such message is refused."""

from datetime import UTC, datetime

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from hypothesis import given
from hypothesis import strategies as st

from oracle.chain.core.ids import checksummed
from oracle.chain.core.sign_in import SignInMessage, parse_sign_in
from oracle.chain.errors import InvalidSignature, InvalidSignInMessage
from oracle.chain.keys.personal import signer_of

# The example of the standard.
EXAMPLE = """example.com wants you to sign in with your Ethereum account:
0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2

I accept the ExampleOrg Terms of Service: https://example.com/tos

URI: https://example.com/login
Version: 1
Chain ID: 1
Nonce: 32891756
Issued At: 2021-09-30T16:25:24Z
Resources:
- ipfs://bafybeiemxf5abjwjbikoz4mc3a3dla6ual3jsgpdr4cjr3oz3evfyavhwq/
- https://example.com/my-web2-claim.json"""
WITHOUT_STATEMENT = """example.com wants you to sign in with your Ethereum account:
0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2


URI: https://example.com/login
Version: 1
Chain ID: 1
Nonce: 32891756
Issued At: 2021-09-30T16:25:24Z
Expiration Time: 2021-09-30T17:25:24.5+02:00
Not Before: 2021-09-30T16:00:00Z
Request ID: some-id"""


def test_the_example_of_the_standard() -> None:
    message = parse_sign_in(EXAMPLE)
    assert (message.domain, message.chain_id, message.nonce) == ("example.com", 1, "32891756")
    assert message.statement == "I accept the ExampleOrg Terms of Service: https://example.com/tos"
    assert message.account.hex() == "c02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
    assert message.issued_at == datetime(2021, 9, 30, 16, 25, 24, tzinfo=UTC)
    assert len(message.resources) == 2 and message.expires_at is None


def test_a_message_without_a_statement() -> None:
    message = parse_sign_in(WITHOUT_STATEMENT)
    assert message.statement is None and message.request_id == "some-id"
    assert message.expires_at == datetime(2021, 9, 30, 15, 25, 24, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("0xC02aaA39b", "0xC02aaA39c", "checksum"),
        ("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", "0x" + "ab" * 20, "checksum"),
        ("Version: 1", "Version: 2", "not 1"),
        ("Nonce: 32891756", "Nonce: 3289", "nonce"),
        ("Nonce: 32891756\n", "", "Nonce"),
        ("Chain ID: 1", "Chain ID: one", "no number"),
        ("2021-09-30T16:25:24Z", "2021-09-30", "RFC 3339"),
        ("2021-09-30T16:25:24Z", "2021-13-30T16:25:24Z", "no time"),
        ("wants you to sign in with", "asks you to sign in with", "no sign-in message"),
        ("example.com wants", "exa mple.com wants", "no domain"),
        ("Resources:\n", "Resources:\n* x\n", "does not belong"),
        ("Version: 1\nChain ID: 1\n", "Chain ID: 1\nVersion: 1\n", "out of its place"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, problem: str) -> None:
    assert old in EXAMPLE
    with pytest.raises(InvalidSignInMessage, match=problem):
        parse_sign_in(EXAMPLE.replace(old, new))


words = st.text(st.characters(codec="ascii", exclude_characters="\n\r"), min_size=1, max_size=40)
times = st.datetimes(
    min_value=datetime(2020, 1, 1), max_value=datetime(2040, 1, 1), timezones=st.just(UTC)
).map(lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000))


@given(
    st.binary(min_size=20, max_size=20),
    st.none() | words,
    times,
    st.none() | times,
    st.integers(1, 10**9),
)
def test_what_is_written_is_read_back(
    account: bytes, statement: str | None, at: datetime, expires: datetime | None, chain_id: int
) -> None:
    address = checksummed(account)
    if address in (address.lower(), address.upper()):
        return
    message = SignInMessage(
        domain="oracle.example:8000",
        address=address,
        statement=statement,
        uri="https://oracle.example:8000/v1/wallets",
        chain_id=chain_id,
        nonce="abcdef0123456789",
        issued_at=at,
        expires_at=expires,
    )
    assert parse_sign_in(message.text()) == message


def test_who_signed_it() -> None:
    account = Account.from_key(b"\x07" * 32)
    signature = bytes(account.sign_message(encode_defunct(text=EXAMPLE)).signature)
    assert signer_of(EXAMPLE, signature) == bytes.fromhex(account.address[2:])
    assert signer_of(EXAMPLE + " ", signature) != bytes.fromhex(account.address[2:])
    for wrong in (b"", signature[:-1], bytes(65)):
        with pytest.raises(InvalidSignature):
            signer_of(EXAMPLE, wrong)
