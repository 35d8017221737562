"""Names of creators: spellings, look-alikes and disguises, by vectors."""

import json
from pathlib import Path

import pytest

from storage.names import canonical, is_name, mixed_scripts, plain, skeletons

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "names.json").read_text())


@pytest.mark.parametrize("vector", VECTORS["spellings"], ids=lambda vector: vector["canonical"])
def test_all_spellings_are_one_name(vector: dict[str, list[str]]) -> None:
    assert {canonical(text) for text in vector["spellings"]} == {vector["canonical"]}
    assert is_name(vector["canonical"])  # type: ignore[arg-type]


@pytest.mark.parametrize("text", VECTORS["refused"], ids=ascii)
def test_what_is_no_name(text: str) -> None:
    assert not is_name(canonical(text))


@pytest.mark.parametrize("pair", VECTORS["look_alikes"], ids="-".join)
def test_look_alikes_are_read_as_the_same(pair: list[str]) -> None:
    one, other = pair
    assert canonical(one) != canonical(other)
    assert set(skeletons(one)) & set(skeletons(other))


@pytest.mark.parametrize("pair", VECTORS["told_apart"], ids="-".join)
def test_people_tell_them_apart(pair: list[str]) -> None:
    one, other = pair
    assert not set(skeletons(one)) & set(skeletons(other))


@pytest.mark.parametrize("vector", VECTORS["mixed_scripts"], ids=lambda vector: vector["name"])
def test_scripts_that_are_not_written_together(vector: dict[str, list[str]]) -> None:
    assert mixed_scripts(vector["name"]) == vector["scripts"]  # type: ignore[arg-type]


def test_a_name_is_shown_as_it_was_written() -> None:
    assert plain("@Al\u200bIce ") == "AlIce"
