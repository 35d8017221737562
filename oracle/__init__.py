"""The originality oracle: the service that decides, explains and delivers."""

import os

# Before NumPy is loaded: its threads wait for each other by spinning, and workers run in parallel
# anyway. On two busy cores that made the comparison of key points ten times slower.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
