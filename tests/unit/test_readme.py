"""README and docs say what the code does: every setting, command, route and folder."""

import re
from collections import Counter
from pathlib import Path

from pydantic import BaseModel
from typer.main import get_command

from oracle.api import pages
from oracle.api.routes import ROUTERS
from oracle.cli import app
from oracle.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
CONFIGURATION = ROOT / "docs" / "configuration.md"
COMMANDS = (ROOT / "docs" / "cli.md").read_text()
ROUTES = (ROOT / "docs" / "api.md").read_text()
PARAMETER = re.compile(r"\{\w+\}")
MARKER = re.compile(r"(<!-- settings: .*? -->\n)(.*?)(<!-- /settings -->)", re.DOTALL)


def settings_table() -> str:
    """The settings as a table; to renew it run this file."""
    rows = ["| Variable | Default | |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, BaseModel):
            for inner, inner_field in type(field.default).model_fields.items():
                variable = f"ORACLE_{name}__{inner}".upper()
                default = inner_field.get_default(call_default_factory=True)
                rows.append(row(variable, default, inner_field.description))
        else:
            alias = getattr(field.validation_alias, "choices", [f"ORACLE_{name}".upper()])[0]
            rows.append(row(str(alias), field.default, field.description))
    return "\n".join(rows) + "\n"


def row(variable: str, default: object, description: str | None) -> str:
    shown = (
        "–"
        if default is None
        else f"`{str(default).lower() if isinstance(default, bool) else default}`"
    )
    return f"| `{variable}` | {shown} | {description or ''} |"


def test_every_setting_is_in_the_table() -> None:
    found = MARKER.search(CONFIGURATION.read_text())
    assert found is not None
    assert found[2] == settings_table(), (
        f"run: PYTHONPATH=. python {Path(__file__).relative_to(ROOT)}"
    )


def test_every_command_is_named() -> None:
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        if command.hidden:
            continue
        names = [f"{name} {sub}" for sub in getattr(command, "commands", {})] or [name]
        for full in names:
            assert re.search(rf"`(oracle )?{full}\b", COMMANDS), full


def test_every_route_is_named() -> None:
    served = {
        f"{method} {PARAMETER.sub('{id}', route.path)}"  # type: ignore[attr-defined]
        for router in ROUTERS
        for route in router.routes
        for method in route.methods  # type: ignore[attr-defined]
    }
    assert set(re.findall(r"`([A-Z]+ /[^`]*)`", ROUTES)) == served


def test_no_path_is_answered_twice() -> None:
    served = Counter(
        f"{method} {route.path}"  # type: ignore[attr-defined]
        for router in (*ROUTERS, *pages.ROUTERS)
        for route in router.routes
        for method in route.methods  # type: ignore[attr-defined]
    )
    assert [each for each, times in served.items() if times > 1] == []


def test_every_folder_is_on_the_map() -> None:
    shown = README.partition("## Where things are")[2]
    for package in ("oracle", "oracle/chain", "storage", "embeddings"):
        for folder in (ROOT / package).iterdir():
            if (folder / "__init__.py").exists() and package != "storage":
                assert folder.name in shown, folder
    for folder in ("contracts", "docker", "docs", "tests"):
        assert f"\n{folder}/" in shown, folder


def test_every_file_that_the_readme_names_exists() -> None:
    for path in re.findall(r"`((?:oracle|storage|embeddings|contracts)/[\w/.]*)`", README):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / path).exists(), path


def test_the_commands_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)$", README, re.MULTILINE):
        assert f"\n{target}:" in makefile
    assert "make test" in (ROOT / ".ci" / "run").read_text()


if __name__ == "__main__":
    old = CONFIGURATION.read_text()
    CONFIGURATION.write_text(MARKER.sub(lambda m: m[1] + settings_table() + m[3], old))
