"""The originality oracle: the service that decides, explains and delivers."""

import os

# Before NumPy is loaded: workers run in parallel anyway, and on busy cores threads that wait for
# each other make the comparison of key points several times slower.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
