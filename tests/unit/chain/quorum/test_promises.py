"""What a signer promised to sign: one conclusion at a time, and never for long to the same peer."""

from oracle.chain.core.report import ZERO_ADDRESS, ZERO_HASH, MediaType, Outcome, PoCReport
from oracle.chain.quorum.promises import Promises

ANN, BEN, LIAR = (bytes([index]) * 20 for index in (1, 2, 3))


def report(similarity_bps: int, *, request: int = 1, valid_until: int = 100) -> PoCReport:
    return PoCReport(
        request_id=bytes([request]) * 32,
        post_id=b"\x02" * 32,
        content_hash=b"\x03" * 32,
        media_type=MediaType.IMAGE,
        outcome=Outcome.ORIGINAL,
        similarity_bps=similarity_bps,
        creator=b"\x04" * 20,
        original_creator=ZERO_ADDRESS,
        original_post_id=ZERO_HASH,
        evidence_hash=b"\x07" * 32,
        model_digest=b"\x08" * 32,
        index_snapshot=ZERO_HASH,
        config_version=1,
        observed_at=1,
        valid_until=valid_until,
        signer_epoch=1,
    )


def test_two_conclusions_are_not_promised_at_once() -> None:
    promises = Promises(6)
    assert promises.make(ANN, report(1), 0)
    assert not promises.make(BEN, report(2), 5.9)
    assert promises.make(BEN, report(2), 6)
    assert not promises.make(ANN, report(1), 7)


def test_the_same_conclusion_with_another_date_is_no_other() -> None:
    promises = Promises(6)
    assert promises.make(ANN, report(1), 0)
    assert promises.make(BEN, report(1, valid_until=200), 1)


def test_one_request_says_nothing_of_another() -> None:
    promises = Promises(6)
    assert promises.make(ANN, report(1), 0)
    assert promises.make(BEN, report(2, request=2), 0)


def test_a_collector_that_knows_more_now_may_ask_for_something_else() -> None:
    promises = Promises(6)
    assert promises.make(ANN, report(1), 0)
    assert promises.make(ANN, report(2), 1)
    assert not promises.make(BEN, report(1), 2)
    assert promises.make(BEN, report(2), 2)
    assert promises.make(BEN, report(1), 6), "asked again it lasts no longer"


def test_a_liar_that_asks_all_the_time_holds_a_request_up_for_a_sixth_of_it() -> None:
    promises = Promises(6)
    refused = 0
    for second in range(360):
        promises.make(LIAR, report(9), second)
        refused += not promises.make(ANN, report(1), second + 0.5)
    assert refused <= 60
