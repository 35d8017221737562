"""JSON routes, one module for each subject."""

from oracle.api.routes import (
    analyses,
    appeals,
    corrections,
    creators,
    engagement,
    failed_payouts,
    fraud,
    governance,
    grading,
    health,
    history,
    keys,
    licences,
    names,
    neighbours,
    operator_alerts,
    record,
    reports,
    reviews,
    sessions,
    uploads,
    wallets,
)

ROUTERS = tuple(
    module.router
    for module in (
        uploads,
        analyses,
        reports,
        names,
        neighbours,
        governance,
        engagement,
        corrections,
        creators,
        grading,
        health,
        history,
        licences,
        keys,
        sessions,
        fraud,
        appeals,
        reviews,
        record,
        failed_payouts,
        operator_alerts,
        wallets,
    )
)
