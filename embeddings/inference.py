"""ONNX Runtime as every network here is run by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def open_session(graph: bytes | Path) -> Any:
    """Open a session on one CPU thread: callers work on several pictures at once as it is."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # What one picture took is not kept for the next: processes wait more than they work.
    options.enable_cpu_mem_arena = False
    source = graph if isinstance(graph, bytes) else str(graph)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
