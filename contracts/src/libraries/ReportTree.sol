// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {PoCReport} from "../types/Reports.sol";
import {ReportHash} from "./ReportHash.sol";

/// @title Many reports under one hash
/// @notice The tree of OpenZeppelin's `SimpleMerkleTree`, unsorted, over the leaves of its `StandardMerkleTree`.
library ReportTree {
    /// @notice Leaf of a report: its `hashStruct`, hashed twice so that no inner node is a leaf.
    function leafOf(PoCReport calldata report) internal pure returns (bytes32 leaf) {
        bytes32 hash = ReportHash.hash(report);
        assembly ("memory-safe") {
            mstore(0, hash)
            mstore(0, keccak256(0, 0x20))
            leaf := keccak256(0, 0x20)
        }
    }

    /// @notice Root of at least one leaf, in this order.
    function rootOf(bytes32[] memory leaves) internal pure returns (bytes32) {
        uint256 n = leaves.length;
        bytes32[] memory tree = new bytes32[](2 * n - 1);
        for (uint256 i; i < n; ++i) {
            tree[2 * n - 2 - i] = leaves[i];
        }
        for (uint256 i = n - 1; i > 0; --i) {
            tree[i - 1] = Hashes.commutativeKeccak256(tree[2 * i - 1], tree[2 * i]);
        }
        return tree[0];
    }
}
