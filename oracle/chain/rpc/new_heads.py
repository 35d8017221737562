"""New heads over a WebSocket: they only wake the poller; their content is not trusted."""

import json
import threading

import structlog
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

log = structlog.get_logger(__name__)

RECONNECT_S = 5.0
SILENCE_S = 60.0  # a connection without messages for this long is reopened
MAX_MESSAGE_BYTES = 1 << 20
SUBSCRIBE = json.dumps(
    {"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]}
)


class HeadWatcher:
    """Sets an event whenever an endpoint announces a block; the message's content is ignored.

    Without it, or while the connection is down, the node polls as usual: nothing depends on this.
    """

    def __init__(self, url: str) -> None:
        """
        Args:
            url: ws:// or wss:// of an endpoint that serves `eth_subscribe`.
        """
        self._url = url
        self._woken = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="heads")
        self._thread.start()

    @property
    def woken(self) -> threading.Event:
        """Event set at every new head; the waiting thread clears it."""
        return self._woken

    def close(self) -> None:
        """Stop listening."""
        self._stop.set()
        self._thread.join(timeout=2)

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
            except (OSError, WebSocketException, TimeoutError) as exc:
                log.info("heads.away", error=f"{type(exc).__name__}: {exc}", retry_s=RECONNECT_S)
            self._stop.wait(RECONNECT_S)

    def _listen(self) -> None:
        with connect(self._url, open_timeout=10, max_size=MAX_MESSAGE_BYTES) as socket:
            socket.send(SUBSCRIBE)
            silent_s = 0.0
            while not self._stop.is_set() and silent_s < SILENCE_S:
                try:
                    socket.recv(timeout=1.0)
                except TimeoutError:
                    silent_s += 1.0
                    continue
                silent_s = 0.0
                self._woken.set()
