"""When a reference looks bad."""

import pytest

from oracle.rules.quarantine import is_alarming


@pytest.mark.parametrize(
    ("creators", "limit", "alarms"),
    [(0, 20, False), (19, 20, False), (20, 20, True), (500, 20, True), (500, 0, False)],
)
def test_many_copyists_at_once_raise_an_alarm(creators: int, limit: int, alarms: bool) -> None:
    assert is_alarming(creators, limit) is alarms
