"""How long people have to appeal and to decide, and events are kept. Pure."""

from datetime import timedelta

# A verdict can be disputed for so long where no terms of its policy were read from the chain.
DISPUTE_WINDOW = timedelta(days=7)

APPEAL_WITHIN = timedelta(days=183)  # six months from the notice

DECIDE_WITHIN = timedelta(days=7)  # an appeal

# How long events are stored; a grade is final long before, and its counts and facts are never
# dropped.
EVENTS_KEPT = timedelta(days=90)
