"""Convert database columns to the detectors' columns: hashes to codes, row ids to indexes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oracle.fraud.detectors.events import Accounts, Codes, Events
from storage.fraud.events import NO_NAME, RawEvents


@dataclass(frozen=True)
class Loaded:
    """Events, and the database keys that their codes stand for.

    Attributes:
        post, account, device, ip: (n,) hash of each code.
        creator: (n,) `creators.id` of each code.
    """

    events: Events
    post: NDArray[np.int64]
    account: NDArray[np.int64]
    device: NDArray[np.int64]
    ip: NDArray[np.int64]
    creator: NDArray[np.int64]


def encode(raw: RawEvents) -> Loaded:
    """Replace hashes by codes 0..n-1."""
    rows, sign_ups = raw.events, raw.sign_ups
    post_hash, post = _codes(rows["post"])
    device_hash, device = _codes(rows["device"])
    account_hash = np.unique(np.concatenate([rows["account"], sign_ups["account"]]))
    account_hash = account_hash[account_hash != NO_NAME]
    account = _find(account_hash, rows["account"])
    ip_hash = np.unique(np.concatenate([rows["ip"], sign_ups["ip"]]))
    ip_hash = ip_hash[ip_hash != NO_NAME]
    creator_id = np.unique(
        np.concatenate([rows["creator_id"], _active_creator_ids(raw, account_hash)])
    )
    creator_id = creator_id[creator_id >= 0]
    creator = _find(creator_id, rows["creator_id"])
    agent_id, agents = _table(raw.agents)
    referrer_id, referrers = _table(raw.referrers)
    post_creator = np.full(len(post_hash), -1, np.int32)
    post_creator[post[post >= 0]] = creator[post >= 0]
    events = Events(
        kind=rows["kind"].astype(np.int8),
        at_s=rows["at_s"].astype(np.int64),
        post=post,
        creator=creator,
        account=account,
        device=device,
        ip=_find(ip_hash, rows["ip"]),
        agent=_find(agent_id, rows["agent_id"]),
        referrer=_find(referrer_id, rows["referrer_id"]),
        watch_s=(rows["watch_ms"] / 1000.0).astype(np.float32),
        video_s=(rows["length_ms"] / 1000.0).astype(np.float32),
        value=rows["value"].astype(np.int64),
        post_creator=post_creator,
        accounts=_accounts(raw, account_hash, ip_hash, agent_id, creator_id),
        agents=agents,
        referrers=referrers,
        creators=len(creator_id),
        start_s=raw.start_s,
        end_s=raw.end_s,
    )
    return Loaded(events, post_hash, account_hash, device_hash, ip_hash, creator_id)


def _accounts(
    raw: RawEvents,
    account_hash: NDArray[np.int64],
    ip_hash: NDArray[np.int64],
    agent_id: NDArray[np.int64],
    creator_id: NDArray[np.int64],
) -> Accounts:
    n, sign_ups = len(account_hash), raw.sign_ups
    at = _find(account_hash, sign_ups["account"])
    known = at >= 0
    _, shape = _codes(sign_ups["shape"])
    signed_up = np.zeros(n, np.int64)
    signed_up[at[known]] = sign_ups["at_s"][known]

    def column(codes: Codes) -> Codes:
        values = np.full(n, -1, np.int32)
        values[at[known]] = codes[known]
        return values

    owner = np.full(n, -1, np.int32)
    owner_code = _find(account_hash, raw.creators["account"])
    owner[owner_code[owner_code >= 0]] = _find(creator_id, raw.creators["id"])[owner_code >= 0]
    has_gifted = np.zeros(n, np.bool_)
    giver = _find(account_hash, raw.givers)
    has_gifted[giver[giver >= 0]] = True
    first_seen = np.zeros(n, np.int64)
    there = _find(account_hash, raw.seen["account"])
    first_seen[there[there >= 0]] = raw.seen["at_s"][there >= 0]
    return Accounts(
        signed_up_s=signed_up,
        shape=column(shape),
        ip=column(_find(ip_hash, sign_ups["ip"])),
        agent=column(_find(agent_id, sign_ups["agent_id"])),
        creator=owner,
        gifted_before=has_gifted,
        first_seen_s=first_seen,
    )


def _active_creator_ids(raw: RawEvents, account_hash: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the ids of the creators whose own account acted."""
    ids: NDArray[np.int64] = raw.creators["id"][_find(account_hash, raw.creators["account"]) >= 0]
    return ids


def _codes(hashes: NDArray[np.int64]) -> tuple[NDArray[np.int64], Codes]:
    names = np.unique(hashes)
    names = names[names != NO_NAME]
    return names, _find(names, hashes)


def _find(names: NDArray[np.int64], wanted: NDArray[np.int64]) -> Codes:
    """Return the index of each wanted value in the sorted names, -1 where it is absent."""
    if not len(names):
        return np.full(len(wanted), -1, np.int32)
    index = np.minimum(np.searchsorted(names, wanted), len(names) - 1)
    return np.where(names[index] == wanted, index, -1).astype(np.int32)


def _table(texts: dict[int, str]) -> tuple[NDArray[np.int64], list[str]]:
    ids = sorted(texts)
    return np.array(ids, np.int64), [texts[number] for number in ids]
