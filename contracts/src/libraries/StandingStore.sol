// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PostStatus, StandingFlags} from "../types/Codes.sol";
import {PoCReport, PostResult, Standing} from "../types/Reports.sol";
import {RedirectMath} from "./RedirectMath.sol";
import {ReportHash} from "./ReportHash.sol";

/// @title A post's standing in storage
/// @notice What is zero for most posts has a flag in the first slot, and is neither written nor read where the flag is not
/// set.
library StandingStore {
    /// @notice The whole standing, with its status as stored; all zero where there is none.
    function load(Standing storage kept) internal view returns (PostResult memory result) {
        uint8 flags = kept.flags;
        if (flags == 0) return result;
        result.creator = result.requester = kept.creator;
        result.firstRecordedAt = result.recordedAt = kept.firstRecordedAt;
        result.finalAt = kept.finalAt;
        result.similarityBps = kept.similarityBps;
        result.tier = RedirectMath.tier(result.similarityBps);
        result.mediaType = kept.kind >> 4;
        result.outcome = outcome(kept);
        result.status = flags & StandingFlags.STATUS;
        result.revision = 1;
        result.commitment = kept.commitment;
        result.configVersion = kept.configVersion;
        if (flags & StandingFlags.MORE != 0) {
            result.originalCreator = kept.originalCreator;
            result.redirectBps = kept.redirectBps;
            result.heldBps = kept.heldBps;
            result.revision = kept.revision;
            result.recordedAt = kept.recordedAt;
        }
        if (flags & StandingFlags.SOURCE != 0) result.originalPostId = kept.originalPostId;
        if (flags & StandingFlags.CONTENT != 0) result.contentHash = kept.contentHash;
        if (flags & StandingFlags.REQUESTER != 0) result.requester = kept.requester;
    }

    /// @notice Writes a standing over one with the flags `old`, zero for none. Content, requester and whether it was ruled
    /// stay what they were.
    function store(Standing storage kept, PostResult memory next, uint8 old) internal {
        uint8 flags = (old & ~StandingFlags.STATUS) | next.status;
        bool more = next.revision > 1 || next.originalCreator != address(0) || next.heldBps != 0
            || old & StandingFlags.MORE != 0;
        if (more) {
            flags |= StandingFlags.MORE;
            kept.originalCreator = next.originalCreator;
            kept.redirectBps = next.redirectBps;
            kept.heldBps = next.heldBps;
            kept.revision = next.revision;
            kept.recordedAt = next.recordedAt;
        }
        if (next.originalPostId != 0 || old & StandingFlags.SOURCE != 0) {
            flags |= StandingFlags.SOURCE;
            kept.originalPostId = next.originalPostId;
        }
        if (next.contentHash != 0 && old & StandingFlags.CONTENT == 0) {
            flags |= StandingFlags.CONTENT;
            kept.contentHash = next.contentHash;
        }
        if (next.requester != next.creator && old & StandingFlags.REQUESTER == 0) {
            flags |= StandingFlags.REQUESTER;
            kept.requester = next.requester;
        }
        uint256 times = uint256(uint32(next.firstRecordedAt)) | (uint256(uint32(next.finalAt)) << 32);
        uint256 said = next.similarityBps | (uint256(_kind(next.mediaType, next.outcome)) << 16);
        _write(kept, next.creator, times, said, flags, next.commitment, next.configVersion);
    }

    /// @notice Writes what most results are, a first one by which nobody is owed anything: the two slots and no more.
    function storeOriginal(Standing storage kept, PoCReport calldata report, uint40 firstAt, uint40 finalAt)
        internal
    {
        uint256 times = uint256(uint32(firstAt)) | (uint256(uint32(finalAt)) << 32);
        uint256 said = report.similarityBps | (uint256(_kind(report.mediaType, report.outcome)) << 16);
        bytes28 commitment = bytes28(ReportHash.hash(report));
        uint8 flags = PostStatus.PROVISIONAL | StandingFlags.ATTESTED;
        _write(kept, report.creator, times, said, flags, commitment, uint32(report.configVersion));
    }

    /// @dev Field by field as declared, so that each of the two slots is written once.
    function _write(
        Standing storage kept,
        address creator,
        uint256 times,
        uint256 said,
        uint8 flags,
        bytes28 commitment,
        uint32 configVersion
    ) private {
        uint256 first =
            uint160(creator) | (times << 160) | (said << 224) | (uint256(flags) << 248);
        uint256 second = uint224(commitment) | (uint256(configVersion) << 224);
        assembly ("memory-safe") {
            sstore(kept.slot, first)
            sstore(add(kept.slot, 1), second)
        }
    }

    function _kind(uint8 mediaType, uint8 outcome_) private pure returns (uint8) {
        return (mediaType << 4) | outcome_;
    }

    /// @notice Changes the stored status alone.
    function setStatus(Standing storage kept, uint8 status_) internal {
        kept.flags = (kept.flags & ~StandingFlags.STATUS) | status_;
    }

    /// @notice Status as of now. Time makes a result final by itself; nobody has to send a transaction for it.
    function status(Standing storage kept) internal view returns (uint8 stored) {
        stored = kept.flags & StandingFlags.STATUS;
        if (stored == PostStatus.PROVISIONAL && block.timestamp >= kept.finalAt) return PostStatus.FINAL;
    }

    /// @notice See `Outcome`; zero where there is no result.
    function outcome(Standing storage kept) internal view returns (uint8) {
        return kept.kind & 0xf;
    }

    /// @notice Who asked first.
    function askedBy(Standing storage kept) internal view returns (address) {
        return kept.flags & StandingFlags.REQUESTER != 0 ? kept.requester : kept.creator;
    }

    /// @notice Whether it waits for a ruling.
    function isDisputed(Standing storage kept) internal view returns (bool) {
        return kept.flags & StandingFlags.STATUS == PostStatus.DISPUTED;
    }

    /// @notice Whether there is a result.
    function exists(Standing storage kept) internal view returns (bool) {
        return kept.flags != 0;
    }
}
