"""`oracle demo`: run the main use cases on sample pictures, and verify each on chain."""

from oracle.demo.acts import run_demo

__all__ = ["run_demo"]
