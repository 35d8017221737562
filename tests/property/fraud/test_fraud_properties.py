"""What holds for any events, signals and graphs."""

import networkx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from support.economy import Plan, make_economy

from oracle.fraud.detectors import detection
from oracle.fraud.detectors.arrays import components, pairs, wilson_lower_bound
from oracle.fraud.detectors.circles import strong_components
from oracle.fraud.detectors.combine import Action, combine, decide, independent
from oracle.fraud.detectors.events import COLUMNS, Events
from oracle.fraud.detectors.signals import Ground, Signal, SignalName, Subject, SubjectKind
from oracle.fraud.detectors.thresholds import Thresholds
from oracle.fraud.lifecycle import HOLDING, NEXT, Status, Step

LIMITS = Thresholds().combine
DAY = make_economy(
    Plan(
        seed=3,
        creators=120,
        views=6_000,
        viral=3,
        cross_posts=3,
        autoplay=1,
        schools=2,
        whole_schools=1,
        fans=4,
        friends=3,
        charities=1,
        attacks=1,
    )
)
edges = st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)), max_size=40)


@st.composite
def some_signals(draw) -> list[Signal]:
    names = draw(st.lists(st.sampled_from(SignalName), max_size=5))
    return [
        Signal(
            name=name,
            subject=Subject(SubjectKind.POST, draw(st.integers(0, 2))),
            score=draw(st.floats(0, 1)),
            grounds=frozenset(draw(st.sets(st.sampled_from(Ground), min_size=1, max_size=3))),
            facts={},
            sentence="Seen.",
            first_s=0,
            last_s=1,
            events=np.array(sorted(draw(st.sets(st.integers(0, 9), max_size=6))), np.int64),
            beyond_doubt=draw(st.booleans()),
            knowing=draw(st.booleans()),
        )
        for name in names
    ]


@given(some_signals())
def test_money_is_held_only_where_much_agrees_and_the_creator_took_part(
    signals: list[Signal],
) -> None:
    for finding in combine(signals, LIMITS):
        strong = [s for s in finding.signals if s.score >= LIMITS.freeze_score]
        certain = any(s.beyond_doubt for s in strong)
        agree = any(independent(a, b) for a in strong for b in strong)
        knowing = any(s.knowing for s in finding.signals)
        assert (finding.action is Action.FREEZE) == ((certain or agree) and knowing)
        assert 0 <= finding.score <= 1


@given(some_signals())
def test_what_anybody_could_have_sent_never_holds_money(signals: list[Signal]) -> None:
    others = [s for s in signals if not s.knowing]
    assert all(finding.action is Action.WATCH for finding in combine(others, LIMITS))


@given(some_signals(), st.randoms())
def test_the_order_of_signals_is_irrelevant(signals: list[Signal], rng) -> None:
    mixed = rng.sample(signals, len(signals))
    shown = [(f.subject, f.action) for f in combine(signals, LIMITS)]
    assert shown == [(f.subject, f.action) for f in combine(mixed, LIMITS)]


@given(some_signals())
def test_one_more_signal_never_frees_money(signals: list[Signal]) -> None:
    subject = Subject(SubjectKind.POST, 0)
    before = decide(subject, signals[:-1], LIMITS)
    after = decide(subject, signals, LIMITS)
    if before is not None and before.action is Action.FREEZE:
        assert after is not None
        assert after.action is Action.FREEZE


@given(edges)
def test_components_are_those_of_a_graph_library(found: list[tuple[int, int]]) -> None:
    graph = networkx.Graph(found)
    graph.add_nodes_from(range(15))
    left, right = np.array([a for a, _ in found], int), np.array([b for _, b in found], int)
    label = components(left, right, 15)
    expected = {node: min(part) for part in networkx.connected_components(graph) for node in part}
    assert label.tolist() == [expected[node] for node in range(15)]


@given(edges)
def test_circles_are_those_of_a_graph_library(found: list[tuple[int, int]]) -> None:
    expected = {
        frozenset(part)
        for part in networkx.strongly_connected_components(networkx.DiGraph(found))
        if len(part) > 1
    }
    parts = strong_components(
        np.array([a for a, _ in found], int), np.array([b for _, b in found], int)
    )
    assert {frozenset(part.tolist()) for part in parts} == expected
    assert [part.tolist() for part in parts] == sorted(sorted(part) for part in expected)


@given(st.lists(st.tuples(st.integers(-1, 5), st.integers(-1, 5)), max_size=30))
def test_pairs_are_counted(rows: list[tuple[int, int]]) -> None:
    left, right, count = pairs(
        np.array([a for a, _ in rows], int), np.array([b for _, b in rows], int)
    )
    counted = {pair: rows.count(pair) for pair in rows if min(pair) >= 0}
    assert (
        dict(zip(zip(left.tolist(), right.tolist(), strict=True), count.tolist(), strict=True))
        == counted
    )


@given(st.integers(0, 5_000), st.integers(0, 5_000))
def test_a_share_is_never_overstated(part: int, rest: int) -> None:
    low = float(wilson_lower_bound(np.array(part), np.array(part + rest)))
    assert 0 <= low <= part / max(part + rest, 1)
    assert low <= float(wilson_lower_bound(np.array(part + 1), np.array(part + 1 + rest)))


def shown(events: Events) -> set[tuple[str, int, str, str, float]]:
    found = detection.detect(events, Thresholds())
    return {
        (f.subject.kind, f.subject.number, f.action, s.name, round(s.score, 4))
        for f in found
        for s in f.signals
    }


EXPECTED = shown(DAY.events)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_events_is_irrelevant(seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(DAY.events))
    mixed = {name: getattr(DAY.events, name)[order] for name in COLUMNS}
    assert EXPECTED
    assert shown(_with(DAY.events, mixed)) == EXPECTED


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_what_devices_and_addresses_are_called_is_irrelevant(seed: int) -> None:
    rng = np.random.default_rng(seed)
    device = rng.permutation(int(DAY.events.device.max()) + 1).astype(np.int32)
    codes = DAY.events.device
    renamed = {"device": np.where(codes >= 0, device[np.maximum(codes, 0)], -1)}
    assert shown(_with(DAY.events, renamed)) == EXPECTED


@given(st.lists(st.sampled_from(Step), max_size=12))
def test_any_walk_through_the_life_of_an_alert_can_end_with_the_money_free(
    steps: list[Step],
) -> None:
    status = Status.OPEN
    for step in steps:
        status = NEXT.get((status, step), status)
    if status in HOLDING:
        assert NEXT[(status, Step.EXPIRE)] is Status.EXPIRED
        assert NEXT[(status, Step.REVERSE)] is Status.REVERSED


def _with(events: Events, columns: dict[str, np.ndarray]) -> Events:
    fields = {
        name: getattr(events, name) for name in Events.__dataclass_fields__ if name != "_views"
    }
    return Events(**(fields | columns))
