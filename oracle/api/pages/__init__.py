"""HTML pages; every figure on them is also given by the JSON routes."""

from oracle.api.pages import (
    analysis,
    cases,
    certificate,
    check,
    claims,
    creators,
    demo,
    failed_payouts,
    figures,
    home,
    keys,
    licences,
    notices,
    oidc,
    oversight,
    queue,
    rules,
    settings,
    status,
    verdict_appeals,
    wallets,
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
        claims,
        queue,
        rules,
        figures,
        status,
        oversight,
        wallets,
        licences,
        keys,
        notices,
        settings,
        oidc,
        verdict_appeals,
        failed_payouts,
    )
)
