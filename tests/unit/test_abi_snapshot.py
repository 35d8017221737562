"""The ABIs in the package are those of the sources beside it. Needs no compiler."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = ROOT / "contracts"
ABI = ROOT / "oracle" / "chain" / "abi"
EXPORT = CONTRACTS / "tools" / "export_abi.py"
LAYOUT = CONTRACTS / "tools" / "storage_layout.py"
STALE = "the contracts changed: run contracts/tools/export_abi.py and commit oracle/chain/abi"


@pytest.fixture(scope="module")
def export() -> ModuleType:
    return load(EXPORT)


def load(tool: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(tool.stem, tool)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def copy_of_contracts(to: Path) -> Path:
    """What the hash covers, in a folder that a test may change."""
    for path in [
        *(CONTRACTS / "src").rglob("*.sol"),
        CONTRACTS / "foundry.toml",
        CONTRACTS / "package-lock.json",
    ]:
        target = to / path.relative_to(CONTRACTS)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return to


def test_the_snapshot_is_of_these_sources(export: ModuleType) -> None:
    manifest = json.loads((ABI / "manifest.json").read_text())
    assert manifest["sourcesSha256"] == export.sources_sha256(), STALE


@pytest.mark.parametrize(
    ("file", "old", "new", "stale"),
    [
        ("src/HubRequests.sol", "MAX_URI_BYTES = 2_048", "MAX_URI_BYTES = 2_049", True),
        ("foundry.toml", "optimizer_runs = 200", "optimizer_runs = 201", True),
        ("foundry.toml", "runs = 512", "runs = 513", False),
        ("package-lock.json", '"version": "0.8.37"', '"version": "0.8.36"', True),
    ],
)
def test_the_hash_follows_what_the_bytecode_follows_from(
    export: ModuleType, tmp_path: Path, file: str, old: str, new: str, stale: bool
) -> None:
    contracts = copy_of_contracts(tmp_path)
    before = export.sources_sha256(contracts)
    text = (contracts / file).read_text()
    assert old in text
    (contracts / file).write_text(text.replace(old, new))
    assert (export.sources_sha256(contracts) != before) is stale


def test_every_deployable_contract_has_abi_and_bytecode(export: ModuleType) -> None:
    manifest = json.loads((ABI / "manifest.json").read_text())
    assert manifest["contracts"] == sorted(export.DEPLOYABLE)
    for name in export.DEPLOYABLE:
        document = json.loads((ABI / f"{name}.json").read_text())
        assert document["contractName"] == name
        assert document["abi"]
        assert len(bytes.fromhex(document["bytecode"].removeprefix("0x"))) > 100


def test_the_hub_can_name_every_error_that_bubbles_through_it() -> None:
    def errors(name: str) -> set[str]:
        abi = json.loads((ABI / f"{name}.json").read_text())["abi"]
        return {entry["name"] for entry in abi if entry["type"] == "error"}

    ours_only = errors("PostRegistry") | errors("PolicyRegistry") | errors("OracleRegistry")
    assert ours_only - errors("PoCHub") == set()
    assert errors("Errors") >= errors("PoCHub") | errors("ExampleConsumer")


@pytest.mark.skipif(
    not (CONTRACTS / "node_modules").is_dir(),
    reason="no compiler: run `npm ci` in contracts to compare a fresh build",
)
def test_a_fresh_build_gives_the_same_files() -> None:
    """And every item of it has its NatSpec: a build refuses any that has not."""
    done = subprocess.run(
        [sys.executable, EXPORT, "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_an_item_without_a_notice_is_named(export: ModuleType) -> None:
    request = {
        "type": "tuple[]",
        "name": "r",
        "components": [{"type": "bytes32"}, {"type": "uint8"}],
    }
    abi = [
        {"type": "function", "name": "ask", "inputs": [request]},
        {"type": "event", "name": "Asked", "inputs": [{"type": "uint256"}]},
        {"type": "error", "name": "NoAnswer", "inputs": []},
        {"type": "constructor", "inputs": []},
    ]
    said = {
        "methods": {"ask((bytes32,uint8)[])": {"notice": "Asks."}},
        "events": {"Asked(uint256)": {"notice": "Somebody asked."}},
        "errors": {"NoAnswer()": [{"notice": "Nobody answers."}]},
    }
    assert export.undocumented(abi, said, set()) == []
    for place, signature, item in (
        ("methods", "ask((bytes32,uint8)[])", "function ask((bytes32,uint8)[])"),
        ("events", "Asked(uint256)", "event Asked(uint256)"),
        ("errors", "NoAnswer()", "error NoAnswer()"),
    ):
        assert export.undocumented(abi, said | {place: {}}, set()) == [item]
        assert export.undocumented(abi, said | {place: {signature: {}}}, set()) == [item]
        kind, name = item.split()
        assert export.undocumented(abi, said | {place: {}}, {(kind, name)}) == []


def test_only_appended_fields_pass_as_an_upgrade() -> None:
    moved = load(LAYOUT).moved
    layout = json.loads((CONTRACTS / "storage-layout.json").read_text())
    (name,) = [struct for struct in layout if "SplitterStorage" in struct]
    fields = layout[name]
    assert moved(layout, layout | {name: [*fields, "9+0 t_uint256 later"]}) == []
    assert moved(layout, layout | {name: fields[1:]}) != []
    # Bytes of a slot that no field had may be filled; a field that gives way to the new one is
    # misread.
    assert moved(layout, layout | {name: [fields[0], "0+20 t_uint8 later", *fields[1:]]}) == []
    shifted = [fields[0], "1+0 t_uint8 later", fields[1].replace("1+0", "1+1"), *fields[2:]]
    assert fields[1].startswith("1+0 ")
    assert moved(layout, layout | {name: shifted}) == [f"{name}: {fields[1]}"]
    assert moved(layout, {struct: rest for struct, rest in layout.items() if struct != name}) != []


@pytest.mark.skipif(
    not (CONTRACTS / "node_modules").is_dir(),
    reason="no compiler: run `npm ci` in contracts to compare the storage layout",
)
def test_the_storage_layout_is_the_snapshots() -> None:
    done = subprocess.run(
        [sys.executable, LAYOUT, "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
