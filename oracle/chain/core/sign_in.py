"""EIP-4361 messages ("Sign-In with Ethereum"), written and parsed. Pure.

Source: ERC-4361, https://eips.ethereum.org/EIPS/eip-4361, the ABNF of the message format.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from oracle.chain.core.ids import parse_account
from oracle.chain.errors import InvalidAddress, InvalidSignInMessage

HEADER = " wants you to sign in with your Ethereum account:"
NONCE = re.compile(r"[0-9a-zA-Z]{8,}")
DOMAIN = re.compile(r"[0-9a-zA-Z.\-\[\]:]+")
# RFC 3339, as far as the standard uses it.
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.IGNORECASE)
REQUIRED = ("URI", "Version", "Chain ID", "Nonce", "Issued At")
OPTIONAL = ("Expiration Time", "Not Before", "Request ID")


@dataclass(frozen=True, kw_only=True)
class SignInMessage:
    """What a wallet signs: which account, for whom, for what, once and for how long."""

    domain: str
    address: str  # 0x-hex with checksum
    statement: str | None
    uri: str
    chain_id: int
    nonce: str
    issued_at: datetime
    expires_at: datetime | None = None
    not_before: datetime | None = None
    request_id: str | None = None
    resources: tuple[str, ...] = ()

    def text(self) -> str:
        """The message, to the byte as it is signed."""
        lines = [self.domain + HEADER, self.address, ""]
        if self.statement is not None:
            lines += [self.statement]
        lines += ["", f"URI: {self.uri}", "Version: 1", f"Chain ID: {self.chain_id}"]
        lines += [f"Nonce: {self.nonce}", f"Issued At: {_time(self.issued_at)}"]
        if self.expires_at is not None:
            lines.append(f"Expiration Time: {_time(self.expires_at)}")
        if self.not_before is not None:
            lines.append(f"Not Before: {_time(self.not_before)}")
        if self.request_id is not None:
            lines.append(f"Request ID: {self.request_id}")
        if self.resources:
            lines += ["Resources:", *(f"- {resource}" for resource in self.resources)]
        return "\n".join(lines)

    @property
    def account(self) -> bytes:
        """The wallet's 20 bytes."""
        return bytes.fromhex(self.address[2:])


def parse_sign_in(text: str) -> SignInMessage:
    """Read a message. Raises: InvalidSignInMessage naming the field that is wrong."""
    lines = text.split("\n")
    if len(lines) < 9 or not lines[0].endswith(HEADER):
        raise InvalidSignInMessage("That is no sign-in message of EIP-4361.")
    domain = lines[0].removesuffix(HEADER).rpartition("://")[2]
    if not DOMAIN.fullmatch(domain):
        raise InvalidSignInMessage(f"'{domain}' is no domain.")
    address = lines[1]
    try:
        account = parse_account(address)
    except InvalidAddress as exc:
        raise InvalidSignInMessage(str(exc)) from exc
    if account is None or address in (address.lower(), address.upper()):
        raise InvalidSignInMessage(f"'{address}' is no address with its checksum (EIP-55).")
    if lines[2] != "":
        raise InvalidSignInMessage("An empty line has to follow the address.")
    statement, at = None, 3
    if lines[at] != "":
        statement, at = lines[at], at + 1
    if lines[at] != "":
        raise InvalidSignInMessage("An empty line has to follow the statement.")
    fields, resources = _fields(lines[at + 1 :])
    if fields["Version"] != "1":
        raise InvalidSignInMessage(f"Version {fields['Version']!r} is not 1.")
    if not NONCE.fullmatch(fields["Nonce"]):
        raise InvalidSignInMessage("The nonce is not 8 or more letters and digits.")
    if not fields["Chain ID"].isdecimal():
        raise InvalidSignInMessage(f"Chain ID {fields['Chain ID']!r} is no number.")
    expires, not_before = fields.get("Expiration Time"), fields.get("Not Before")
    return SignInMessage(
        domain=domain,
        address=address,
        statement=statement,
        uri=fields["URI"],
        chain_id=int(fields["Chain ID"]),
        nonce=fields["Nonce"],
        issued_at=_moment("Issued At", fields["Issued At"]),
        expires_at=_moment("Expiration Time", expires) if expires is not None else None,
        not_before=_moment("Not Before", not_before) if not_before is not None else None,
        request_id=fields.get("Request ID"),
        resources=resources,
    )


def _fields(lines: list[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The named lines in their order, and the resources after them."""
    fields: dict[str, str] = {}
    at = 0
    for name in (*REQUIRED, *OPTIONAL):
        prefix = f"{name}: "
        if at < len(lines) and lines[at].startswith(prefix):
            fields[name] = lines[at].removeprefix(prefix)
            at += 1
        elif name in REQUIRED:
            raise InvalidSignInMessage(f"The line '{name}: …' is missing or out of its place.")
    rest = lines[at:]
    if rest and rest[0] == "Resources:" and all(line.startswith("- ") for line in rest[1:]):
        return fields, tuple(line[2:] for line in rest[1:])
    if rest:
        raise InvalidSignInMessage(f"The line {rest[0]!r} does not belong there.")
    return fields, ()


def _moment(name: str, text: str) -> datetime:
    if not TIME.fullmatch(text):
        raise InvalidSignInMessage(f"{name}: {text!r} is no time with a zone (RFC 3339).")
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError as exc:
        raise InvalidSignInMessage(f"{name}: {text!r} is no time.") from exc


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
