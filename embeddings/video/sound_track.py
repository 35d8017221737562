"""Copy the sound track out of a video while its pictures are read, in one pass."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet

from embeddings.containers import played_track


class SoundTrack:
    """Writes the sound track that players choose to a Matroska file; a context manager.

    A track that Matroska cannot hold is left out, with a note. ``written``: whether there is a
    file; ``lost``: whether there is a track of which there is none.
    """

    def __init__(self, container: InputContainer, path: Path | None, notes: list[str]) -> None:
        self._notes = notes
        self._output: OutputContainer | None = None
        self._path = path
        self.written = self.lost = False
        tracks = container.streams.audio
        played = played_track(tracks) if path is not None and tracks else None
        self.source = played if isinstance(played, AudioStream) else None
        if self.source is None or path is None:
            self.lost = played is not None
            return
        try:
            self._output = av.open(str(path), "w", format="matroska")
            self._track = self._output.add_stream_from_template(self.source)
        except (av.FFmpegError, ValueError) as error:
            self._give_up(str(error))

    def take(self, packet: Packet[Any]) -> None:
        """Copy one packet."""
        if self._output is None or packet.size == 0:
            return
        if packet.dts is None:
            packet.dts = packet.pts
        packet.stream = self._track
        try:
            self._output.mux(packet)
            self.written = True
        except (av.FFmpegError, ValueError) as error:
            self._give_up(str(error))

    def _give_up(self, why: str) -> None:
        self._notes.append(f"the sound track cannot be read ({why})")
        self._output, self.source, self.written, self.lost = None, None, False, True

    def __enter__(self) -> SoundTrack:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._output is None:
            return
        try:
            self._output.close()
        except av.FFmpegError as failure:
            if kind is None:
                self._give_up(str(failure))
