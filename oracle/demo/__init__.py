"""`oracle demo`: run the main use cases on sample pictures, and verify each on chain; or keep a
small platform running (`--serve`).
"""

from oracle.demo.acts import run_demo
from oracle.demo.serving import serve_platform

__all__ = ["run_demo", "serve_platform"]
