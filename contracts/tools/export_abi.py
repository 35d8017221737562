#!/usr/bin/env python3
"""Build the contracts and write what the oracle needs of them into oracle/chain/abi/.

One `<Name>.json` per deployable contract ({"contractName", "abi", "bytecode"}), `Errors.json` with
every custom error of them all, and `manifest.json` with a hash over all that the bytecode follows
from. The hash lets a test say "stale" without a compiler; running the oracle needs none either.
Whatever people or contracts can call, catch or listen to must say in its NatSpec what it is; the
build refuses the rest by name.

Usage: contracts/tools/export_abi.py           build and write
       contracts/tools/export_abi.py --check   bring contracts/out up to date and compare with it;
                                               exit status 1 on a difference
Needs Python 3.11 and `npm ci` in contracts/. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

CONTRACTS_DIR = Path(__file__).resolve().parents[1]
ABI_DIR = CONTRACTS_DIR.parent / "oracle" / "chain" / "abi"
FORGE = CONTRACTS_DIR / "tools" / "forge"  # the npm launcher would hide a failed build

# Contract name -> file that forge puts it under.
DEPLOYABLE = {
    "AccessManager": "AccessManager.sol",
    "AccountLinks": "AccountLinks.sol",
    "BonusVault": "BonusVault.sol",
    "CreativityPosts": "CreativityPosts.sol",
    "ERC1967Proxy": "ERC1967Proxy.sol",
    "ExampleConsumer": "ExampleConsumer.sol",
    "FraudGuard": "FraudGuard.sol",
    "OracleRegistry": "OracleRegistry.sol",
    "Platforms": "Platforms.sol",
    "PoCDisputes": "PoCDisputes.sol",
    "PoCHub": "PoCHub.sol",
    "PolicyRegistry": "PolicyRegistry.sol",
    "PostRegistry": "PostRegistry.sol",
    "RedirectMathView": "RedirectMathView.sol",
    "ResultRoots": "ResultRoots.sol",
    "RevenueSplitter": "RevenueSplitter.sol",
    "RoleTable": "RoleTable.sol",
    "TokenPool": "TokenPool.sol",
}
# Settings that change the bytecode; how many fuzz runs there are does not.
COMPILER_SETTINGS = (
    "bytecode_hash",
    "cbor_metadata",
    "evm_version",
    "optimizer",
    "optimizer_runs",
    "remappings",
    "solc",
    "via_ir",
)
COMPILER_PACKAGES = ("@openzeppelin/contracts", "@openzeppelin/contracts-upgradeable", "solc")


def sources_sha256(contracts_dir: Path = CONTRACTS_DIR) -> str:
    """Hash of the sources, the compiler's settings and the versions of compiler and libraries, in
    hex.

    Line endings count as they are on disk; paths are relative and sorted, so the hash is the same
    everywhere.
    """
    digest = hashlib.sha256()
    src = contracts_dir / "src"
    for path in sorted(src.rglob("*.sol"), key=lambda p: p.relative_to(src).as_posix()):
        digest.update(f"{path.relative_to(src).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    profile = tomllib.loads((contracts_dir / "foundry.toml").read_text())["profile"]["default"]
    locked = json.loads((contracts_dir / "package-lock.json").read_text())["packages"]
    settings = {
        "settings": {key: profile.get(key) for key in COMPILER_SETTINGS},
        "versions": {name: locked[f"node_modules/{name}"]["version"] for name in COMPILER_PACKAGES},
    }
    digest.update(json.dumps(settings, sort_keys=True).encode())
    return digest.hexdigest()


def build_afresh(out_dir: Path) -> None:
    """Compile the sources from nothing."""
    options = ["--force", "--skip", "test", "--out", out_dir, "--cache-path", out_dir / "cache"]
    subprocess.run(
        [FORGE, "build", *options], cwd=CONTRACTS_DIR, check=True, stdout=subprocess.DEVNULL
    )


def bring_up_to_date() -> Path:
    """Compile what changed since the last build or test. Forge compares contents and settings, not
    dates.

    Returns: the folder of the artifacts.
    """
    subprocess.run([FORGE, "build"], cwd=CONTRACTS_DIR, check=True, stdout=subprocess.DEVNULL)
    return CONTRACTS_DIR / "out"


def exported(out_dir: Path) -> dict[str, dict[str, Any]]:
    """The exported files of a build, by file name."""
    silent = undocumented_in(out_dir)
    if silent:
        raise SystemExit("no @notice in the NatSpec:\n  " + "\n  ".join(silent))
    files: dict[str, dict[str, Any]] = {}
    errors: dict[str, dict[str, Any]] = {}
    for name, source in DEPLOYABLE.items():
        artifact = json.loads((out_dir / source / f"{name}.json").read_text())
        bytecode = artifact["bytecode"]["object"]
        if artifact["bytecode"]["linkReferences"]:
            raise SystemExit(f"{name} needs linking; make the library's functions internal")
        files[f"{name}.json"] = {"contractName": name, "abi": artifact["abi"], "bytecode": bytecode}
        for entry in artifact["abi"]:
            if entry["type"] == "error":
                signature = f"{entry['name']}({','.join(i['type'] for i in entry['inputs'])})"
                errors[signature] = entry
    files["Errors.json"] = {
        "contractName": "Errors",
        "abi": [errors[key] for key in sorted(errors)],
        "bytecode": "0x",
    }
    files["manifest.json"] = {"sourcesSha256": sources_sha256(), "contracts": sorted(DEPLOYABLE)}
    return files


def undocumented_in(out_dir: Path) -> list[str]:
    """Items of our contracts and interfaces without a notice, as `Contract: kind signature`.

    What OpenZeppelin's contracts declare is documented there.
    """
    ours: dict[str, dict[str, Any]] = {}
    theirs: set[tuple[str, str]] = set()
    for path in sorted(out_dir.glob("*.sol/*.json")):
        # The compiler's own text: forge's reading of it leaves out titles and events.
        metadata = json.loads(json.loads(path.read_text())["rawMetadata"])
        ((source, name),) = metadata["settings"]["compilationTarget"].items()
        if not (CONTRACTS_DIR / source).is_file():
            continue  # of a file that is no more
        output = metadata["output"]
        if source.startswith("src/"):
            ours[name] = output
        elif source.startswith("node_modules/"):
            theirs.update(_items(output["abi"]))
    found = []
    for name, output in sorted(ours.items()):
        if not output["devdoc"].get("title") and not output["userdoc"].get("notice"):
            found.append(f"{name}: itself")
        found += [
            f"{name}: {item}" for item in undocumented(output["abi"], output["userdoc"], theirs)
        ]
    return found


def undocumented(
    abi: list[dict[str, Any]],
    userdoc: dict[str, Any],
    not_ours: set[tuple[str, str]] | frozenset[tuple[str, str]],
) -> list[str]:
    """Functions, events and errors of an ABI for which the compiler's user documentation has no
    notice.
    """
    places = {"function": "methods", "event": "events", "error": "errors"}
    silent = []
    for kind, signature in _items(abi):
        docs = userdoc.get(places[kind], {}).get(signature)
        # an error may be declared more than once
        notices = docs if isinstance(docs, list) else [docs or {}]
        if (kind, signature) not in not_ours and not all(one.get("notice") for one in notices):
            silent.append(f"{kind} {signature}")
    return silent


def _items(abi: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [
        (entry["type"], f"{entry['name']}({','.join(_abi_type(i) for i in entry['inputs'])})")
        for entry in abi
        if entry["type"] in ("function", "event", "error")
    ]


def _abi_type(parameter: dict[str, Any]) -> str:
    """The canonical type: a struct is the tuple of its fields."""
    kind: str = parameter["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(map(_abi_type, parameter['components']))})" + kind.removeprefix("tuple")


def main() -> int:
    check = "--check" in sys.argv[1:]
    if check:
        files = exported(bring_up_to_date())
    else:
        with tempfile.TemporaryDirectory(prefix="export-abi-") as out_dir:
            build_afresh(Path(out_dir))
            files = exported(Path(out_dir))
    texts = {name: json.dumps(content, indent=1) + "\n" for name, content in files.items()}
    if not check:
        ABI_DIR.mkdir(parents=True, exist_ok=True)
        for stale in ABI_DIR.glob("*.json"):
            stale.unlink()
        for name, text in texts.items():
            (ABI_DIR / name).write_text(text)
        print(f"wrote {len(texts)} files to {ABI_DIR}")
        return 0
    on_disk = {path.name: path.read_text() for path in ABI_DIR.glob("*.json")}
    differing = sorted(
        name for name in texts.keys() | on_disk.keys() if texts.get(name) != on_disk.get(name)
    )
    if differing:
        print(
            f"differ from the build: {', '.join(differing)}; run contracts/tools/export_abi.py",
            file=sys.stderr,
        )
    return 1 if differing else 0


if __name__ == "__main__":
    raise SystemExit(main())
