"""Which bytes a Range header asks for."""

import pytest

from oracle.api.ranges import RangeNotSatisfiable, parse_range


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-0", range(1)),
        ("bytes=0-99", range(100)),
        ("bytes=10-", range(10, 100)),
        ("bytes=90-1000", range(90, 100)),
        ("bytes=-30", range(70, 100)),
        ("bytes=-1000", range(100)),
        (" Bytes = 5 - 6 ", range(5, 7)),
    ],
)
def test_a_range_is_the_bytes_it_names_ends_included(header: str, part: range) -> None:
    assert parse_range(header, 100) == part


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes=",
        "bytes=-",
        "bytes=7-3",
        "bytes=0-1,5-6",
        "lines=0-1",
        "bytes=a-b",
        "bytes=" + "9" * 5000 + "-",
    ],
)
def test_what_is_no_single_range_is_answered_with_everything(header: str | None) -> None:
    assert parse_range(header, 100) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=500-600", "bytes=-0"])
def test_a_range_behind_the_end_is_refused(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable, match="100 bytes"):
        parse_range(header, 100)
