"""A sample platform that keeps running: `oracle up` in a folder of its own, filled once."""

import threading
import time
from pathlib import Path

import httpx2
import structlog
from pydantic import SecretStr

from oracle.bringup import api_url, run_until_stopped
from oracle.settings import Settings

log = structlog.get_logger()

READY_WITHIN_S = 600.0


def serve_platform(settings: Settings, folder: Path) -> int:
    """Run the oracle with its data in the folder, filled with the sample if it is empty.

    Returns: as `run_until_stopped`. Raises: ConfigurationError, StorageError, ChainError.
    """
    clip = settings.clip.model_copy(update={"fetch": False})
    local = settings.model_copy(update={"data_dir": folder, "clip": clip})
    threading.Thread(
        target=_ask_to_fill, args=(api_url(local), local.http.admin_token), daemon=True
    ).start()
    return run_until_stopped(local)


def _ask_to_fill(url: str, token: SecretStr | None) -> None:
    """Ask for the sample as the button of the first page does, once the oracle is there."""
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
    until = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < until:
        try:
            if httpx2.get(f"{url}/readyz", trust_env=False).status_code == 200:
                answer = httpx2.post(
                    f"{url}/demo", data={"sample": "platform"}, headers=headers, trust_env=False
                )
                log.info("demo.asked", status=answer.status_code, url=url)
                return
        except httpx2.HTTPError:
            pass
        time.sleep(1.0)
