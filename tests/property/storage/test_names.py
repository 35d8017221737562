"""The canonical form of a name: idempotent, the same for all that people take for the same."""

import unicodedata

from hypothesis import given
from hypothesis.strategies import characters, sampled_from, text

from storage.names import canonical, is_name, plain, skeletons

ANY = text(characters(), max_size=20)
NAMES = text(
    characters(categories=["L", "N"]) | sampled_from("._@:+-'\u2019 \u0307\u200b\u0301\ufe0f"),
    max_size=20,
)
UNSEEN = sampled_from(["", "@", " ", "\u200b", "\u2060", "\ufeff", "\u00ad", "\ufe0f", "\u034f"])


@given(ANY | NAMES)
def test_the_canonical_form_is_its_own(name: str) -> None:
    once = canonical(name)
    assert canonical(once) == once
    assert unicodedata.is_normalized("NFKC", once)


@given(ANY | NAMES)
def test_what_is_shown_is_the_same_name(name: str) -> None:
    assert plain(plain(name)) == plain(name)
    assert canonical(plain(name)) == canonical(name)


@given(NAMES, UNSEEN, UNSEEN)
def test_what_nobody_sees_changes_nothing(name: str, before: str, after: str) -> None:
    assert canonical(before + name + after.replace("@", "")) == canonical(name)


@given(text(characters(categories=["Lu", "Ll"]), max_size=20))
def test_case_and_composition_change_nothing(name: str) -> None:
    folded = canonical(name)
    assert canonical(unicodedata.normalize("NFD", name)) == folded
    assert canonical(unicodedata.normalize("NFKD", name)) == folded
    assert canonical(name.casefold()) == folded


@given(NAMES)
def test_a_name_is_read_alike_in_all_spellings(name: str) -> None:
    shared = set(skeletons(name)) & set(skeletons("@" + canonical(name)))
    assert shared and len(skeletons(name)) <= 3


@given(NAMES)
def test_a_name_holds_nothing_that_a_database_or_a_log_refuses(name: str) -> None:
    if is_name(canonical(name)):
        canonical(name).encode()
        assert all(unicodedata.category(char)[0] in "LNMPSZ" for char in canonical(name))
