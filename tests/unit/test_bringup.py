"""Which process gets which key."""

import json

from oracle.bringup import COURT_KEYS, NODE_KEYS, without

ENV = {
    "PATH": "/bin",
    "ORACLE_CHAIN__KEY": "node",
    "oracle_chain__arbiter_key": "arbiter",
    "ORACLE_CHAIN": json.dumps({"key": "node", "paymaster_key": "paymaster", "poll_s": 1}),
}


def test_keys_are_left_out_however_they_are_written() -> None:
    node = without(ENV, COURT_KEYS)
    assert "arbiter" not in str(node) and "paymaster" not in str(node) and "node" in str(node)
    scheduler = without(ENV, NODE_KEYS)
    assert "node" not in str(scheduler) and "arbiter" in str(scheduler)
    neither = without(node, NODE_KEYS)
    assert neither == {"PATH": "/bin", "ORACLE_CHAIN": json.dumps({"poll_s": 1})}


def test_what_is_no_json_is_left_to_the_settings() -> None:
    assert without({"ORACLE_CHAIN": "{"}, NODE_KEYS) == {"ORACLE_CHAIN": "{"}
