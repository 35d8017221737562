"""The rules between detectors and money: combining, the life of an alert, thresholds, notices."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from support.pages import assert_says

from oracle.appeals.errors import InvalidEndDate, StepNotPossible
from oracle.fraud import lifecycle
from oracle.fraud import wording as fraud_wording
from oracle.fraud.detectors.combine import Action, combine, decide, independent
from oracle.fraud.detectors.signals import Ground, Signal, SignalName, Subject, SubjectKind
from oracle.fraud.detectors.thresholds import InvalidThresholds, Thresholds
from oracle.fraud.lifecycle import HOLDING, NEXT, Status, Step
from oracle.notices import render, templates, wording
from oracle.notices.errors import MissingFact

LIMITS = Thresholds().combine
POST = Subject(SubjectKind.POST, 1)
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def signal(
    name: SignalName,
    *grounds: Ground,
    score: float = 0.8,
    sure: bool = False,
    subject: Subject = POST,
    events: range = range(0),
    accounts: range = range(0),
    knowing: bool = False,
) -> Signal:
    return Signal(
        name=name,
        subject=subject,
        score=score,
        grounds=frozenset(grounds),
        facts={},
        sentence="Something was seen.",
        first_s=0,
        last_s=1,
        events=np.array(events, np.int64),
        accounts=np.array(accounts, np.int64),
        beyond_doubt=sure,
        knowing=knowing,
    )


TOOLS = signal(SignalName.USER_AGENTS, Ground.SOFTWARE, events=range(90))
TRADED = signal(SignalName.REFERRERS, Ground.SOURCES, events=range(90))
MORE = signal(SignalName.REFERRERS, Ground.SOURCES, events=range(60, 400))
DEVICES = signal(SignalName.SHARED_DEVICES, Ground.DEVICES, events=range(500, 900))
BULK = signal(SignalName.BULK_ACCOUNTS, Ground.NEW_ACCOUNTS, accounts=range(66))
TABLETS = signal(SignalName.SHARED_DEVICES, Ground.DEVICES, accounts=range(20, 90), knowing=True)
SURE = signal(SignalName.SHARED_DEVICES, Ground.DEVICES, sure=True)


@pytest.mark.parametrize(
    ("a", "b", "confirm"),
    [
        (TOOLS, TRADED, False),  # two facts about the same 90 requests
        (TOOLS, MORE, True),  # a third of the smaller
        (TOOLS, DEVICES, True),
        (BULK, TABLETS, False),  # one lesson: mostly the same accounts
        (BULK, DEVICES, True),
        (TOOLS, TOOLS, False),
        (DEVICES, signal(SignalName.ADDRESSES, Ground.DEVICES, events=range(5)), False),
    ],
)
def test_signals_confirm_each_other_only_on_other_events_and_causes(
    a: Signal, b: Signal, confirm: bool
) -> None:
    assert independent(a, b) is confirm
    assert independent(b, a) is confirm


HERS = signal(SignalName.SHARED_DEVICES, Ground.DEVICES, events=range(500, 900), knowing=True)
CREATOR = Subject(SubjectKind.CREATOR, 1)


@pytest.mark.parametrize(
    ("signals", "action"),
    [
        ([TOOLS], Action.WATCH),
        ([SURE], Action.WATCH),  # an enemy fits as well
        ([TOOLS, DEVICES], Action.WATCH),
        ([TOOLS, TRADED, HERS], Action.FREEZE),
        ([signal(SignalName.SHARED_DEVICES, Ground.DEVICES, sure=True, knowing=True)],
         Action.FREEZE),
        ([BULK, TABLETS], Action.WATCH),
        ([HERS], Action.WATCH),
        ([TOOLS, signal(SignalName.SHARED_DEVICES, Ground.DEVICES, score=0.13, knowing=True)],
         Action.WATCH),
        ([signal(SignalName.USER_AGENTS, Ground.SOFTWARE, score=0.05)], None),
        ([], None),
    ],
)  # fmt: skip
def test_what_follows_from_signals(signals: list[Signal], action: Action | None) -> None:
    finding = decide(POST, signals, LIMITS)
    assert (finding.action if finding else None) == action
    gifts = decide(CREATOR, signals, LIMITS)  # of gifts and accounts a person decides
    assert (gifts.action if gifts else None) == (None if action is None else Action.WATCH)


def test_one_cause_counts_once_in_the_score() -> None:
    found = decide(POST, [TOOLS, TRADED], LIMITS)
    assert found is not None
    assert found.score == pytest.approx(0.8)


def test_signals_at_different_posts_do_not_add_up() -> None:
    other = signal(SignalName.SHARED_DEVICES, Ground.DEVICES, subject=Subject(SubjectKind.POST, 2))
    assert [finding.action for finding in combine([HERS, other], LIMITS)] == [
        Action.WATCH,
        Action.WATCH,
    ]


def test_every_hold_can_end_without_anybody() -> None:
    for status in HOLDING:
        assert lifecycle.next_status(status, Step.EXPIRE) is Status.EXPIRED


def test_the_steps_of_an_alert() -> None:
    assert lifecycle.next_status("open", Step.FREEZE) is Status.FROZEN
    assert lifecycle.next_status("upheld", Step.APPEAL) is Status.APPEALED
    # what only does not count can be appealed and decided as well
    assert lifecycle.next_status("open", Step.APPEAL) is Status.APPEALED
    assert lifecycle.next_status("open", Step.UPHOLD) is Status.UPHELD
    for status, step in (("reversed", Step.UPHOLD), ("expired", Step.FREEZE)):
        with pytest.raises(StepNotPossible):
            lifecycle.next_status(status, step)
    assert {status for status, _ in NEXT} == set(Status)


def test_the_end_of_a_hold_is_bounded_as_in_the_contract() -> None:
    lifecycle.check_freeze_end(NOW, NOW + timedelta(days=30))
    lifecycle.check_upheld_end(NOW, NOW - timedelta(days=10), NOW + timedelta(days=170))
    for until in (NOW, NOW + timedelta(days=30, seconds=1)):
        with pytest.raises(InvalidEndDate):
            lifecycle.check_freeze_end(NOW, until)
    for until in (NOW, NOW + timedelta(days=170, seconds=1)):
        with pytest.raises(InvalidEndDate):
            lifecycle.check_upheld_end(NOW, NOW - timedelta(days=10), until)


def test_thresholds_survive_their_document() -> None:
    changed = Thresholds.from_json({"gifting": {"min_circle": 5}, "combine": {"freeze_days": 7}})
    assert (changed.gifting.min_circle, changed.combine.freeze_days, changed.lockstep) == (
        5,
        7,
        Thresholds().lockstep,
    )
    assert Thresholds.from_json(changed.to_json()) == changed


@pytest.mark.parametrize(
    "document",
    [
        {"unheard_of": {}},
        {"unknown": {"unknown": 1}},
        {"addresses": {"min_views": "8"}},
        {"addresses": {"min_views": -1}},
        {"addresses": {"min_views": 1.5}},
        {"addresses": {"min_views": True}},
        {"user_agents": {"min_share": 1.01}},
        {"combine": {"freeze_days": 31}},
        {"combine": {"freeze_days": 0}},
    ],
)
def test_wrong_thresholds_are_refused(document: dict) -> None:
    with pytest.raises(InvalidThresholds):
        Thresholds.from_json(document)


@pytest.mark.parametrize("template", templates.ALL.values(), ids=lambda t: t.kind)
def test_a_letter_without_any_one_of_its_facts_is_not_written(template: templates.Template) -> None:
    facts = {name: f"<{name}>" for name in render.slots(template)}
    notice = render.render(template, facts)
    said = {name for name in facts if f"<{name}>" in notice.subject + notice.body}
    assert said == set(facts) - set(template.technical)
    for name in facts:
        for nothing in (None, "", "  ", [], ["said", ""]):
            with pytest.raises(MissingFact, match=name):
                render.render(template, facts | {name: nothing})
        assert render.render(template, facts | {name: "another"}).sha256 != notice.sha256


def test_the_page_says_the_letters_about_alerts_word_for_word() -> None:
    lines = []
    for letter in (templates.NOT_COUNTED, templates.HOLD, templates.UPHELD, templates.ENDED):
        lines += [f"**{letter.subject}** ({letter.name})", ""]
        lines += [f"> {line}".rstrip() for line in letter.body.strip().splitlines()] + [""]
    assert_says("stories.md", "letters", "\n".join(lines))


@pytest.mark.parametrize("template", templates.ALL.values(), ids=lambda t: t.kind)
def test_letters_name_case_and_reason_and_never_blame(template: templates.Template) -> None:
    assert render.slots(template) & {"case", "appeal", "claim", "proof"}
    assert "violates" not in template.body
    assert "guidelines" not in template.body


@pytest.mark.parametrize(
    ("minor", "text"), [(0, "$0.00"), (5, "$0.05"), (123_456, "$1,234.56"), (-250, "-$2.50")]
)
def test_money_in_words(minor: int, text: str) -> None:
    assert render.money(minor) == text


def test_every_signal_and_ground_has_words() -> None:
    assert set(fraud_wording.RULES) == set(fraud_wording.HINTS) == set(SignalName)
    grounds = {*wording.FRAUD_GROUNDS, *wording.ORIGINALITY_GROUNDS, "copies_mine"}
    assert grounds == set(wording.GROUNDS)
