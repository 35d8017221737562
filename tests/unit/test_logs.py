"""What processes write about themselves holds no secret of theirs."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from oracle import logs
from oracle.settings import Settings

SECRETS = {
    "ORACLE_HTTP__ADMIN_TOKEN": 'operator "token"',
    "ORACLE_CHAIN__KEY": "0x" + "ab12" * 16,
    "ORACLE_CHAIN__KEY_PASSWORD": "keystore-password",
    "ORACLE_MAIL__PASSWORD": "mail\\password",
    "ORACLE_OIDC__CLIENT_SECRET": "client-secret",
    "DATABASE_URL": "postgresql://oracle:data%20base@db.example/oracle",
    "CHAIN_RPC_URL": "https://me:rpc-password@one.example/v3/0123456789abcdef0123,"
    "https://two.example/rpc?apikey=fedcba9876543210fedc",
}
FORMS = (
    'operator "token"',
    "ab12" * 16,
    ("ab12" * 16).upper(),
    "keystore-password",
    "mail\\password",
    "client-secret",
    "data%20base",
    "data base",
    "rpc-password",
    "0123456789abcdef0123",
    "fedcba9876543210fedc",
)


@pytest.fixture(params=[False, True], ids=["text", "json"])
def settings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    before = structlog.get_config()
    found = Settings(log_json=request.param)
    logs.configure(found)
    yield found
    structlog.configure(**before)


def test_a_line_holds_no_secret_wherever_it_came_from(
    capsys: pytest.CaptureFixture[str], settings: Settings
) -> None:
    log: Any = structlog.get_logger()
    log.info("with.values", said=list(FORMS), nested={"url": settings.chain_rpc_url})
    try:
        raise RuntimeError(f"cannot reach {settings.database_url}: {FORMS[3]}")
    except RuntimeError:
        log.exception("with.errors", host="db.example", short="abc")
    written = capsys.readouterr().err
    escaped = {json.dumps(form)[1:-1] for form in FORMS}
    assert [form for form in {*FORMS, *escaped} if form in written] == []
    assert "with.values" in written and "db.example" in written and "one.example" in written
    assert "RuntimeError" in written and "abc" in written, "what is no secret stays"
    if settings.log_json:
        assert [json.loads(line)["event"] for line in written.splitlines()] == [
            "with.values",
            "with.errors",
        ]


def test_every_secret_setting_is_hidden(settings: Settings) -> None:
    """Whatever is declared as one, also in groups to come."""
    hidden = logs.secrets_of(settings)
    assert {"client-secret", "rpc-password", "data base", "ab12" * 16} <= hidden
    assert not {"oracle", "db.example", "me"} & hidden
    assert logs.secrets_of(Settings(database_url="not a url", chain_rpc_url=None)) is not None
