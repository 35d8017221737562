"""SQL stands in storage only, and only storage and the job queue hold connections of the driver."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# As it is written here: in small letters, so that "Select a file from the list" is none.
SQL = re.compile(
    r"\s*(select\s.*\sfrom\s|select\s+[\w.]+\(|insert\s+into\s|update\s+\w+\s+(\w+\s+)?set\s|delete\s+from\s"
    r"|with\s+(recursive\s+)?\w+\s+as\s|(create|alter|drop|truncate|lock)\s+(table|index|extension|schema|type|role)\s"
    r"|set\s+(transaction|local|session)\s|copy\s+\w+\s.*(from|to)\s)",
    re.DOTALL,
)
DRIVERS = {"psycopg", "psycopg_pool", "sqlalchemy"}
# The queue's library is given its connections there; what is asked over them stands in storage.
MAY_HOLD_CONNECTIONS = {"oracle/jobs.py"}


def modules(*packages: str) -> dict[str, ast.Module]:
    paths = (path for package in packages for path in sorted((ROOT / package).rglob("*.py")))
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in paths}


def statements(tree: ast.Module) -> list[int]:
    """Lines on which a statement is executed, or a text begins that is one."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in ("execute", "executemany"):
                found.append(node.lineno)
        elif isinstance(node, ast.JoinedStr):
            if SQL.match(
                "".join(
                    part.value if isinstance(part, ast.Constant) else "x" for part in node.values
                )
            ):
                found.append(node.lineno)
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value)
        ):
            found.append(node.lineno)
    return sorted(set(found))


def drivers(tree: ast.Module) -> list[int]:
    """Lines that import the driver, its pool, or what stands on it."""
    found = []
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        if any(name.split(".")[0] in DRIVERS for name in names):
            found.append(node.lineno)
    return found


def test_sql_stands_in_storage_only() -> None:
    found = {
        path: lines
        for path, tree in modules("oracle", "embeddings").items()
        if (lines := statements(tree))
    }
    assert not found


def test_only_storage_and_the_job_queue_import_the_driver() -> None:
    found = {
        path: lines
        for path, tree in modules("oracle", "embeddings").items()
        if (lines := drivers(tree))
    }
    assert set(found) <= MAY_HOLD_CONNECTIONS, found


def test_the_search_finds_what_storage_holds() -> None:
    """A search that found nothing where all of it stands would prove nothing."""
    trees = modules("storage")
    assert sum(map(bool, map(statements, trees.values()))) > 40
    assert sum(map(bool, map(drivers, trees.values()))) > 20


@pytest.mark.parametrize(
    "line",
    [
        'conn.execute("select 1")',
        "cursor.executemany(ADD, rows)",
        'LOAD = "copy works from stdin"',
        'TEXT = f"update {table} set a = 1"',
        'QUERY = "\\nwith found as (select 1) select * from found"',
        'ask("select pg_advisory_xact_lock(%s)")',
        'ask(["delete from works " + WHERE])',
    ],
)
def test_sql_is_seen_in_every_shape(line: str) -> None:
    assert statements(ast.parse(line)) == [1]


@pytest.mark.parametrize(
    "line", ['TEXT = "Select a file from the list."', 'log.info("update of posts")']
)
def test_what_people_read_is_no_sql(line: str) -> None:
    assert not statements(ast.parse(line))
