"""Alarms, the board and the run-book name what there is, and the alarms fire when they should."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "docker" / "monitoring"
RUNBOOK = ROOT / "docs" / "runbook.md"
MEASURED = ("oracle/metrics.py", "oracle/api/measured.py", "oracle/chain/node/metrics.py")
NAME = re.compile(r"\boracle_[a-z0-9_]+")


def rules() -> list[dict[str, str]]:
    (group,) = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"]
    return list(group["rules"])


def known() -> set[str]:
    """Every name that a process may show."""
    names = {
        name
        for file in MEASURED
        for name in re.findall(r'"(oracle_\w+)"', (ROOT / file).read_text())
    }
    return names | {
        f"{name}_{part}"
        for name in names
        if name.endswith("_seconds")
        for part in ("bucket", "count", "sum")
    }


def queries() -> list[str]:
    board = json.loads((MONITORING / "dashboard.json").read_text())
    return [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool", path=f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}")
    if found is None:
        reason = "no promtool; `make promtool` brings Debian's"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return found


def test_each_alarm_has_its_entry_in_the_run_book() -> None:
    entries = re.findall(r"^## (\w+)$", RUNBOOK.read_text(), re.MULTILINE)
    assert entries == [rule["alert"] for rule in rules()]
    for entry in RUNBOOK.read_text().split("\n## ")[1:]:
        assert "**Means:**" in entry
        assert "**Do:**" in entry


def test_alarms_and_board_ask_for_what_is_measured() -> None:
    asked = {
        name for text in [r["expr"] for r in rules()] + queries() for name in NAME.findall(text)
    }
    assert asked <= known(), asked - known()
    assert len(queries()) > 10


def test_the_run_book_names_settings_that_there_are() -> None:
    settings = (ROOT / "docs" / "configuration.md").read_text()
    for name in re.findall(r"ORACLE_[A-Z_]+", RUNBOOK.read_text()):
        assert f"`{name}`" in settings, name


def test_the_alarms_fire_when_they_should_and_only_then(promtool: str) -> None:
    for command in (
        ("check", "rules", "alerts.yaml"),
        ("test", "rules", "alerts_test.yaml"),
        ("check", "config", "--syntax-only", "prometheus.yaml"),
    ):
        done = subprocess.run(
            [promtool, *command], cwd=MONITORING, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
