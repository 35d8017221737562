"""Counting over codes, without loops."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

WILSON_Z = 1.96
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def tally(codes: NDArray[Any], size: int) -> Ints:
    """Count each code: (size,); negative codes are left out."""
    return np.bincount(codes[codes >= 0], minlength=size).astype(np.int64)


def total(codes: NDArray[Any], weights: NDArray[Any], size: int) -> Floats:
    """Sum the weights of each code: (size,); negative codes are left out."""
    known = codes >= 0
    return np.bincount(codes[known], weights=weights[known], minlength=size).astype(np.float64)


def pairs(left: NDArray[Any], right: NDArray[Any]) -> tuple[Ints, Ints, Ints]:
    """Return the distinct pairs of two columns of codes, and how often each occurs.

    Rows with a negative code are left out.
    """
    known = (left >= 0) & (right >= 0)
    left, right = left[known].astype(np.int64), right[known].astype(np.int64)
    if not len(left):
        none = np.zeros(0, np.int64)
        return none, none, none
    width = int(right.max()) + 1
    keys, counts = np.unique(left * width + right, return_counts=True)
    return keys // width, keys % width, counts


def wilson_lower_bound(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    """Return the lower end of Wilson's 95 % interval of part/whole; 0 where the part is 0.

    A share from few events is thus not overstated.
    Source: Wilson, "Probable inference", JASA 1927.
    """
    n = np.maximum(np.asarray(whole, np.float64), 1.0)
    p = np.minimum(np.asarray(part, np.float64) / n, 1.0)
    z2 = WILSON_Z**2
    centre = p + z2 / (2 * n)
    spread = WILSON_Z * np.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    low = np.maximum((centre - spread) / (1 + z2 / n), 0.0)
    return np.where(np.asarray(part) > 0, low, 0.0)


def vary(values: NDArray[Any]) -> bool:
    """Tell whether values differ as people do: the upper quartile is a tenth above the lower."""
    low, high = np.percentile(values, [25, 75])
    return bool(0 < low * 1.1 <= high)


def components(left: NDArray[Any], right: NDArray[Any], size: int) -> Ints:
    """(size,) the smallest node of each node's connected component.

    Args:
        left, right: (m,) ends of the edges, nodes 0..size-1.
    """
    graph = coo_array((np.ones(len(left)), (left, right)), shape=(size, size))
    _, part = connected_components(graph, directed=False)
    smallest: Ints = np.unique(part, return_index=True)[1].astype(np.int64)[part]
    return smallest


def usual_range(share: Floats, enough: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the 5th and 95th percentile of a share, in percent, over subjects with enough events.

    (0, 0) where no subject has enough.
    """
    if not enough.any():
        return 0.0, 0.0
    low, high = np.percentile(share[enough], [5, 95]) * 100
    return round(float(low), 1), round(float(high), 1)
