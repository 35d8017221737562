"""Which account the embedded Postgres runs as."""

import os
from pathlib import Path

import pytest

from storage.embedded import ClosedFolder, account
from storage.embedded.account import Account, choose_account

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root has a choice of accounts")


def test_our_own_account_needs_no_wrapper() -> None:
    assert Account(os.geteuid(), os.getegid()).command(["postgres"]) == ["postgres"]


def test_another_account_drops_every_right() -> None:
    command = Account(os.geteuid() + 1, 7).command(["postgres"])
    assert command[0] == "setpriv" and command[-1] == "postgres"
    assert "--inh-caps=-all" in command and not any("ambient" in word for word in command)


def test_behind_a_closed_folder_it_keeps_the_right_to_pass_and_no_other() -> None:
    command = Account(os.geteuid() + 1, 7, "dac_read_search").command(["postgres"])
    assert [word for word in command if "caps" in word or "bounding" in word] == [
        "--bounding-set=-all,+dac_read_search",
        "--inh-caps=-all,+dac_read_search",
        "--ambient-caps=-all,+dac_read_search",
    ]


@root_only
def test_root_runs_it_as_the_owner_of_the_data(tmp_path: Path) -> None:
    os.chown(tmp_path, 4242, 4343)
    chosen = choose_account(tmp_path, must_reach=(Path("/usr"),))
    assert chosen == Account(4242, 4343)


@root_only
def test_root_keeps_the_right_to_pass_only_if_a_folder_is_closed(tmp_path: Path) -> None:
    closed = tmp_path / "closed" / "inside"
    closed.mkdir(parents=True)
    closed.parent.chmod(0o700)
    assert choose_account(tmp_path / "new", must_reach=(Path("/usr"),)).passage is None
    assert choose_account(tmp_path / "new", must_reach=(closed,)).passage in {
        "dac_read_search",
        "dac_override",
    }


@root_only
def test_a_closed_folder_without_that_right_is_reported_with_ways_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setattr(account, "PASSAGE_CAPABILITIES", ())  # as in a container that grants none
    with pytest.raises(ClosedFolder, match=r"cannot pass .*chmod o\+x"):
        choose_account(tmp_path / "new", must_reach=(tmp_path,))
