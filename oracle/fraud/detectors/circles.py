"""Strongly connected parts of a directed graph: everybody in one can pass money to everybody
else in it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def strong_components(tail: NDArray[Any], head: NDArray[Any]) -> list[NDArray[np.int64]]:
    """The strongly connected components of two or more nodes, each ascending; self-loops do not
    count.

    Args: tail, head: (n,) integers, one edge each; any numbers may name the nodes.
    Returns: (m,) int64 each, by their smallest node.
    """
    nodes, ends = np.unique(np.concatenate([tail, head]).astype(np.int64), return_inverse=True)
    if not len(nodes):
        return []
    edges = (ends[: len(tail)], ends[len(tail) :])
    graph = coo_array((np.ones(len(tail)), edges), shape=(len(nodes), len(nodes)))
    _, part = connected_components(graph, connection="strong")
    of_many = np.flatnonzero(np.bincount(part)[part] > 1)
    order = of_many[np.argsort(part[of_many], kind="stable")]
    cuts = np.flatnonzero(np.diff(part[order])) + 1
    return (
        sorted(np.split(nodes[order], cuts), key=lambda found: int(found[0])) if len(order) else []
    )
