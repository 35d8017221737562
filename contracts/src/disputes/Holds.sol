// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPolicyRegistry} from "../interfaces/IPolicyRegistry.sol";
import {RedirectMath} from "../libraries/RedirectMath.sol";
import {PostStatus} from "../types/Codes.sol";
import {PostResult} from "../types/Reports.sol";
import {DisputeStorage} from "./DisputeStorage.sol";

/// @title What waits while claims and corrections are looked into
/// @dev One hold for a post, however many claims stand beside each other. It begins with the first, lasts as long as the
/// longest, and ends with the last.
abstract contract Holds is DisputeStorage {
    /// @dev Share that waits for a claim about which no measured similarity says more.
    uint16 private constant CLAIM_HOLD_BPS = 5_000;
    /// @notice How long claims hold a post's share within a year, all together. Further ones stand, and hold nothing until
    /// an arbiter upholds one.
    uint40 public constant MAX_HELD_A_YEAR = 60 days;
    /// @notice How long the share waits for somebody to carry a correction out that could be.
    uint40 public constant CORRECTION_GRACE = 7 days;

    /// @dev Charges what a claim adds to the hold; beyond the budget it adds nothing.
    function _holdForClaim(uint256 claimId, bytes32 postId, PostResult memory post, uint40 until) internal {
        Hold storage h = _state().holds[postId];
        uint40 nowAt = uint40(block.timestamp);
        if (nowAt >= h.since + 365 days) (h.since, h.spent) = (nowAt, 0);
        uint40 from = h.until > nowAt ? h.until : nowAt;
        uint40 added = until - from;
        if (added > MAX_HELD_A_YEAR - h.spent) return;
        h.spent += added;
        h.until = until;
        ++h.holding;
        _state().claims[claimId].holds = true;
        _hold(postId, h, post, until);
    }

    function _hold(bytes32 postId, Hold storage h, PostResult memory post, uint40 until) internal {
        // It waits already, and for longer perhaps: `_holdOn` when that is over.
        if (post.status == PostStatus.DISPUTED) return;
        if (!h.active) {
            h.active = true;
            // While a post is held nobody can dispute it: a claim must not run the owner's window out.
            h.windowLeft = post.finalAt > block.timestamp ? post.finalAt - uint40(block.timestamp) : 0;
        }
        _state().posts.hold(postId, _holdBps(post), until + h.windowLeft);
    }

    /// @dev After a dispute or a correction, for what is still open.
    function _holdOn(bytes32 postId) internal {
        DisputesState storage $ = _state();
        Hold storage h = $.holds[postId];
        uint40 until = h.holding != 0 ? h.until : 0;
        if (h.correcting) until = uint40(block.timestamp) + CORRECTION_GRACE;
        // Governance may have named another contract: a dispute ends all the same.
        if (until <= block.timestamp || $.posts.disputes() != address(this)) return;
        _hold(postId, h, _resultOf(postId), until);
    }

    /// @dev After a claim or a correction came to nothing: with the last one, what was held is free.
    function _letGo(bytes32 postId, Hold storage h) internal {
        uint40 nowAt = uint40(block.timestamp);
        if (h.holding != 0) return;
        if (h.until > nowAt) {
            // Only the time served counts; a year that began meanwhile was not charged.
            uint40 back = h.until - nowAt;
            h.spent = h.spent > back ? h.spent - back : 0;
            h.until = nowAt;
        }
        if (h.correcting || !h.active) return;
        h.active = false;
        _state().posts.release(postId, nowAt + h.windowLeft);
    }

    /// @dev What the claimant would get if the claim were true, as far as anybody measured.
    function _holdBps(PostResult memory post) private view returns (uint16) {
        (uint16 threshold, uint16 base) = _termsOf(post);
        if (post.similarityBps < threshold) return CLAIM_HOLD_BPS;
        return RedirectMath.redirectBps(post.similarityBps, threshold, base);
    }

    /// @dev Threshold and base redirect under which the post was decided.
    function _termsOf(PostResult memory post) internal view returns (uint16 threshold, uint16 base) {
        return IPolicyRegistry(_state().posts.policy()).policyAt(post.configVersion, post.mediaType);
    }
}
