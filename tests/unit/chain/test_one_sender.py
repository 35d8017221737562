"""What sends a transaction is one piece of code; people's own and a deployment's go through
web3.
"""

import ast
from pathlib import Path

import oracle

ROOT = Path(oracle.__file__).parent


def calling(name: str) -> set[str]:
    """Files of the product that call a method of this name, or hand this name to an endpoint."""
    found = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            called = (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == name
            )
            if called or (isinstance(node, ast.Constant) and node.value == name):
                found.add(path.relative_to(ROOT).as_posix())
    return found


def test_signed_bytes_reach_the_chain_by_two_doors_only() -> None:
    assert calling("eth_sendRawTransaction") == {"chain/rpc/client.py"}
    assert calling("send_raw_transaction") == {"chain/contracts/account.py"}


def test_transactions_are_signed_where_they_are_stored_or_by_people() -> None:
    signing = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Transaction"
    }
    assert signing == {"chain/sender/broadcast.py", "chain/contracts/account.py"}
