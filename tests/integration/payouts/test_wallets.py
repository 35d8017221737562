"""A creator known by name gets at the money; each step is followed to its final block."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from starlette.testclient import TestClient
from support.platform import Platform
from support.quarrels import CENTS, UNITS, ChainQuarrel, court_app, make_quarrel
from support.town import DAY_S, Town

from oracle.chain.contracts import governance, payments
from oracle.chain.contracts.consumer import transact
from oracle.chain.contracts.verify import PostStatus
from oracle.chain.core.ids import checksummed, escrow_account
from oracle.chain.core.wire import hexed
from oracle.chain.keys.personal import digest_of
from oracle.chain.keys.signer import LocalSigner
from oracle.payouts import wallets
from storage import api_keys

KEY = b"\x5a" * 32
ADMIN = {"Authorization": "Bearer operator"}


@pytest.fixture
def quarrel(town: Town, platform: Platform) -> ChainQuarrel:
    made = make_quarrel(town, platform)
    made.pay()
    return made


@pytest.fixture
def wallet(town: Town) -> LocalSigner:
    signer = LocalSigner(KEY)
    town.anvil.call("anvil_setBalance", hexed(signer.address), hex(10**20))
    return signer


@pytest.fixture
def client(quarrel: ChainQuarrel, database_dsn: str, tmp_path: Path) -> Iterator[TestClient]:
    with court_app(quarrel, database_dsn, tmp_path) as made:
        yield made


@pytest.fixture
def bob(quarrel: ChainQuarrel) -> dict[str, str]:
    with quarrel.platform.db.transaction() as conn:
        secret = api_keys.issue(conn, "bob", ["read"], creator_id=quarrel.bob)
    return {"Authorization": f"Bearer {secret}"}


def attest(quarrel: ChainQuarrel) -> int:
    """What the node does each round with its key."""
    client = quarrel.town.client
    epoch = client.read("OracleRegistry", client.deployment.oracle_registry, "currentEpoch")

    def sign(link: payments.Link) -> list[bytes]:
        return [quarrel.town.oracle.sign_digest(link.digest(client, int(epoch)))]

    return wallets.attest(quarrel.platform.db, client, sign, quarrel.now)


def statuses(client: TestClient, headers: dict[str, str]) -> list[str]:
    return [link["status"] for link in client.get("/v1/wallets", headers=headers).json()]


def link(quarrel: ChainQuarrel, client: TestClient, headers: dict[str, str]) -> None:
    """From the challenge to the contract's word."""
    account = Account.from_key(KEY)
    asked = client.post("/v1/wallets/challenge", json={"wallet": account.address}, headers=headers)
    message = asked.json()["message"]
    signature = "0x" + bytes(account.sign_message(encode_defunct(text=message)).signature).hex()
    body = {"message": message, "signature": signature}
    assert client.post("/v1/wallets", json=body, headers=headers).status_code == 201
    assert attest(quarrel) == 1
    quarrel.drive(2)
    assert statuses(client, headers) == ["proposed"]
    quarrel.town.wait(2 * DAY_S + 60)
    quarrel.drive(3)
    assert statuses(client, headers) == ["linked"]


def send(quarrel: ChainQuarrel, wallet: LocalSigner, view: dict[str, Any]) -> str:
    """Sign and send as a wallet would."""
    receipt = transact(
        quarrel.town.client,
        wallet,
        bytes.fromhex(view["to"][2:]),
        bytes.fromhex(view["data"][2:]),
        value_wei=int(view["value"], 16),
    )
    return hexed(receipt.tx_hash)


def do(
    quarrel: ChainQuarrel,
    client: TestClient,
    wallet: LocalSigner,
    headers: dict[str, str],
    **wish: Any,
) -> dict[str, Any]:
    """Prepare, sign, send, and follow to the final block."""
    prepared = client.post("/v1/transactions", json=wish, headers=headers)
    assert prepared.status_code == 201, prepared.text
    view = prepared.json()
    assert (view["from"], view["status"]) == (hexed(wallet.address), "prepared")
    path = f"/v1/transactions/{view['id']}"
    tx_hash = send(quarrel, wallet, view)
    said = client.post(f"{path}/sent", json={"tx_hash": tx_hash}, headers=headers)
    assert said.json()["status"] == "sent"
    quarrel.drive(2)
    done: dict[str, Any] = client.get(path, headers=headers).json()
    return done


