"""JSON that is nested without end is an error like any other, in every process that speaks to
strangers.
"""

import subprocess
import sys

import pytest

PROBE = """
import importlib, json, sys, threading
for name in {modules!r}:
    importlib.import_module(name)
def parse():
    for attack in ("[" * 200_000, '{{"a":' * 200_000):
        try:
            json.loads(attack)
        except RecursionError:
            print("refused", flush=True)
parse()
thread = threading.Thread(target=parse)  # where the API and the signer's port parse
thread.start()
thread.join()
print(sys.getrecursionlimit())
"""


@pytest.mark.parametrize(
    "modules",
    [
        ("oracle.app", "oracle.cli"),
        # What brings the culprit along, asked for late, or before anything of ours.
        ("oracle.chain.core.ids", "eth_account", "eth_keyfile", "web3", "py_ecc.bls"),
        ("eth_keyfile.keyfile", "py_ecc.bls", "oracle.chain.quorum.peers"),
    ],
)
def test_endless_nesting_does_not_kill_the_process(modules: tuple[str, ...]) -> None:
    probe = [sys.executable, "-c", PROBE.format(modules=modules)]
    done = subprocess.run(probe, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"status {done.returncode}: {done.stderr[-2000:]}"
    assert done.stdout.split() == ["refused"] * 4 + ["1000"]
