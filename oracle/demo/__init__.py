"""`oracle demo`: the main job told once, by itself, and verified."""

from oracle.demo.acts import tell

__all__ = ["tell"]
