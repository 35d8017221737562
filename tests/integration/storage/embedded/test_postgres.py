"""The embedded Postgres under the treatment it will get."""

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from support.waiting import wait_for

from storage.embedded import (
    EmbeddedPostgres,
    ForeignDataFolder,
    ServerStartFailed,
    ServerStartTimeout,
)
from storage.embedded.cluster import Cluster
from storage.embedded.postmaster import find_postmaster

USER = [sys.executable, str(Path(__file__).with_name("postgres_user.py"))]
SMALL = {"shared_buffers": "32MB", "max_connections": "20"}


def postmaster_pid(folder: Path) -> int:
    postmaster = find_postmaster(Cluster(folder))
    assert postmaster is not None
    return postmaster.pid


def keeper_pids(folder: Path) -> list[int]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if "storage.embedded" in process.cmdline() and str(folder) in process.cmdline():
                found.append(process.pid)
    return found


def is_dead(pid: int) -> bool:
    """Whether a process is gone for good: one that is ending has lost its command line, and
    still holds its locks.
    """
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def server_processes(folder: Path) -> list[int]:
    found = keeper_pids(folder)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if (
                process.status() != psutil.STATUS_ZOMBIE
                and Path(process.cwd()) == folder / "pgdata"
            ):
                found.append(process.pid)
    return found


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stopped cluster to copy, since making one takes seconds."""
    folder = tmp_path_factory.mktemp("pristine") / "pg"
    with EmbeddedPostgres(folder, settings=SMALL):
        pass
    return folder


@pytest.fixture
def folder(pristine: Path, tmp_path: Path) -> Iterator[Path]:
    copy = tmp_path / "pg"
    subprocess.run(["cp", "-a", str(pristine), str(copy)], check=True)
    yield copy
    for pid in server_processes(copy):  # what a failed test may have left
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(folder, settings=SMALL) as running:
        yield running


def fill(dsn: str, rows: int = 1000) -> None:
    with psycopg.connect(dsn) as conn:
        conn.execute("create table if not exists kept (n int)")
        conn.execute("insert into kept select generate_series(1, %s)", (rows,))


def count(dsn: str) -> int:
    with psycopg.connect(dsn) as conn:
        row = conn.execute("select count(*) from kept").fetchone()
    assert row is not None
    return int(row[0])


def test_it_is_postgres_18_with_pgvector_on_a_private_socket(
    server: EmbeddedPostgres, folder: Path
) -> None:
    with psycopg.connect(server.dsn) as conn:
        assert conn.info.server_version >= 180_000
        conn.execute("create extension vector")
        assert conn.execute("select '[1,2]'::vector <-> '[1,5]'").fetchone() == (3.0,)
        for name, value in {
            "data_checksums": "on",
            "listen_addresses": "",
            "server_encoding": "UTF8",
        }.items():
            assert conn.execute(f"show {name}").fetchone() == (value,)
        assert conn.execute("select lower('ÄÖ'), 'a' < 'B'").fetchone() == ("äö", False)  # C.UTF-8
    assert stat.S_IMODE((folder / "run").stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "pgdata").stat().st_mode) == 0o700


def test_a_stop_and_a_start_keep_the_data_and_leave_nothing_running(folder: Path) -> None:
    server = EmbeddedPostgres(folder, settings=SMALL)
    first = server.start()
    fill(first)
    assert server.stop()
    assert not server.is_running()
    assert server_processes(folder) == []
    assert server.start() == first
    assert count(first) == 1000
    assert server.stop()


def test_a_killed_server_comes_back_with_all_that_was_committed(
    server: EmbeddedPostgres, folder: Path
) -> None:
    fill(server.dsn)
    before = postmaster_pid(folder)
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: server.is_running() and postmaster_pid(folder) != before)
    assert count(server.dsn) == 1000


@pytest.mark.parametrize("other_process", [False, True], ids=["same process", "another process"])
def test_the_next_start_heals_when_server_and_keeper_were_killed(
    server: EmbeddedPostgres, folder: Path, other_process: bool
) -> None:
    fill(server.dsn)
    before = postmaster_pid(folder)
    for pid in (*keeper_pids(folder), before):
        os.kill(pid, signal.SIGKILL)
    if other_process:
        subprocess.run([*USER, str(folder), "once"], check=True, timeout=60)
    else:
        server.start()
    assert postmaster_pid(folder) != before
    assert count(server.dsn) == 1000


def test_the_next_start_takes_over_from_a_killed_keeper(
    server: EmbeddedPostgres, folder: Path
) -> None:
    before = postmaster_pid(folder)
    [keeper] = keeper_pids(folder)
    os.kill(keeper, signal.SIGKILL)
    wait_for(lambda: is_dead(keeper))
    server.start()
    assert postmaster_pid(folder) == before
    os.kill(before, signal.SIGKILL)  # the new keeper is not its parent, and notices all the same
    wait_for(lambda: server.is_running() and postmaster_pid(folder) != before)


def test_a_backend_without_a_parent_does_not_block_the_next_start(
    server: EmbeddedPostgres, folder: Path
) -> None:
    conn = psycopg.connect(server.dsn, autocommit=True)
    busy = conn.info.backend_pid
    conn.pgconn.send_query(b"do $$ begin loop end loop; end $$")  # never looks up from its work
    wait_for(lambda: psutil.Process(busy).cpu_percent(0.05) > 1)
    before = postmaster_pid(folder)
    for pid in (*keeper_pids(folder), before):
        os.kill(pid, signal.SIGKILL)
    assert busy in server_processes(folder)
    server.start()
    assert postmaster_pid(folder) != before
    assert busy not in server_processes(folder)
    conn.close()


def test_a_pid_file_that_names_a_stranger_does_not_block_the_start(folder: Path) -> None:
    pid_file = folder / "pgdata" / "postmaster.pid"
    pid_file.write_text(
        f"{os.getpid()}\n{folder}/pgdata\n1\n5432\n{folder}/run\n\n  1 1\nready   \n"
    )
    os.chown(pid_file, (folder / "pgdata").stat().st_uid, -1)
    server = EmbeddedPostgres(folder, settings=SMALL)
    assert not server.is_running()
    with psycopg.connect(server.start()) as conn:
        conn.execute("select 1")
    server.stop()


def test_four_processes_that_race_for_a_new_folder_get_one_server(tmp_path: Path) -> None:
    folder = tmp_path / "raced"
    racers = [
        subprocess.Popen(
            [*USER, str(folder), "hold"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    said = [racer.communicate("go on\n", timeout=120)[0] for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0, 0, 0]
    assert len({lines.splitlines()[-1] for lines in said}) == 1  # when the server was born
    assert server_processes(folder) == []


def test_the_server_outlives_each_user_but_the_last(server: EmbeddedPostgres, folder: Path) -> None:
    other = subprocess.Popen(
        [*USER, str(folder), "hold"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None and other.stdout.readline()
    assert server.stop() is False
    assert server.is_running()
    other.kill()  # a user that cannot say goodbye
    other.communicate()
    wait_for(lambda: server_processes(folder) == [])


def test_a_ctrl_c_in_the_terminal_does_not_reach_the_server(folder: Path) -> None:
    user = subprocess.Popen(
        [*USER, str(folder), "hold"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert user.stdout is not None and user.stdout.readline()
    assert {os.getsid(pid) for pid in server_processes(folder)}.isdisjoint({user.pid})
    user.kill()
    user.communicate()
    wait_for(lambda: server_processes(folder) == [])


def test_a_replay_longer_than_the_limit_says_so_and_goes_on(folder: Path) -> None:
    slow = {**SMALL, "max_wal_size": "4GB", "checkpoint_timeout": "1d"}
    server = EmbeddedPostgres(folder, settings=slow)
    fill(server.start())
    for _ in range(4):
        fill(server.dsn, 250_000)
    for pid in (*keeper_pids(folder), postmaster_pid(folder)):
        os.kill(pid, signal.SIGKILL)
    impatient = EmbeddedPostgres(folder, start_timeout_s=0.3, settings=slow)
    with pytest.raises(ServerStartTimeout, match="still starting"):
        impatient.start()
    assert count(server.start()) == 1_001_000
    impatient.stop()
    assert server.stop()


def test_settings_that_postgres_refuses_are_reported_with_its_own_words(folder: Path) -> None:
    server = EmbeddedPostgres(folder, settings={"shared_buffers": "much"})
    with pytest.raises(
        ServerStartFailed, match='invalid value for parameter "shared_buffers": "much"'
    ):
        server.start()
    server.stop()


def test_a_path_too_long_for_a_socket_gets_a_short_socket_folder(
    folder: Path, tmp_path: Path
) -> None:
    far = tmp_path / ("long" * 20) / ("longer" * 15)
    far.parent.mkdir(parents=True)
    folder.rename(far)
    with EmbeddedPostgres(far, settings=SMALL) as server:
        first = server.dsn
        socket_folder = Path((far / "socket_folder").read_text())
        assert stat.S_IMODE(socket_folder.stat().st_mode) == 0o700
    with EmbeddedPostgres(far, settings=SMALL) as server:
        assert server.dsn == first  # recorded, not made anew
    shutil.rmtree(socket_folder)
    with EmbeddedPostgres(far, settings=SMALL) as server, psycopg.connect(server.dsn):
        assert server.dsn != first  # cleaned away by someone: another one
    shutil.rmtree(Path((far / "socket_folder").read_text()))


def test_closed_parents_stay_closed(folder: Path, tmp_path: Path) -> None:
    parents = [folder, *list(folder.parents)]
    before = [parent.stat().st_mode for parent in parents]
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    folder.rename(closed / "pg")
    with EmbeddedPostgres(closed / "pg", settings=SMALL) as server, psycopg.connect(server.dsn):
        pass
    (closed / "pg").rename(folder)
    assert [parent.stat().st_mode for parent in parents] == before
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def test_the_folder_of_another_server_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("18\n")
    with pytest.raises(ForeignDataFolder, match="data directory of a Postgres server"):
        EmbeddedPostgres(tmp_path).start()
    assert [path.name for path in tmp_path.iterdir()] == ["PG_VERSION"]


@pytest.mark.skipif(
    os.geteuid() != 0, reason="not root: every other test here runs as an ordinary user already"
)
def test_it_runs_for_an_ordinary_user() -> None:
    # The capability lets that user reach an interpreter below root's home; Postgres gets none of
    # it.
    home = Path("/tmp") / f"oracle-test-{os.getpid()}"
    home.mkdir(mode=0o755)
    os.chown(home, 65534, 65534)
    become = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--inh-caps=-all,+dac_read_search",
    ]
    become += ["--ambient-caps=-all,+dac_read_search", "--securebits=+no_setuid_fixup"]
    try:
        done = subprocess.run(
            [*become, *USER, str(home / "pg"), "once"], check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert (home / "pg" / "pgdata").stat().st_uid == 65534
        assert stat.S_IMODE((home / "pg").stat().st_mode) == 0o700
    finally:
        shutil.rmtree(home)


CONTAINER = (
    "chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw"
    " sys_chroot mknod"
)
CONTAINER_SCRIPT = """
import os, sys
from pathlib import Path
import psycopg
from storage.embedded import EmbeddedPostgres
from storage.embedded.postmaster import find_postmaster
server = EmbeddedPostgres(Path(sys.argv[1]))
conn = psycopg.connect(server.start(), autocommit=True)
conn.execute("create table kept as select 1 as n")
conn.pgconn.send_query(b"do $$ begin loop end loop; end $$")
first = find_postmaster(server._cluster).pid
os.kill(server._keeper.pid, 9)
os.kill(first, 9)
server.start()
print(psycopg.connect(server.dsn).execute("select n from kept").fetchone())
print(find_postmaster(server._cluster).pid != first, server.stop())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="not root: there are no rights to take away")
def test_it_heals_for_the_root_of_a_container_who_may_not_look_into_other_accounts(
    folder: Path,
) -> None:
    rights = ",".join(f"+{name}" for name in CONTAINER.split())
    confined = ["setpriv", f"--bounding-set=-all,{rights}", "--inh-caps=-all"]
    done = subprocess.run(
        [*confined, sys.executable, "-c", CONTAINER_SCRIPT, str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["(1,)", "True True"]  # after lines of the log
    assert server_processes(folder) == []


UNREAPED = """
import ctypes, os, signal, sys
from pathlib import Path
import psutil
from storage.embedded import EmbeddedPostgres
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER: nobody reaps orphans
folder = Path(sys.argv[1])
server = EmbeddedPostgres(folder)
server.start()
before = int((folder / "pgdata" / "postmaster.pid").read_text().split()[0])
alive = [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"]]
keepers = [
    p.pid
    for p in alive
    if "storage.embedded" in p.info["cmdline"] and str(folder) in p.info["cmdline"]
]
for pid in (*keepers, before):
    os.kill(pid, signal.SIGKILL)
server.start()
assert psutil.Process(before).status() == psutil.STATUS_ZOMBIE
assert int((folder / "pgdata" / "postmaster.pid").read_text().split()[0]) != before
assert server.stop()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="subreapers are Linux's")
def test_a_dead_server_that_nobody_reaps_does_not_block_the_next_start(folder: Path) -> None:
    """As in a container whose first process does not look after orphans."""
    done = subprocess.run(
        [sys.executable, "-c", UNREAPED, str(folder)],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