def test_a_wallet_is_linked_by_its_signature_and_fetches_what_the_name_earned(
    quarrel: ChainQuarrel, client: TestClient, bob: dict[str, str], wallet: LocalSigner
) -> None:
    early = client.post("/v1/transactions", json={"kind": "withdraw"}, headers=bob)
    assert early.json()["code"] == "not_linked"
    link(quarrel, client, bob)
    account = escrow_account("bob")
    assert payments.wallet_of(quarrel.town.client, account) == wallet.address
    own = payments.claimable(quarrel.town.client, account)
    assert own == CENTS * UNITS * 4 // 10
    before = quarrel.town.client.balance_wei(bytes(19) + b"\x99")
    to = hexed(bytes(19) + b"\x99")
    done = do(quarrel, client, wallet, bob, kind="withdraw", to=to)
    assert (done["status"], done["block_number"] is not None) == ("final", True)
    assert payments.claimable(quarrel.town.client, account) == 0
    assert quarrel.town.client.balance_wei(bytes(19) + b"\x99") - before == own


def test_with_it_a_verdict_is_disputed_and_a_tip_given(
    quarrel: ChainQuarrel, client: TestClient, bob: dict[str, str], wallet: LocalSigner
) -> None:
    link(quarrel, client, bob)
    post = hexed(quarrel.post)
    tipped = do(quarrel, client, wallet, bob, kind="tip", post_id=post, amount=1_000)
    assert tipped["status"] == "final"
    missing = client.post(
        "/v1/transactions", json={"kind": "open_dispute", "post_id": post}, headers=bob
    )
    assert missing.json()["code"] == "missing_field"
    done = do(
        quarrel,
        client,
        wallet,
        bob,
        kind="open_dispute",
        post_id=post,
        statement="I have the raw file.",
    )
    assert done["status"] == "final"
    assert quarrel.result().status is PostStatus.DISPUTED
    ((disputed,),) = quarrel.platform.rows(
        "select disputed from post_terms where post_id = %s", quarrel.post
    )
    assert disputed, "the ledger follows"
    (appeal,) = client.get("/v1/appeals", headers=bob).json()["appeals"]
    assert appeal["statement"] == "I have the raw file.", "its hash alone is on chain"
    (said,) = appeal["at_contract"]
    digest = hashlib.sha256(b"I have the raw file.").hexdigest()
    assert (said["event"], said["hash"], said["text"]) == (
        "DisputeOpened",
        "0x" + digest,
        "I have the raw file.",
    )
    assert said["by"] == hexed(wallet.address)


def test_a_signature_that_shows_nothing_links_nothing(
    quarrel: ChainQuarrel, client: TestClient, bob: dict[str, str]
) -> None:
    account, thief = Account.from_key(KEY), Account.from_key(b"\x66" * 32)
    asked = client.post("/v1/wallets/challenge", json={"wallet": account.address}, headers=bob)
    message = asked.json()["message"]

    def attempt(text: str, signer: Any) -> str:
        signature = bytes(signer.sign_message(encode_defunct(text=text)).signature)
        body = {"message": text, "signature": "0x" + signature.hex()}
        return str(client.post("/v1/wallets", json=body, headers=bob).json().get("code"))

    assert attempt(message, thief) == "wrong_proof"
    other = message.replace(account.address, thief.address)
    assert attempt(other, thief) == "wrong_proof", "not the message that was to be signed"
    assert attempt("I am Bob.", account) == "invalid_sign_in_message"
    with quarrel.platform.db.transaction() as conn:
        conn.execute("update wallet_challenges set expires_at = now() - interval '1 s'")
    assert attempt(message, account) == "not_found"
    assert statuses(client, bob) == []
    assert client.post("/v1/wallets/challenge", json={"wallet": account.address}).status_code == 401


def test_a_wallet_that_is_a_contract_says_itself_what_it_signed(
    quarrel: ChainQuarrel, client: TestClient, bob: dict[str, str]
) -> None:
    """It answers for the one digest in its first slot, and reverts for any other."""
    code = "0x6004355f5414600c575f5ffd5b631626ba7e60e01b5f5260205ff3"
    contract, anvil = checksummed(b"\xab" * 20), quarrel.town.anvil
    asked = client.post("/v1/wallets/challenge", json={"wallet": contract}, headers=bob)
    message = asked.json()["message"]
    body = {"message": message, "signature": "0x" + "ab" * 130}
    assert client.post("/v1/wallets", json=body, headers=bob).json()["code"] == "wrong_proof"
    anvil.call("anvil_setCode", contract, code)
    assert client.post("/v1/wallets", json=body, headers=bob).json()["code"] == "wrong_proof"
    slot = hexed(digest_of(message))
    anvil.call("anvil_setStorageAt", contract, "0x" + "00" * 32, slot)
    done = client.post("/v1/wallets", json=body, headers=bob)
    assert done.status_code == 201, done.text
    assert attest(quarrel) == 1


