"""How long people have to appeal and to decide. Pure."""

from datetime import timedelta

APPEAL_WITHIN = timedelta(days=183)  # six months from the notice

DECIDE_WITHIN = timedelta(days=7)  # an appeal
