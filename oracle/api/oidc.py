"""Signing creators in by an OpenID provider of the platform: code flow with PKCE.

Source: OpenID Connect Core 1.0, section 3.1; RFC 7636.
"""

import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from oracle.errors import ConfigurationError, KeyRequired, OracleError
from oracle.settings import OidcSettings

TIMEOUT_S = 10.0
LEEWAY_S = 60
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384"]


class ProviderUnavailable(OracleError):
    """The provider that signs creators in cannot be reached. Try again in a minute."""

    code = "provider_unavailable"


@dataclass(frozen=True)
class Flow:
    """What a browser keeps while the provider asks who it is; each is good once."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def begin(cls) -> "Flow":
        """Begin a sign-in."""
        return cls(*(secrets.token_urlsafe(32) for _ in range(3)))


class Provider:
    """An OpenID provider, as its own description says where its parts are."""

    def __init__(self, settings: OidcSettings, redirect_uri: str) -> None:
        """Raises: ConfigurationError where none is set."""
        if settings.issuer is None or settings.client_id is None:
            raise ConfigurationError("No OpenID provider is set (ORACLE_OIDC__ISSUER, CLIENT_ID).")
        self._issuer = settings.issuer.rstrip("/")
        self._client_id = settings.client_id
        self._claim = settings.creator_claim
        secret = settings.client_secret
        self._session = OAuth2Session(
            settings.client_id,
            secret.get_secret_value() if secret else None,
            redirect_uri=redirect_uri,
            scope=settings.scope,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic" if secret else "none",
        )

    def authorization_url(self, flow: Flow) -> str:
        """Return where the browser is sent to. Raises: ProviderUnavailable."""
        url, _ = self._session.create_authorization_url(
            self._described("authorization_endpoint"),
            state=flow.state,
            nonce=flow.nonce,
            code_verifier=flow.verifier,
        )
        return str(url)

    def creator(self, callback: str, flow: Flow) -> str:
        """Return the name of the creator whom the provider vouches for, from its answer.

        Args: callback: the address that the browser came back to, with `code` and `state`.
        Raises: KeyRequired for an answer that proves nobody, ProviderUnavailable.
        """
        try:
            token = self._session.fetch_token(
                self._described("token_endpoint"),
                authorization_response=callback,
                grant_type="authorization_code",
                state=flow.state,
                code_verifier=flow.verifier,
                timeout=TIMEOUT_S,
            )
            keys = KeySet.import_key_set(self._get(self._described("jwks_uri")))
            claims = jwt.decode(token["id_token"], keys, algorithms=ALGORITHMS).claims
            jwt.JWTClaimsRegistry(
                leeway=LEEWAY_S,
                iss={"essential": True, "value": self._issuer_said()},
                aud={"essential": True, "value": self._client_id},
                nonce={"essential": True, "value": flow.nonce},
                exp={"essential": True},
            ).validate(claims)
        except requests.RequestException as exc:
            raise ProviderUnavailable from exc
        except (AuthlibBaseError, JoseError, KeyError, ValueError) as exc:
            raise KeyRequired(f"The provider did not say who you are ({exc}). Try again.") from exc
        name = claims.get(self._claim)
        if not isinstance(name, str) or not name.strip():
            raise KeyRequired(
                f"The provider says nothing of {self._claim!r}, which names you here."
            )
        return name

    def _issuer_said(self) -> str:
        said = self._described("issuer")
        if said.rstrip("/") != self._issuer:
            raise KeyRequired("The provider calls itself by another name than is set here.")
        return said

    def _described(self, name: str) -> str:
        described = self._get(f"{self._issuer}/.well-known/openid-configuration")
        value = described.get(name)
        if not isinstance(value, str) or urlsplit(value).scheme not in ("http", "https"):
            raise ProviderUnavailable(f"The provider's description has no {name!r}.")
        return value

    def _get(self, url: str) -> Any:
        try:
            answer = requests.get(url, timeout=TIMEOUT_S)
            answer.raise_for_status()
            return answer.json()
        except (requests.RequestException, ValueError) as exc:
            raise ProviderUnavailable from exc
