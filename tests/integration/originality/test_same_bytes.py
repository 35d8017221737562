"""Who posts the very same file is judged without comparing anything that cannot matter."""

import json
from collections.abc import Callable
from typing import Any

from starlette.testclient import TestClient
from support.photos import edited, photo

Post = Callable[..., dict[str, Any]]


def matches(client: TestClient, analysis: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(client.get(analysis["links"]["evidence"]).content)[
        "matches"
    ]
    return found


def test_the_same_file_is_its_own_proof_and_later_works_are_not_compared(
    post: Post, client: TestClient
) -> None:
    first = post(photo("cat"), "alice")
    post(edited(photo("cat"), "cropped"), "bob")
    for number in range(3):
        again = post(photo("cat"), f"carol{number}")
        assert again["verdict"] == "derivative"
        assert again["original"]["creator"] == "alice"
        found = matches(client, again)
        assert again["original"]["work_id"] == first["work"]["id"]
        assert all(match["same_file"] for match in found), "the cropped copy came later"


def test_what_the_same_file_was_taken_from_is_still_compared(
    post: Post, client: TestClient
) -> None:
    author = post(photo("cat"), "alice")
    copy = edited(photo("cat"), "captioned")
    post(copy, "bob")
    third = post(copy, "carol")
    assert third["verdict"] == "derivative"
    assert third["original"]["creator"] == "alice"
    by_work = {match["work"]["id"]: match for match in matches(client, third)}
    assert by_work[author["work"]["id"]]["verified"]
    assert not by_work[author["work"]["id"]].get("same_file")