def test_a_platform_vouches_and_a_veto_ends_it(
    quarrel: ChainQuarrel, client: TestClient, bob: dict[str, str], wallet: LocalSigner
) -> None:
    body = {"creator": "bob", "wallet": hexed(wallet.address), "note": "Passport seen, ticket 7."}
    assert client.post("/v1/wallets/word", json=body, headers=bob).status_code == 403
    made = client.post("/v1/wallets/word", json=body, headers=ADMIN)
    assert [each["proof"] for each in made.json()] == ["operator"], made.text
    again = client.post("/v1/wallets/word", json=body, headers=ADMIN)
    assert (again.status_code, again.json()["code"]) == (409, "link_exists")
    attest(quarrel)
    quarrel.drive(2)
    veto = payments.ContractCall(
        "account_links",
        payments.contract("AccountLinks").call_data("veto", hexed(escrow_account("bob"))),
    )
    payments.make(quarrel.town.client, quarrel.town.governor, veto)
    quarrel.drive(2)
    assert statuses(client, bob) == ["vetoed"]
    assert client.post("/v1/wallets/word", json=body, headers=ADMIN).status_code == 201


def test_another_transaction_than_the_prepared_one_is_told_apart(
    quarrel: ChainQuarrel, client: TestClient, bob: dict[str, str], wallet: LocalSigner
) -> None:
    link(quarrel, client, bob)
    view = client.post("/v1/transactions", json={"kind": "withdraw"}, headers=bob).json()
    other = transact(quarrel.town.client, wallet, wallet.address, b"", value_wei=1)
    path = f"/v1/transactions/{view['id']}"
    client.post(f"{path}/sent", json={"tx_hash": hexed(other.tx_hash)}, headers=bob)
    quarrel.drive(1)
    assert client.get(path, headers=bob).json()["status"] == "other"
    right = send(quarrel, wallet, view)
    client.post(f"{path}/sent", json={"tx_hash": right}, headers=bob)
    quarrel.drive(2)
    assert client.get(path, headers=bob).json()["status"] == "final"
    with quarrel.platform.db.transaction() as conn:
        secret = api_keys.issue(conn, "anna", ["read"], creator_id=quarrel.anna)
    anna = {"Authorization": f"Bearer {secret}"}
    assert client.get(path, headers=anna).status_code == 403


# Calls whom the first word names with the rest: as a multisig does once enough have signed.
FORWARD = "0x6020360380602060003760006000826000346000355af115601c57005b60006000fd"
MULTISIG = b"\xad" * 20


def through(quarrel: ChainQuarrel, view: dict[str, Any]) -> str:
    """Have the multisig do it, by a transaction of somebody else's. Returns: its hash."""
    inner = bytes.fromhex(view["to"][2:]).rjust(32, b"\0") + bytes.fromhex(view["data"][2:])
    receipt = transact(quarrel.town.client, quarrel.town.fan, MULTISIG, inner)
    return hexed(receipt.tx_hash)


def act(client: TestClient, **wanted: Any) -> dict[str, Any]:
    answer = client.post("/v1/oversight/transactions", json=wanted, headers=ADMIN)
    assert answer.status_code == 201, answer.text
    view: dict[str, Any] = answer.json()
    assert view["status"] == "prepared"
    return view


def stands(client: TestClient, view: dict[str, Any]) -> str:
    found = client.get(f"/v1/transactions/{view['id']}", headers=ADMIN).json()
    return str(found["status"])


def operation(client: TestClient, name: str) -> str:
    """The one that waits and does this."""
    listed = client.get("/v1/oversight", headers=ADMIN).json()["operations"]
    (found,) = [one["id"] for one in listed if name in one["does"] and one["ended_at"] is None]
    return str(found)


