// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PoCReport} from "../types/Reports.sol";

/// @title Results under one root
/// @notice For results that no contract asked for: a quorum signs one root over many, whose reports are all in the
/// transaction. Anybody posts a result from there when a post first earns something; its window starts then.
interface IResultRoots {
    /// @notice Many results can be posted from now on.
    event RootPosted(bytes32 indexed root, uint256 count, uint64 signerEpoch);
    /// @notice One of them; the report is in the transaction's data.
    event ResultPublished(bytes32 indexed postId, bytes32 leaf);
    /// @notice One of them is the post's result now.
    event LeafPosted(bytes32 indexed root, bytes32 indexed postId, bytes32 indexed requestId);
    /// @notice Nothing more is posted from a root.
    event RootRevoked(bytes32 indexed root, address indexed by);

    /// @notice Posts the root of many results. Anyone may transmit.
    /// @param reports Attestations, of one signer set; failures have no place here.
    /// @param validUntil Unix time after which the signatures are void.
    /// @param signatures Of `IPoCHub.hashRoot(rootOf(leaves), count, …)`, as for reports.
    function postRoot(
        PoCReport[] calldata reports,
        uint64 validUntil,
        uint64 signerEpoch,
        bytes[] calldata signatures
    ) external returns (bytes32 root);

    /// @notice Makes one of a root's reports its post's result. Anyone may, once, unless its signers' epoch ended by a
    /// revocation.
    /// @param proof As OpenZeppelin's MerkleProof takes it.
    function postLeaf(PoCReport calldata report, bytes32[] calldata proof) external;

    /// @notice Voids what was not yet posted from a root, as the guardian: its signers' keys were stolen.
    function revokeRoot(bytes32 root) external;

    /// @notice When a root was posted; zero if never, or revoked.
    function postedAt(bytes32 root) external view returns (uint40);

    /// @notice Leaf of a report: that of `StandardMerkleTree` over its `hashStruct`.
    function leafOf(PoCReport calldata report) external pure returns (bytes32);

    /// @notice Root of leaves in this order: that of `SimpleMerkleTree`, unsorted.
    function rootOf(bytes32[] memory leaves) external pure returns (bytes32);

    /// @notice Contracts it works with.
    function modules() external view returns (address hub, address posts);
}
