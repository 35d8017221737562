"""Accounts whose key is at hand: for deploying, and for asking the hub as any contract's owner
would.
"""

from eth_account import Account
from eth_account.signers.local import LocalAccount

from oracle.chain.errors import SigningFailed

__all__ = ["LocalAccount", "load_account"]


def load_account(private_key: str) -> LocalAccount:
    """The account of a private key (32 bytes as hex). Raises: SigningFailed if it is none."""
    try:
        account: LocalAccount = Account.from_key(private_key)
    # eth_keys raises several kinds; none of their messages may reach a log
    except Exception as exc:
        raise SigningFailed("The private key is not 32 bytes of hex.") from exc
    return account
