"""Suspicious patterns in engagement: what was seen, what it means for money, and what can be
done about it.
"""
