"""A wallet in a browser (EIP-1193): its key signs, and what it sends is mined."""

from typing import Any

from eth_account import Account as EthAccount
from eth_account.messages import encode_defunct
from playwright.sync_api import Page

from oracle.chain.contracts.account import Account
from oracle.chain.core.wire import hexed
from oracle.chain.keys.signer import LocalSigner
from oracle.chain.rpc.client import ChainClient

PROVIDER = "window.ethereum = {request: (asked) => window.askWallet(asked)}"


def give_wallet(page: Page, client: ChainClient, signer: LocalSigner) -> None:
    """Give a page a wallet of this key, as an extension of the browser would."""
    key = signer._account.key

    def answer(asked: dict[str, Any]) -> Any:
        params = asked.get("params", [])
        match asked["method"]:
            case "eth_requestAccounts":
                return [hexed(signer.address)]
            case "eth_chainId":
                return hex(client.chain_id)
            case "personal_sign":
                signed = EthAccount.sign_message(encode_defunct(hexstr=params[0]), key)
                return hexed(bytes(signed.signature))
            case "eth_sendTransaction":
                (call,) = params
                assert call["from"].lower() == hexed(signer.address)
                sent = Account(client.web3, signer).send(
                    bytes.fromhex(call["to"][2:]),
                    bytes.fromhex(call["data"][2:]),
                    value_wei=int(call["value"], 16),
                )
                return hexed(bytes(sent))
        raise AssertionError(f"no wallet answers {asked['method']}")

    page.expose_function("askWallet", answer)
    page.add_init_script(PROVIDER)
