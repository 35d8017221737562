"""What callers of the API share, and what names a key may have."""

import asyncio

import pytest
from pydantic import ValidationError

from oracle.api.probe import Probe
from oracle.api.routes.keys import NewKey


def test_a_look_is_shared_for_a_while() -> None:
    looks: list[int] = []

    def look() -> int:
        looks.append(1)
        return len(looks)

    async def ask(probe: Probe[int]) -> list[int | None]:
        return [await probe(look), await probe(look)]

    assert asyncio.run(ask(Probe(keep_s=60.0))) == [1, 1]
    assert asyncio.run(ask(Probe())) == [2, 3]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/"])
def test_names_that_no_path_has(name: str) -> None:
    with pytest.raises(ValidationError):
        NewKey(name=name, scopes=["read"])


@pytest.mark.parametrize("name", ["a", ".a", "..a", "...", "alice's phone", "a.b"])
def test_names_that_a_path_has(name: str) -> None:
    assert NewKey(name=name, scopes=["read"]).name == name
