"""HTML pages; every figure on them is also given by the JSON routes."""

from oracle.api.pages import (
    analysis,
    cases,
    certificate,
    check,
    creators,
    failed_payouts,
    home,
    keys,
    licences,
    notices,
    verdict_appeals,
)

ROUTERS = tuple(
    module.router
    for module in (
        home,
        check,
        certificate,
        analysis,
        creators,
        cases,
        licences,
        keys,
        notices,
        verdict_appeals,
        failed_payouts,
    )
)
