"""Who is wrong about a final block, told by votes, by self-contradiction, and by memory."""

import pytest

from oracle.chain.rpc.endpoints import find_liars

TRUE, FALSE, OTHER = b"\x01" * 32, b"\x02" * 32, b"\x03" * 32

CASES = {
    "memory against one": ({"a": TRUE, "b": FALSE}, {"a", "b"}, TRUE, {"b"}),
    "memory against two": ({"a": TRUE, "b": FALSE, "c": FALSE}, {"a", "b", "c"}, TRUE, {"b", "c"}),
    "all say another thing than memory: no lie of one": (
        {"a": FALSE, "b": FALSE},
        {"a", "b"},
        TRUE,
        set(),
    ),
    "one contradicts itself": ({"a": TRUE, "b": FALSE}, {"a"}, None, {"b"}),
    "the majority": ({"a": TRUE, "b": TRUE, "c": FALSE}, {"a", "b", "c"}, None, {"c"}),
    "two against each other": ({"a": TRUE, "b": FALSE}, {"a", "b"}, None, None),
    "three different": ({"a": TRUE, "b": FALSE, "c": OTHER}, {"a", "b", "c"}, None, None),
    "all contradict themselves": ({"a": TRUE, "b": FALSE}, set(), None, None),
}


@pytest.mark.parametrize("case", CASES)
def test_judge(case: str) -> None:
    votes, consistent, expected, liars = CASES[case]
    assert find_liars(votes, consistent, expected) == liars
