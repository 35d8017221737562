#!/usr/bin/env python3
"""Build the contracts and write what the oracle needs of them into oracle/chain/abi/.

One `<Name>.json` per deployable contract ({"contractName", "abi", "bytecode"}), `Errors.json` with every
custom error of them all, and `manifest.json` with a hash over all that the bytecode follows from. The hash
lets a test say "stale" without a compiler; running the oracle needs none either.

Usage: contracts/tools/export_abi.py           build and write
       contracts/tools/export_abi.py --check   build and compare; exit status 1 when something differs
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
    "CommunityVote": "CommunityVote.sol",
    "ERC1967Proxy": "ERC1967Proxy.sol",
    "ExampleConsumer": "ExampleConsumer.sol",
    "FraudGuard": "FraudGuard.sol",
    "OracleRegistry": "OracleRegistry.sol",
    "PoCDisputes": "PoCDisputes.sol",
    "PoCHub": "PoCHub.sol",
    "PolicyRegistry": "PolicyRegistry.sol",
    "PostRegistry": "PostRegistry.sol",
    "RedirectMathView": "RedirectMathView.sol",
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
    """Hash of the sources, the compiler's settings and the versions of compiler and libraries, in hex.

    Line endings count as they are on disk; paths are relative and sorted, so the hash is the same everywhere.
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


def build(out_dir: Path) -> dict[str, dict[str, Any]]:
    """Compile the sources from nothing and return the exported files, by file name."""
    subprocess.run(
        [FORGE, "build", "--force", "--skip", "test", "--out", out_dir, "--cache-path", out_dir / "cache"],
        cwd=CONTRACTS_DIR, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
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
        "contractName": "Errors", "abi": [errors[key] for key in sorted(errors)], "bytecode": "0x",
    }  # fmt: skip
    files["manifest.json"] = {"sourcesSha256": sources_sha256(), "contracts": sorted(DEPLOYABLE)}
    return files


def main() -> int:
    check = "--check" in sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="export-abi-") as out_dir:
        files = build(Path(out_dir))
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
    differing = sorted(name for name in texts.keys() | on_disk.keys() if texts.get(name) != on_disk.get(name))
    if differing:
        print(
            f"differ from a fresh build: {', '.join(differing)}; run contracts/tools/export_abi.py",
            file=sys.stderr,
        )
    return 1 if differing else 0


if __name__ == "__main__":
    raise SystemExit(main())
