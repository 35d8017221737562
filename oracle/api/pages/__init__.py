"""Pages for people; every figure on them is one that the JSON routes give too."""

from oracle.api.pages import analysis, cases, creators, home, stuck_payouts, verdict_appeals

ROUTERS = tuple(
    module.router for module in (home, analysis, creators, cases, verdict_appeals, stuck_payouts)
)
