"""A made-up creator economy, from a seed: honest people in all their variety, and six kinds of
attack among them.

What it is for: thresholds of the fraud detectors are set on some seeds and measured on others. What
it is not: a sample of real traffic. Shares of traffic, watch times and household sizes are chosen
by us to be plausible; every one of them is a named constant here, so that whoever has real figures
can put them in.
"""

from support.economy.attacks import Attack, AttackKind, Strength
from support.economy.economy import Economy, Plan, make_economy

__all__ = ["Attack", "AttackKind", "Economy", "Plan", "Strength", "make_economy"]
