"""Small rules of the supervisor."""

import pytest
from support.files import FileServer

from oracle.supervisor.spec import MAX_BACKOFF_S, ChildSpec, backoff_s, describe_exit


def test_the_pause_doubles_up_to_a_limit() -> None:
    assert [backoff_s(failures) for failures in (1, 2, 3, 4)] == [0.5, 1, 2, 4]
    assert backoff_s(100) == MAX_BACKOFF_S


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "ended with status 0"),
        (3, "ended with status 3"),
        (-9, "was killed by SIGKILL"),
        (-200, "by signal 200"),
    ],
)
def test_an_exit_status_in_words(status: int, words: str) -> None:
    assert words in describe_exit(status)


def test_a_child_with_a_url_is_ready_when_that_answers_well(file_server: FileServer) -> None:
    good, bad = file_server.put("/ready", b"ok"), file_server.put_status("/bad", 503)
    assert ChildSpec(name="api", argv=("true",), ready=good).is_ready()
    assert not ChildSpec(name="api", argv=("true",), ready=bad).is_ready()
    assert not ChildSpec(name="api", argv=("true",), ready="http://127.0.0.1:1/nobody").is_ready()


def test_a_child_without_a_probe_is_ready_at_once() -> None:
    assert ChildSpec(name="worker", argv=("true",)).is_ready()
