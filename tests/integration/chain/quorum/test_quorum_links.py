"""Several oracles attest whose wallet it is: each what it was shown itself."""

from datetime import UTC, datetime, timedelta

from integration.chain.quorum_world import Member, Quorum

from oracle.chain.contracts import payments
from oracle.chain.core.ids import escrow_account
from oracle.payouts import wallets
from storage.ledger import wallets as stored
from storage.works import creators

WALLET, OTHER = b"\x5a" * 20, b"\x6b" * 20


def show(member: Member, wallet: bytes) -> None:
    """Alice shows an oracle whose wallet it is."""
    with member.world.db.transaction() as conn:
        alice = creators.ensure_creator(
            conn, "alice", escrow_account("alice"), False, account_name="alice"
        )
        wallets.link_by_word(
            conn,
            alice.id,
            wallet,
            proof="operator",
            note="Seen in person.",
            actor="operator",
            now=datetime.now(UTC),
        )


def attest(member: Member, now: datetime) -> tuple[int, str, str | None]:
    assert member.node is not None
    world = member.world
    attested = wallets.attest(world.db, world.client, member.node.attest_link, now)
    with world.db.transaction() as conn:
        link = stored.find_open_link(conn, escrow_account("alice"))
    assert link is not None
    return attested, link.status, link.error


def test_a_link_takes_as_many_oracles_as_a_report(four: Quorum) -> None:
    four.start(0, 1, 2)
    first, now = four.members[0], datetime.now(UTC)
    show(first, WALLET)
    show(four.members[1], WALLET)
    show(four.members[2], OTHER)
    assert attest(first, now) == (0, "claimed", "quorum_signs"), "two of three"
    four.start(3)
    show(four.members[3], WALLET)
    assert attest(first, now)[0] == 0, "asked again after a while"
    assert attest(first, now + timedelta(minutes=11)) == (1, "attesting", None)
    client = first.world.client
    for _ in range(8):
        four.step()
    pending = client.read_struct(
        "AccountLinks",
        client.deployment.account_links,
        "pendingOf",
        "0x" + escrow_account("alice").hex(),
    )
    assert bytes.fromhex(pending["wallet"][2:]) == WALLET


def test_what_makes_no_sense_is_attested_by_nobody(four: Quorum) -> None:
    four.start(0, 1, 2, 3)
    for member in four.members:
        show(member, WALLET)
    node = four.members[0].node
    assert node is not None
    account, until = escrow_account("alice"), int(datetime.now(UTC).timestamp()) + 3_600
    assert node.attest_link(payments.Link(account, WALLET, until)) is not None
    for link in (
        payments.Link(account, OTHER, until),
        payments.Link(escrow_account("bob"), WALLET, until),
        payments.Link(account, WALLET, until + 10 * 86_400),
        payments.Link(account, WALLET, until - 2 * 3_600),
    ):
        assert node.attest_link(link) is None
