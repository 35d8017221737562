"""Answers of an endpoint are facts only when they have the right shape."""

import pytest

from oracle.chain.core.bloom import may_contain
from oracle.chain.core.wire import blob, number, parse_header, parse_log, parse_receipt
from oracle.chain.errors import ChainUnavailable, EndpointInconsistent, RpcRefused
from oracle.chain.rpc.endpoint import Endpoint, _result


@pytest.mark.parametrize("value", [None, 5, "5", "", {}])
def test_only_a_quantity_is_a_number(value: object) -> None:
    with pytest.raises(EndpointInconsistent):
        number(value)


@pytest.mark.parametrize("value", [None, "0xabc", "abcd", "0xzz", b"\x00"])
def test_only_hex_is_bytes(value: object) -> None:
    with pytest.raises(EndpointInconsistent):
        blob(value)


@pytest.mark.parametrize("parse", [parse_header, parse_log, parse_receipt])
def test_an_empty_object_is_no_fact(parse) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(EndpointInconsistent):
        parse({})


def test_the_data_of_a_revert_is_kept_wherever_it_lies() -> None:
    for data in ("0x1234", {"data": "0x1234"}, "Reverted 0x1234"):
        with pytest.raises(RpcRefused) as caught:
            _result(
                "eth_call", {"error": {"code": 3, "message": "execution reverted", "data": data}}
            )
        assert caught.value.data == b"\x12\x34"


def test_an_answer_that_is_no_object_counts_as_an_outage() -> None:
    with pytest.raises(ChainUnavailable):
        _result("eth_call", "busy")


def test_a_name_for_logs_has_no_key_in_it() -> None:
    assert (
        Endpoint("https://user:secret@rpc.example.org:8443/v3/secret").name
        == "https://rpc.example.org:8443"
    )


def test_an_unreachable_endpoint_is_an_outage() -> None:
    with pytest.raises(ChainUnavailable):
        Endpoint("http://127.0.0.1:1", timeout_s=1).request("eth_chainId")


def test_an_empty_bloom_contains_nothing_and_a_full_one_may_contain_all() -> None:
    assert not may_contain(bytes(256), b"\x01" * 20)
    assert may_contain(b"\xff" * 256, b"\x01" * 20)
