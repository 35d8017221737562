"""Pages of the documentation that are made from what they describe, when it is built.

`reference/http.md` and `reference/errors.md` from openapi.json, `reference/commands.md` from the
commands themselves, `reference/contracts.md` from the natspec of the interfaces, and
`reference/measured.md` is the report of the benchmarks.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from typer.main import get_command

ROOT = Path(__file__).parents[1]
# A comment of natspec with the declaration below it, up to its parameters' end.
DECLARED = re.compile(
    r"((?:^[ ]*///[^\n]*\n)+)"
    r"^[ ]*((?:abstract )?(?:contract|interface|function|event|error)\b[^;{]*)",
    re.MULTILINE,
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    document = json.loads((ROOT / "docs/openapi.json").read_text())
    for path, text in (
        ("reference/http.md", http(document)),
        ("reference/errors.md", errors(document)),
        ("reference/commands.md", commands()),
        ("reference/contracts.md", contracts()),
        ("reference/measured.md", (ROOT / "tests/benchmarks/REPORT.md").read_text()),
    ):
        files.append(File.generated(config, path, content=text))
    return files


def http(document: dict[str, Any]) -> str:
    """Describe every operation of the API by its tag."""
    by_tag: dict[str, list[str]] = defaultdict(list)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if operation["tags"] != ["aliases"]:
                by_tag[operation["tags"][-1]].append(operation_text(method, path, operation))
    parts = ["# HTTP reference", "Made from [openapi.json](../openapi.json)."]
    for tag in sorted(by_tag):
        parts += [f"## {tag.capitalize()}", *by_tag[tag]]
    return "\n\n".join(parts)


def operation_text(method: str, path: str, operation: dict[str, Any]) -> str:
    """Describe one operation: what it takes, and what it answers."""
    lines = [f"### {method.upper()} `{path}`", operation["summary"] + "."]
    if operation.get("security"):
        lines.append("Takes a key.")
    parameters = [p for p in operation.get("parameters", []) if p["in"] != "path"]
    if parameters:
        rows = [
            f"| `{p['name']}` | {p['in']} | {plain(p.get('description', ''))} |" for p in parameters
        ]
        lines.append("\n".join(["| Parameter | In | |", "| --- | --- | --- |", *rows]))
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        lines.append(f"Body: `{kind}`, {named(content['schema'])}.")
    answers = []
    for status, answer in operation["responses"].items():
        forms = {named(content.get("schema", {})) for content in answer.get("content", {}).values()}
        answers.append(f"{status} ({', '.join(sorted(forms)) or 'no body'})")
    lines.append("Answers: " + ", ".join(answers) + ".")
    return "\n\n".join(lines)


def named(schema: dict[str, Any]) -> str:
    """Name a schema."""
    if "$ref" in schema:
        return f"`{schema['$ref'].rsplit('/', 1)[1]}`"
    if schema.get("type") == "array":
        return f"list of {named(schema['items'])}"
    return f"`{schema.get('title') or schema.get('type') or 'any'}`"


def errors(document: dict[str, Any]) -> str:
    """List every code of a problem with what it means."""
    meanings = document["components"]["schemas"]["ProblemCode"]["x-enum-descriptions"]
    rows = [f"| `{code}` | {plain(meaning)} |" for code, meaning in meanings.items()]
    head = (
        "# Errors\n\nEvery error is a problem document (RFC 9457, `application/problem+json`)."
        " `code` is stable, and what programs read; `detail` says what happened, what was kept and"
        " what to do.\n\n| Code | What it means |\n| --- | --- |\n"
    )
    return head + "\n".join(rows) + "\n"


def commands() -> str:
    """Describe every command with its options, from the commands."""
    from oracle.cli import app

    parts = ["# Every command"]
    for name, command in walk(get_command(app), ""):
        context = click.Context(command, info_name=f"oracle {name}")
        usage = " ".join(command.collect_usage_pieces(context))
        parts.append(f"## oracle {name}\n\n{plain(command.help or '')}")
        parts.append(f"```text\noracle {name} {usage}\n```")
        rows = [
            f"| `{', '.join(p.opts)}` | {plain(getattr(p, 'help', None) or '')} |"
            for p in command.params
            if not getattr(p, "hidden", False) and p.name != "help"
        ]
        if rows:
            parts.append("\n".join(["| Parameter | |", "| --- | --- |", *rows]))
    return "\n\n".join(parts)


def walk(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the commands that do something, with their full names."""
    if children := getattr(command, "commands", None):
        for each, child in children.items():
            if not child.hidden:
                yield from walk(child, f"{name} {each}".strip())
    else:
        yield name, command


def contracts() -> str:
    """Describe the interfaces of the contracts from their natspec."""
    parts = ["# Contracts"]
    folder = ROOT / "contracts/src"
    for path in [
        *sorted((folder / "interfaces").glob("*.sol")),
        folder / "VerificationConsumer.sol",
    ]:
        parts.append(f"## {path.stem}")
        for comment, declaration in DECLARED.findall(path.read_text()):
            said = " ".join(
                line.strip().removeprefix("///").strip() for line in comment.splitlines()
            )
            said = re.sub(r"@(title|notice|dev|inheritdoc)\s*", "", said)
            said = re.sub(r"@(param|return)\s+(\w+)", r"*\2*:", said)
            code = " ".join(declaration.split())
            if code.startswith(("contract", "interface", "abstract")):
                parts.append(plain(said))
            else:
                parts.append(f"```solidity\n{code};\n```\n\n{plain(said)}")
    return "\n\n".join(parts)


def plain(text: str) -> str:
    """Return a text for a cell of a table: one line, without what would be read as a tag."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
