"""HTML pages; every figure on them is also given by the JSON routes."""

from oracle.api.pages import (
    analysis,
    cases,
    certificate,
    check,
    creators,
    demo,
    failed_payouts,
    home,
    keys,
    licences,
    notices,
    oidc,
    settings,
    verdict_appeals,
)

ROUTERS = tuple(
    module.router
    for module in (
        home,
        demo,
        check,
        certificate,
        analysis,
        creators,
        cases,
        licences,
        keys,
        notices,
        settings,
        oidc,
        verdict_appeals,
        failed_payouts,
    )
)