def test_what_a_multisig_does_is_followed_by_the_operation(
    quarrel: ChainQuarrel, client: TestClient
) -> None:
    town, governor = quarrel.town, hexed(quarrel.town.governor.address)
    quarrel.drive(1)  # who holds which role is read from final blocks
    town.anvil.call("anvil_setCode", hexed(MULTISIG), FORWARD)
    # The role comes to it with the delay that the others have, though nobody named one.
    granted = act(client, action="grant_role", role="governance", account=hexed(MULTISIG))
    assert granted["from"] == governor
    transact(
        town.client,
        town.governor,
        bytes.fromhex(granted["to"][2:]),
        bytes.fromhex(granted["data"][2:]),
    )
    quarrel.drive(1)
    assert stands(client, granted) == "final", "nobody said by which hash"
    early = client.post(
        "/v1/oversight/transactions",
        json={"action": "execute", "operation": operation(client, "grantRole")},
        headers=ADMIN,
    )
    assert early.json()["code"] == "not_ready"
    town.wait(7 * DAY_S + 60)
    done = act(client, action="execute", operation=operation(client, "grantRole"))
    tx = send(quarrel, town.governor, done)
    client.post(f"/v1/transactions/{done['id']}/sent", json={"tx_hash": tx}, headers=ADMIN)
    quarrel.drive(1)
    assert stands(client, done) == "final"
    holders = client.get("/v1/oversight", headers=ADMIN).json()["holders"]
    assert [one["delay_s"] for one in holders if one["account"] == hexed(MULTISIG)] == [2 * DAY_S]

    wish = {"action": "threshold", "media_type": "image", "threshold_bps": 9_100}
    again = {**wish, "wallet": hexed(MULTISIG)}
    announced, twice = act(client, **again), act(client, **again)
    words = client.get(
        f"/transactions/{announced['id']}", headers=ADMIN | {"Accept": "text/html"}
    ).text
    assert "schedule(PolicyRegistry.setThreshold(mediaType image, thresholdBps 9100)" in words
    through(quarrel, announced)
    quarrel.drive(1)
    assert stands(client, announced) == "final"
    assert stands(client, twice) == "prepared", "it was done once"
    # Somebody else's transaction of the same kind is none of it.
    other = act(client, **wish | {"threshold_bps": 9_200}, wallet=governor)
    client.post(f"/v1/transactions/{announced['id']}/sent", json={"tx_hash": tx}, headers=ADMIN)
    town.wait(2 * DAY_S + 60)
    executed = act(client, action="execute", operation=operation(client, "thresholdBps 9100"))
    assert executed["from"] == hexed(MULTISIG)
    path = f"/v1/transactions/{executed['id']}/sent"
    wrong = send(quarrel, town.governor, other)
    client.post(path, json={"tx_hash": wrong}, headers=ADMIN)
    quarrel.drive(1)
    assert stands(client, executed) == "other", "it was said by the wrong hash"
    client.post(path, json={"tx_hash": through(quarrel, executed)}, headers=ADMIN)
    quarrel.drive(1)
    assert stands(client, executed) == "final"
    listed = client.get("/v1/oversight", headers=ADMIN).json()["operations"]
    assert [one["status"] for one in listed if "thresholdBps 9100" in one["does"]] == ["executed"]


def test_a_signer_of_an_earlier_set_is_revoked_and_an_unsafe_quorum_is_refused(
    quarrel: ChainQuarrel, client: TestClient
) -> None:
    town = quarrel.town
    quarrel.drive(1)
    old, new = town.oracle.address, [bytes([number]) * 20 for number in (1, 2, 3)]
    named = [hexed(signer) for signer in new]
    for signers, quorum in ((named, 1), (named, 4), ([], 1)):
        refused = client.post(
            "/v1/oversight/transactions",
            json={"action": "set_signers", "signers": signers, "quorum": quorum},
            headers=ADMIN,
        )
        assert (refused.status_code, refused.json()["code"]) == (422, "unsafe_quorum")
    changed = act(client, action="set_signers", signers=named, quorum=2)
    send(quarrel, town.governor, changed)
    quarrel.drive(1)
    town.wait(2 * DAY_S + 60)
    send(
        quarrel,
        town.governor,
        act(client, action="execute", operation=operation(client, "setSigners")),
    )
    quarrel.drive(1)
    oversight = client.get("/v1/oversight", headers=ADMIN).json()
    assert (oversight["signers"], oversight["epoch"]) == (named, 2)
    revoked = act(client, action="revoke_signer", signer=hexed(old))
    send(quarrel, town.governor, revoked)
    registry = town.client.deployment.oracle_registry
    voided = [
        town.client.read("OracleRegistry", registry, "isRevokedEpoch", epoch) for epoch in (1, 2)
    ]
    assert voided == [True, False]
    stranger = client.post(
        "/v1/oversight/transactions",
        json={"action": "revoke_signer", "signer": hexed(b"\x99" * 20)},
        headers=ADMIN,
    )
    assert (stranger.status_code, stranger.json()["code"]) == (422, "field_needed")


def test_whatever_is_announced_can_be_said_in_words(town: Town) -> None:
    manager = town.client.deployment.access_manager
    pause = governance.pause("hub", on=True).call
    for when, words in ((0, "at the earliest time"), (2**48 - 1, "when 281474976710655")):
        call = governance.schedule(town.client, pause, when)
        said = governance.in_words(town.client, manager, call.data)
        assert said == f"AccessManager.schedule(PoCHub.pause(), {words})"
    own = governance.schedule(town.client, call, 1_700_000_000)
    said = governance.in_words(town.client, manager, own.data)
    assert said.startswith("AccessManager.schedule(AccessManager.schedule(target PoCHub, data 0x")
    assert said.endswith("when 2023-11-14 22:13:20 UTC)")
    assert governance.in_words(town.client, manager, b"what") == f"0x77686174 at {manager}"
