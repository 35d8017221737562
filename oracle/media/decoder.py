"""A decoder: a process that looks into one file after the other, and may die of any of them.

It is started by `oracle.media.decoders` as `python -m oracle.media.decoder FD`, in an environment
without secrets, and ends with its parent.
"""

import copyreg
import ctypes
import gc
import io
import logging
import os
import pickle
import pickletools
import resource
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import is_dataclass
from enum import Enum
from multiprocessing.connection import Connection
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from PIL import Image

from embeddings.errors import EmbeddingError
from oracle.media.handler import MediaHandlers
from oracle.media.making import HandlerOptions, make_handlers

REST_S = 5.0
IDLE_S = 1800.0  # without work for so long it ends, and is started again when it is needed
RESIDENT, DATA = 1, 5  # fields of /proc/self/statm
RECYCLE_BYTES = 600 * 2**20  # grown so far it ends after its work: what a file took is given back
# What an answer may be made of. The parent reads no other names, as a file could have taken over
# the process that it comes from.
ALLOWED = ("embeddings.", "oracle.media.", "storage.search.")
ALLOWED_NAMES = frozenset(
    {
        ("builtins", "complex"),
        ("builtins", "frozenset"),
        ("builtins", "set"),
        ("builtins", "slice"),
        ("builtins", "dict"),
        ("numpy", "dtype"),
        ("numpy._core.numeric", "_frombuffer"),
    }
)
# How reading what is no pickle ends, beside an UnpicklingError.
NONSENSE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    EmbeddingError,
    ImportError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)


# Older protocols number the places of the memo, which a large number makes as large; ours never do.
PLACES = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})


class _ArrayKind:
    """In the place of numpy's class, which would make an array of any size out of a few bytes."""


def _array(kind: object, shape: object, _: object) -> Any:
    """An array that takes its shape with its data."""
    if kind is not _ArrayKind or shape != (0,):
        raise pickle.UnpicklingError("An array without its data is no part of an answer.")
    return np.empty(0, np.int8)


def _scalar(dtype: Any, data: object = b"") -> Any:
    if dtype.hasobject or not isinstance(data, bytes) or len(data) != dtype.itemsize:
        raise pickle.UnpicklingError("A number without its data is no part of an answer.")
    return np.frombuffer(data, dtype)[0]


class _Picture(Image.Image):
    """A picture that is no larger than its data."""

    def __setstate__(self, state: list[Any]) -> None:
        (width, height), data = state[2], state[4]
        if width * height > 8 * len(data):  # eight pixels to a byte at the most
            raise pickle.UnpicklingError("A picture without its data is no part of an answer.")
        object.__setattr__(self, "__class__", Image.Image)
        Image.Image.__setstate__(self, state)


# What numpy and Pillow call as they read, bounded by what was sent.
INSTEAD = {
    ("numpy", "ndarray"): _ArrayKind,
    ("numpy._core.multiarray", "_reconstruct"): _array,
    ("numpy.core.multiarray", "_reconstruct"): _array,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("PIL.Image", "Image"): _Picture,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (bounded := INSTEAD.get((module, name))) is not None:
            return bounded
        plain = module.startswith(ALLOWED) and "." not in name
        if plain or (module, name) in ALLOWED_NAMES:
            found = super().find_class(module, name)
            if (module, name) in ALLOWED_NAMES or _only_holds(found):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is no part of an answer.")


def _only_holds(found: object) -> bool:
    """Whether it is a kind of value: what is made of it does nothing."""
    return isinstance(found, type) and (
        is_dataclass(found) or issubclass(found, EmbeddingError | Enum | tuple)
    )


def dump(message: object) -> bytes:
    """Write a message between the processes."""
    return pickle.dumps(message, protocol=5)


def load(data: bytes) -> Any:
    """Read a message of a decoder: data of ours and arrays, nothing else. Raises:
    UnpicklingError.
    """
    try:
        if any(opcode.name in PLACES for opcode, _, _ in pickletools.genops(data)):
            raise pickle.UnpicklingError("What names places in the memo is no answer.")
        return _Unpickler(io.BytesIO(data)).load()
    except NONSENSE as exc:
        raise pickle.UnpicklingError(f"{type(exc).__name__}: {exc}") from exc


def _as_dict(mapping: Any) -> Any:
    return dict, (dict(mapping),)


# It cannot be written itself.
copyreg.pickle(MappingProxyType, _as_dict)


def memory_bytes(which: int) -> int:
    """Return how much memory this process has: RESIDENT, or DATA as its limit counts it."""
    return int(Path("/proc/self/statm").read_text().split()[which]) * resource.getpagesize()


def give_back_memory() -> None:
    """Return what was freed to the system, which the C library keeps otherwise."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
    if trim is not None:
        trim(0)


def warm(handlers: MediaHandlers) -> None:
    """Load the models, which are loaded when they are first used."""
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        Image.fromarray(noise).save(file, "PNG")
        file.flush()
        handlers["image"].extract(Path(file.name))


def serve(line: Connection, options: HandlerOptions, limit_bytes: int) -> None:
    """Answer calls until the parent hangs up, nothing comes for long, or this has grown large."""
    handlers = make_handlers(options)
    warm(handlers)
    give_back_memory()
    limit = memory_bytes(DATA) + limit_bytes
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    line.send_bytes(dump(("ready",)))
    while _is_called(line):
        try:
            media_type, method, arguments, options_ = pickle.loads(line.recv_bytes())
        except EOFError:
            return
        if options_.pop("progress", False):
            options_["progress"] = lambda *news: line.send_bytes(dump(("progress", news)))
        line.send_bytes(_answer(getattr(handlers[media_type], method), arguments, options_))
        if memory_bytes(RESIDENT) > RECYCLE_BYTES:
            return


def _answer(
    method: Callable[..., Any], arguments: tuple[object, ...], options: dict[str, Any]
) -> bytes:
    try:
        return dump(("done", method(*arguments, **options)))
    except EmbeddingError as exc:
        return dump(("memory", None) if _for_want_of_memory(exc) else ("refused", exc))
    except MemoryError:
        return dump(("memory", None))
    except Exception as exc:
        # Where a library meets a file that it does not expect, anything may come.
        traceback.print_exc()
        return dump(("crashed", f"{type(exc).__name__}: {exc}"[:500]))


def _is_called(line: Connection) -> bool:
    """Wait for a call, or a hang-up; what is not needed meanwhile is given back."""
    if line.poll(REST_S):
        return True
    give_back_memory()
    return line.poll(IDLE_S)


def _for_want_of_memory(exc: BaseException | None) -> bool:
    """Whether a file was given up for that reason, whatever was said of it then."""
    while exc is not None:
        if isinstance(exc, MemoryError):
            return True
        exc = exc.__cause__ or exc.__context__
    return False


def main() -> None:
    """Run as a decoder on the line whose file descriptor is the argument."""
    line = Connection(int(sys.argv[1]))
    logging.basicConfig(level=logging.ERROR)
    os.nice(1)
    options, limit_bytes = pickle.loads(line.recv_bytes())
    try:
        serve(line, options, limit_bytes)
    except (BrokenPipeError, ConnectionResetError):
        return  # the parent has gone


if __name__ == "__main__":
    main()
