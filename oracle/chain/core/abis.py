"""The contracts' ABIs as shipped with the package: encode calls, decode answers and events."""

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.abi import (
    abi_to_signature,
    collapse_if_tuple,
    event_abi_to_log_topic,
    function_abi_to_4byte_selector,
    get_abi_input_types,
    get_abi_output_types,
)

from oracle.chain.core.deployment import load_artifact
from oracle.chain.errors import EndpointInconsistent


class ContractAbi:
    """One contract's interface. Function names are unique in our contracts: no overloads."""

    def __init__(self, entries: Sequence[dict[str, Any]]) -> None:
        self.entries = entries
        self._functions = {e["name"]: e for e in entries if e["type"] == "function"}
        self._events = {e["name"]: e for e in entries if e["type"] == "event"}

    def call_data(self, function: str, *args: object) -> bytes:
        """Encode a call: selector and arguments. Addresses as 0x text, structs as tuples."""
        entry: Any = self._functions[function]
        return function_abi_to_4byte_selector(entry) + encode(get_abi_input_types(entry), args)

    def call(self, data: bytes) -> tuple[str, dict[str, Any]]:
        """Decode a call: the function's name, and its arguments by name.

        Raises: EndpointInconsistent if it is no call of this interface.
        """
        for name, entry in self._functions.items():
            any_entry: Any = entry
            if function_abi_to_4byte_selector(any_entry) == data[:4]:
                try:
                    values = decode(get_abi_input_types(any_entry), data[4:])
                except Exception as exc:
                    raise EndpointInconsistent(f"This is no call of {name}.") from exc
                names = [one["name"] for one in any_entry["inputs"]]
                return name, dict(zip(names, values, strict=True))
        raise EndpointInconsistent(f"No function of ours begins with 0x{data[:4].hex()}.")

    def selectors(self, prefixes: tuple[str, ...]) -> list[bytes]:
        """Return the selectors (4 bytes) of the functions whose names begin so."""
        entries: list[Any] = [
            entry for name, entry in self._functions.items() if name.startswith(prefixes)
        ]
        return [function_abi_to_4byte_selector(entry) for entry in entries]

    def answer(self, function: str, data: bytes) -> tuple[Any, ...]:
        """Decode the values a call returned.

        Raises: EndpointInconsistent if the bytes do not fit the interface.
        """
        entry: Any = self._functions[function]
        try:
            return decode(get_abi_output_types(entry), data)
        # eth_abi raises many kinds, Overflow and InsufficientData among them
        except Exception as exc:
            raise EndpointInconsistent(
                f"{function} answered bytes that are no answer: 0x{data.hex()}"
            ) from exc

    def struct(self, function: str, data: bytes) -> dict[str, Any]:
        """Decode the one struct a call returned to fields by name. Raises: as `answer`."""
        (value,) = self.answer(function, data)
        components: list[Any] = self._functions[function]["outputs"][0]["components"]
        return {c["name"]: field for c, field in zip(components, value, strict=True)}

    def topic(self, event: str) -> bytes:
        """Return the first topic (32 bytes) of an event."""
        entry: Any = self._events[event]
        return event_abi_to_log_topic(entry)

    def event(
        self, name: str, topics: Sequence[bytes], data: bytes, *, raw: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Decode the arguments of a log of this event, by name.

        Args:
            raw: Strings to return as the bytes that were sent; `text_of` decodes them.

        Raises: EndpointInconsistent if the log does not fit the interface.
        """
        inputs: list[Any] = self._events[name]["inputs"]
        indexed = [i for i in inputs if i["indexed"]]
        plain = [i for i in inputs if not i["indexed"]]
        try:
            values = {
                i["name"]: decode([collapse_if_tuple(i)], topic)[0]
                for i, topic in zip(indexed, topics[1:], strict=True)
            }
            # Strings are decoded as bytes: their sender may not have used UTF-8.
            body = decode(
                ["bytes" if i["type"] == "string" else collapse_if_tuple(i) for i in plain], data
            )
        except Exception as exc:
            raise EndpointInconsistent(
                f"A log of {name} does not fit the contract's interface."
            ) from exc
        return values | {
            i["name"]: text_of(value) if i["type"] == "string" and i["name"] not in raw else value
            for i, value in zip(plain, body, strict=True)
        }

    def errors(self) -> dict[bytes, dict[str, Any]]:
        """Return the custom errors by selector (4 bytes)."""
        errors_by_selector: dict[bytes, dict[str, Any]] = {}
        for entry in self.entries:
            if entry["type"] == "error":
                any_entry: Any = entry
                errors_by_selector[function_abi_to_4byte_selector(any_entry)] = entry
        return errors_by_selector


def text_of(value: bytes) -> str:
    """Decode bytes to text that Postgres stores: invalid UTF-8 and NUL become escapes."""
    return value.decode("utf-8", "backslashreplace").replace("\x00", "\\x00")


@cache
def contract(name: str) -> ContractAbi:
    """Return the interface of one of our contracts, by its Solidity name."""
    return ContractAbi(load_artifact(name).abi)


@cache
def known_errors() -> dict[bytes, dict[str, Any]]:
    """Return the custom errors of all our contracts by selector: any may come through the hub."""
    errors_by_selector: dict[bytes, dict[str, Any]] = {}
    for path in files("oracle.chain").joinpath("abi").iterdir():
        if path.name.endswith(".json"):
            errors_by_selector |= ContractAbi(json.loads(path.read_text()).get("abi", [])).errors()
    return errors_by_selector


def error_text(entry: dict[str, Any], data: bytes) -> str:
    """Format a custom error with its values: `Name(value, …)`."""
    any_entry: Any = entry
    types = get_abi_input_types(any_entry)
    try:
        values = decode(types, data[4:])
    except Exception:
        return abi_to_signature(any_entry)
    shown = ("0x" + value.hex() if isinstance(value, bytes) else str(value) for value in values)
    return f"{entry['name']}({', '.join(shown)})"
