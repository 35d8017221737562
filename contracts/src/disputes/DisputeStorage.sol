// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Claim, Correction} from "../interfaces/ICorrections.sol";
import {Dispute} from "../interfaces/IPoCDisputes.sol";
import {IPoCHub} from "../interfaces/IPoCHub.sol";
import {IPostRegistry} from "../interfaces/IPostRegistry.sol";
import {IRevenueSplitter} from "../interfaces/IRevenueSplitter.sol";
import {PostResult} from "../types/Reports.sol";

/// @title State of the disputes
abstract contract DisputeStorage {
    /// @dev What keeps a post's share waiting: claims, and a correction under way.
    struct Hold {
        // Unix time until which claims hold it; a correction holds it for itself.
        uint40 until;
        // Seconds that the owner had left to dispute; they come after.
        uint40 windowLeft;
        // Seconds that claims held it in the year that began at `since`.
        uint40 since;
        uint40 spent;
        // Open claims with a bond, and those of either kind that hold it.
        uint8 bonded;
        uint16 holding;
        bool correcting;
        // Whether the post registry holds it for us. It does not during a dispute, where it waits anyway, nor for a claim
        // beyond the year's budget.
        bool active;
    }

    /// @custom:storage-location erc7201:creativity.storage.PoCDisputes
    struct DisputesState {
        IPoCHub hub;
        IPostRegistry posts;
        // Second looks that are under way.
        mapping(bytes32 requestId => uint256 disputeId) reviews;
        uint256 count;
        mapping(uint256 disputeId => Dispute) disputes;
        mapping(bytes32 postId => uint256 disputeId) open;
        // Who decided or corrected a post: the accuser of any dispute about it.
        mapping(bytes32 postId => address arbiter) reviewers;
        uint256 claimCount;
        uint256 correctionCount;
        mapping(uint256 claimId => Claim) claims;
        mapping(uint256 correctionId => Correction) corrections;
        mapping(bytes32 postId => mapping(bytes32 originalPostId => mapping(bool onWord => bool))) claimed;
        // Each claim that came to nothing doubles its claimant's next bond; one that was upheld takes one back.
        mapping(address claimant => uint256 count) failedClaims;
        mapping(bytes32 postId => Hold) holds;
        // Names the treasury that lost bonds go to.
        IRevenueSplitter splitter;
    }

    // keccak256(abi.encode(uint256(keccak256("creativity.storage.PoCDisputes")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0xb2d1fb7cc8283eac88a5381529a1a978854b0d533589e64452d91127fcdd6f00;

    function _state() internal pure returns (DisputesState storage $) {
        assembly {
            $.slot := STORAGE
        }
    }

    function _resultOf(bytes32 postId) internal view returns (PostResult memory) {
        return _state().posts.resultOf(postId);
    }
}
