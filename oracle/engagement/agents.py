"""Names of programs: which say themselves that nobody watches through them.

The lists are those of crawler-user-agents (MIT), the devices those of ua-parser (Apache 2.0). A
name proves nothing about a person: it decides only where no account stands beside it. Names that
apps, televisions and desktop windows of chats really have are people's, however odd.
"""

import re
from enum import StrEnum
from functools import lru_cache

import crawleruseragents  # type: ignore[import-untyped]
from ua_parser import parse


class Program(StrEnum):
    """Programs that say what they are."""

    ROBOT = "robot"  # crawlers, previews, prefetchers, monitors
    TOOL = "tool"  # command lines, scripts, browsers without a window


# Libraries that apps on phones and televisions fetch with, often under the library's own name.
OF_APPS = re.compile(
    r"okhttp|CFNetwork|Dalvik|Dart/|ktor|Apache-HttpClient|Alamofire|AFNetworking|axios|node-fetch"
    r"|Cronet|ExoPlayer|AppleCoreMedia|libmpv|VLC|Kodi|stagefright|Unity|UnrealEngine|reqwest",
    re.IGNORECASE,
)
# Tools that no app is built on: command lines, and browsers that nobody sits before.
BY_HAND = re.compile(r"^(?:curl|HTTPie)|wget", re.IGNORECASE)
WINDOW = re.compile(
    r"\bElectron/|\bCriOS/|\bFxiOS/|\bEdgW?/|Slack_SSB|Desktop\b|Steam HTTP Client"
    r"|^WhatsApp/\S+ W$"
)
# What robots say by convention: an address to read about them, or their kind at a word's end.
SAYS_SO = re.compile(
    r"\(\s*\+https?://|; \+https?://|(?:bot|crawler|spider|preview|prefetch|monitoring|cardyb)\b",
    re.IGNORECASE,
)
ENGINES = re.compile(r"AppleWebKit|Gecko/|Trident/|Presto/")
TOOLS = frozenset({"http-library", "browser-automation"})
PREVIEW = frozenset({"social-preview"})
SPIDER = "Spider"


@lru_cache(maxsize=200_000)
def program_of(agent: str) -> Program | None:
    """Tell what a user agent says of itself; None for what people use, and for no name at all."""
    if not agent.strip():
        return None
    tags = _tags(agent)
    if tags and tags <= TOOLS:
        return None if OF_APPS.search(agent) else Program.TOOL
    says_so = SAYS_SO.search(agent) is not None
    if tags == PREVIEW and ENGINES.search(agent) and not says_so:
        return None  # a chat's window: what only fetches a preview needs no engine
    device = parse(agent).device
    family = device.family if device else ""
    if family == SPIDER:
        return None if WINDOW.search(agent) or agent.startswith("Java/") else Program.ROBOT
    if tags:
        return None if WINDOW.search(agent) or _is_real(family) else Program.ROBOT
    named = says_so and not ENGINES.search(agent) and not _is_real(family)
    return Program.ROBOT if named else None


def is_library(agent: str) -> bool:
    """Tell whether a tool is a library under its own name, as apps may send it, too."""
    return _tags(agent) == {"http-library"} and not BY_HAND.search(agent)


def _tags(agent: str) -> set[str]:
    return {
        tag
        for number in crawleruseragents.matching_crawlers(agent)
        for tag in crawleruseragents.CRAWLER_USER_AGENTS_DATA[number].get("tags", ())
    }


def _is_real(family: str) -> bool:
    return bool(family) and not family.startswith(("Generic", "Other", "Mac"))
