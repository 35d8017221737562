// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Claim, Correction} from "../interfaces/ICorrections.sol";
import {Dispute} from "../interfaces/IPoCDisputes.sol";
import {IPoCHub} from "../interfaces/IPoCHub.sol";
import {IPostRegistry} from "../interfaces/IPostRegistry.sol";

/// @title State of the disputes
abstract contract DisputeStorage {
    /// @custom:storage-location erc7201:creativity.storage.PoCDisputes
    struct DisputesState {
        IPoCHub hub;
        IPostRegistry posts;
        // Second looks that are under way.
        mapping(bytes32 requestId => uint256 disputeId) reviews;
        uint256 count;
        mapping(uint256 disputeId => Dispute) disputes;
        mapping(bytes32 postId => uint256 disputeId) open;
        // Who decided an undecided post: the accuser of any dispute about it.
        mapping(bytes32 postId => address arbiter) reviewers;
        uint256 claimCount;
        uint256 correctionCount;
        mapping(uint256 claimId => Claim) claims;
        mapping(uint256 correctionId => Correction) corrections;
        mapping(bytes32 postId => mapping(bytes32 originalPostId => bool)) claimed;
        // Each claim that came to nothing doubles the next one's bond.
        mapping(bytes32 postId => uint256 count) failedClaims;
    }

    // keccak256(abi.encode(uint256(keccak256("creativity.storage.PoCDisputes")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0xb2d1fb7cc8283eac88a5381529a1a978854b0d533589e64452d91127fcdd6f00;

    function _state() internal pure returns (DisputesState storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
