"""`oracle demo`: the main job told once, by itself, and verified."""

from oracle.demo.story import tell

__all__ = ["tell"]
