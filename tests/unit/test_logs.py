"""What processes write about themselves holds no secret of theirs."""

import json
import os
import subprocess
import sys

import pytest

from oracle.logs import secrets_of
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


SAID = """
import sys, structlog
from oracle import logs
from oracle.settings import Settings
settings, forms = Settings(), sys.argv[1:]
logs.configure(settings)
log = structlog.get_logger()
log.info("with.values", said=forms, nested={"url": settings.chain_rpc_url})
try:
    raise RuntimeError(f"cannot reach {settings.database_url}: {forms[3]}")
except RuntimeError:
    log.exception("with.errors", host="db.example", short="abc")
"""


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_a_line_holds_no_secret_wherever_it_came_from(as_json: bool) -> None:
    env = os.environ | SECRETS | {"ORACLE_LOG_JSON": str(as_json)}
    done = subprocess.run(
        [sys.executable, "-c", SAID, *FORMS], env=env, capture_output=True, text=True, check=True
    )
    written = done.stderr
    escaped = {json.dumps(form)[1:-1] for form in FORMS}
    assert [form for form in {*FORMS, *escaped} if form in written] == []
    assert "with.values" in written and "db.example" in written and "one.example" in written
    assert "RuntimeError" in written and "abc" in written, "what is no secret stays"
    if as_json:
        assert [json.loads(line)["event"] for line in written.splitlines()] == [
            "with.values",
            "with.errors",
        ]


def test_what_is_no_secret_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    hidden = secrets_of(Settings())
    assert {"client-secret", "rpc-password", "data base", "ab12" * 16} <= hidden
    assert not {"oracle", "db.example", "me"} & hidden
    monkeypatch.setenv("DATABASE_URL", "no url")
    assert "data base" not in secrets_of(Settings())
