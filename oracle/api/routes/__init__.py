"""JSON routes, one module for each subject."""

from oracle.api.routes import (
    analyses,
    appeals,
    creators,
    engagement,
    fraud,
    governance,
    grading,
    health,
    neighbours,
    stuck_payouts,
    uploads,
)

ROUTERS = tuple(
    module.router
    for module in (
        uploads,
        analyses,
        neighbours,
        governance,
        engagement,
        creators,
        grading,
        health,
        fraud,
        appeals,
        stuck_payouts,
    )
)
