"""The rule of verdicts is applied in one place, and every caller comes through the judge there."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = ("oracle", "storage", "embeddings")
RULES = "oracle.rules.decision"


def calls_of_the_rule(source: str) -> list[str]:
    """The functions, by qualified name, that call `decide` of the rules, under any name."""
    tree = ast.parse(source)
    names, modules = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names |= {
                a.asname or a.name
                for a in node.names
                if node.module == RULES and a.name == "decide"
            }
            modules |= {
                a.asname or a.name for a in node.names if f"{node.module}.{a.name}" == RULES
            }
        elif isinstance(node, ast.Import):
            modules |= {a.asname or a.name for a in node.names if a.name == RULES}

    def found(node: ast.AST, inside: str) -> Iterator[str]:
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            inside = f"{inside}.{node.name}".lstrip(".")
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in names or called in {f"{module}.decide" for module in modules}:
                yield inside
        for child in ast.iter_child_nodes(node):
            yield from found(child, inside)

    return list(found(tree, ""))


def test_the_rule_of_verdicts_has_one_call_site() -> None:
    sites = [
        (path.relative_to(ROOT).as_posix(), function)
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for function in calls_of_the_rule(path.read_text())
    ]
    assert sites == [("oracle/originality/judge.py", "Judge.decide")]


@pytest.mark.parametrize(
    "source",
    [
        "from oracle.rules.decision import decide\ndef f():\n    decide(1)",
        "from oracle.rules.decision import decide as rule\ndef f():\n    rule(1)",
        "from oracle.rules import decision\ndef f():\n    decision.decide(1)",
        "import oracle.rules.decision as rules\ndef f():\n    rules.decide(1)",
        "import oracle.rules.decision\ndef f():\n    oracle.rules.decision.decide(1)",
    ],
)
def test_a_call_by_any_name_is_seen(source: str) -> None:
    assert calls_of_the_rule(source) == ["f"]


def test_another_function_of_that_name_is_not_the_rule() -> None:
    assert calls_of_the_rule("from oracle.fraud.detectors.combine import decide\ndecide(1)") == []
