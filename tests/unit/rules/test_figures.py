"""The figures of how often the oracle was wrong, worked out by eye."""

from typing import Any

from oracle.rules.figures import Tally, figures

KIND = {"media_type": "image", "category": "cats", "audience": "to 1 000", "language": "de"}


def decision(post: str, verdict: str, media_type: str = "image") -> tuple[str, dict[str, Any]]:
    return "decision", {"post_id": post, "verdict": verdict, "media_type": media_type}


def ruling(post: str, verdict: str) -> tuple[str, dict[str, Any]]:
    return "ruling", {"post_id": post, "verdict": verdict}


def hold(number: int, status: str) -> tuple[str, dict[str, Any]]:
    return "hold", {"hold": number, "round": 1, "status": status, "subject": "post", **KIND}


def counted(*steps: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    numbered = [(seq, step, facts) for seq, (step, facts) in enumerate(steps, start=1)]
    return figures(numbered).as_dict()


def test_an_accusation_counts_as_false_once_it_does_not_stand() -> None:
    found = counted(
        decision("a", "original"),
        decision("b", "derivative"),
        decision("c", "derivative"),
        ruling("b", "original"),
        decision("d", "undecided"),
        decision("d", "derivative"),  # a review
        decision("e", "original"),
        ruling("e", "derivative"),  # a claim
        decision("f", "original", "audio"),
        ("permission", {"post_id": "a"}),
    )
    assert found["seq"] == 9, "of the steps that count"
    assert found["media"]["image"] == {
        "works": 5,
        "verdicts": {"derivative": 2, "original": 2, "undecided": 1},
        "accused": 4,
        "overturned": 1,
        "missed": 1,
    }
    assert found["media"]["audio"]["works"] == 1


def test_a_verdict_that_comes_back_is_no_false_accusation() -> None:
    found = counted(decision("a", "derivative"), ruling("a", "original"), ruling("a", "derivative"))
    assert (found["media"]["image"]["accused"], found["media"]["image"]["overturned"]) == (1, 0)


def test_a_hold_counts_once_by_how_it_ended() -> None:
    found = counted(
        hold(1, "notified"),
        hold(1, "upheld"),
        hold(1, "expired"),  # the time of a confirmed hold is over
        hold(2, "notified"),
        hold(2, "reversed"),
        hold(3, "notified"),
        hold(3, "expired"),
        hold(4, "notified"),
        ("grade", {"post": "a", "grade": "B", **KIND}),
        ("grade", {"post": "a", "grade": "A", **KIND}),
    )
    for by, name in (("category", "cats"), ("audience", "to 1 000"), ("language", "de")):
        assert found["groups"][by] == {
            name: {"held": 4, "confirmed": 1, "wrong": 1, "undecided": 1, "grades": {"A": 1}}
        }
    assert found["groups"]["subject"] == {
        "post": {"held": 4, "confirmed": 1, "wrong": 1, "undecided": 1, "grades": {}}
    }


def test_a_hold_of_an_account_counts_as_that_and_by_what_is_known_of_it() -> None:
    of = {"hold": 5, "round": 1, "subject": "creator", "audience": "to 1 000", "language": "de"}
    found = counted(("hold", {**of, "status": "notified"}), ("hold", {**of, "status": "reversed"}))
    wrong = {"held": 1, "confirmed": 0, "wrong": 1, "undecided": 0, "grades": {}}
    assert found["groups"] == {
        "subject": {"creator": wrong},
        "category": {},
        "audience": {"to 1 000": wrong},
        "language": {"de": wrong},
    }


def test_steps_that_are_counted_one_by_one_come_to_the_same() -> None:
    steps = [
        (1, *decision("a", "derivative")),
        (2, *hold(1, "upheld")),
        (3, *ruling("a", "original")),
        (4, *hold(1, "expired")),
    ]
    tally = Tally()
    for number, step in enumerate(steps, start=1):
        tally.add(*step)
        assert tally.figures() == figures(steps[:number])
