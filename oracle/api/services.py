"""The services that routes use; `oracle.app` builds them once for the application."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from anyio import CapacityLimiter
from fastapi import Depends, Request

from oracle.api.answers import Answers
from oracle.api.fetching import FetchTurns
from oracle.api.probe import Probe
from oracle.api.record_cache import RecordCache
from oracle.chain.rpc.client import ChainClient
from oracle.fetch import Fetcher
from oracle.media.handler import MediaHandlers
from oracle.originality.evidence import channel_state
from oracle.originality.intake import Intake
from oracle.originality.judge import Judge
from oracle.originality.precheck import Checker
from oracle.payouts.onchain import PayoutAsset
from oracle.settings import Settings
from storage.blobs import BlobStore
from storage.database import Database


@dataclass(frozen=True, kw_only=True)
class Services:
    """The parts of the oracle that the API uses."""

    settings: Settings
    db: Database
    answers: Answers
    probe: Probe[Any]
    scrape: Probe[bytes]
    record: RecordCache
    blobs: BlobStore
    intake: Intake
    checker: Checker
    judge: Judge
    fetcher: Fetcher
    handlers: MediaHandlers
    payout_asset: PayoutAsset
    # Slow files and slow servers take threads of their own, not those of every other route.
    fetching: FetchTurns
    submitting: CapacityLimiter
    # The door to the chain, to read from. Raises: ConfigurationError where none is set.
    chain: Callable[[], ChainClient]

    @property
    def channels(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the channels that each media type is compared by, by media type and name."""
        return {
            handler.media_type: {
                name: channel_state(state) for name, state in handler.channels.items()
            }
            for handler in self.handlers.values()
        }


def get_services(request: Request) -> Services:
    """Return the services of this application."""
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(get_services)]
