"""Strongly connected parts of a directed graph: everybody in one can pass money to everybody
else in it.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


def strong_components(tail: NDArray[Any], head: NDArray[Any]) -> list[NDArray[np.int64]]:
    """The strongly connected components of two or more nodes, each ascending; self-loops do not
    count.

    Nodes that nothing enters or that lead nowhere are cut off first, again and again: of a day's
    gifts that leaves next to nothing. What is left goes through Tarjan's algorithm, without
    recursion.
    Source: Tarjan, "Depth-first search and linear graph algorithms", SIAM J. Comput. 1972.
    """
    tail, head = np.asarray(tail, np.int64), np.asarray(head, np.int64)
    keep = tail != head
    while keep.any():
        tail, head = tail[keep], head[keep]
        keep = np.isin(tail, head) & np.isin(head, tail)
        if keep.all():
            break
    else:
        return []
    order = np.argsort(tail, kind="stable")
    tail, head = tail[order], head[order]
    nodes, first = np.unique(tail, return_index=True)
    ends = np.append(first[1:], len(tail))
    following = {int(n): head[a:b].tolist() for n, a, b in zip(nodes, first, ends, strict=True)}
    return [np.sort(np.array(part, np.int64)) for part in _tarjan(following) if len(part) > 1]


def _tarjan(following: dict[int, list[int]]) -> Iterator[list[int]]:
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    waiting: list[int] = []
    is_waiting: set[int] = set()
    for root in following:
        if root in index:
            continue
        work = [(root, iter(following[root]))]
        index[root] = low[root] = len(index)
        waiting.append(root)
        is_waiting.add(root)
        while work:
            node, rest = work[-1]
            for other in rest:
                if other not in index:
                    index[other] = low[other] = len(index)
                    waiting.append(other)
                    is_waiting.add(other)
                    work.append((other, iter(following.get(other, []))))
                    break
                if other in is_waiting:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    part: list[int] = []
                    while not part or part[-1] != node:
                        part.append(waiting.pop())
                        is_waiting.discard(part[-1])
                    yield part
