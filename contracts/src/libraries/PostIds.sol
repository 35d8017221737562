// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Ids that the hub derives
library PostIds {
    bytes32 private constant ATTESTATION = "attestation";

    /// @notice Id of a post by the name that its platform or contract gave it.
    function named(address hub, bytes32 namespace, bytes32 name) internal view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, hub, "post", namespace, name));
    }

    /// @notice Id of the attestation of a post and content.
    function attestation(address hub, bytes32 postId, bytes32 contentHash) internal view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, hub, ATTESTATION, postId, contentHash));
    }
}
