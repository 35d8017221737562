"""Opening a file with FFmpeg under the demuxers its content names, never a guessed one.

A guess may fall on a playlist or a list of files to join, which read other files, or the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import av.stream
from av.container import InputContainer

# a tag in front tells nothing of what follows it; none of these reads another file
_MPEG_AUDIO = "mp3,aac,flac"
_DEMUXERS = {
    "audio/aac": "aac",
    "audio/aiff": "aiff",
    "audio/amr": "amr",
    "audio/flac": "flac",
    "audio/mp4": "mov",
    "audio/basic": "au",
    "audio/mp2t": "mpegts",
    "audio/mpeg": _MPEG_AUDIO,
    "audio/ogg": "ogg",
    "audio/wav": "wav",
    "audio/webm": "matroska",
    "audio/x-caf": "caf",
    "audio/x-flv": "flv",
    "audio/x-matroska": "matroska",
    "audio/x-ms-wma": "asf",
    "audio/x-msvideo": "avi",
    "audio/x-w64": "w64",
    "video/mp2t": "mpegts",
    "video/mp4": "mov",
    "video/ogg": "ogg",
    "video/quicktime": "mov",
    "video/webm": "matroska",
    "video/x-flv": "flv",
    "video/x-matroska": "matroska",
    "video/x-ms-asf": "asf",
    "video/x-msvideo": "avi",
}
_OTHERS = "mpeg"


def open_container(path: Path, mime: str) -> InputContainer:
    """Open a file for reading as what its content was found to be (`embeddings.sniff`).

    Raises: av.FFmpegError, ValueError or OSError where it cannot be read as that.
    """
    names = _DEMUXERS.get(mime, _OTHERS)
    if "," in names:
        return av.open(
            str(path), "r", options={"format_whitelist": names}, metadata_errors="ignore"
        )
    return av.open(str(path), "r", format=names, metadata_errors="ignore")


def has_picture_track(path: Path, mime: str) -> bool | None:
    """Whether a container shows moving pictures: a cover or a chapter's thumbnail is none.

    Returns: None where it cannot be opened, or holds neither picture nor sound.
    """
    try:
        with open_container(path, mime) as container:
            attached = av.stream.Disposition.attached_pic
            if any(not stream.disposition & attached for stream in container.streams.video):
                return True
            return False if container.streams.audio else None
    except (av.FFmpegError, ValueError, OSError):
        return None


def played_track(tracks: Sequence[Any]) -> Any:
    """Return the track that players choose: the first that is marked as default, else the first."""
    default = av.stream.Disposition.default
    return next((track for track in tracks if track.disposition & default), tracks[0])
