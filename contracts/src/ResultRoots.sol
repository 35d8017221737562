// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Managed} from "./Managed.sol";
import {IHubErrors, IPostErrors, IQuorumErrors, IRootErrors, IRuleErrors} from "./interfaces/IErrors.sol";
import {IOracleRegistry} from "./interfaces/IOracleRegistry.sol";
import {IPoCHub} from "./interfaces/IPoCHub.sol";
import {IPolicyRegistry} from "./interfaces/IPolicyRegistry.sol";
import {IPostRegistry} from "./interfaces/IPostRegistry.sol";
import {IResultRoots} from "./interfaces/IResultRoots.sol";
import {ReportRules} from "./libraries/ReportRules.sol";
import {ReportTree} from "./libraries/ReportTree.sol";
import {PoCReport} from "./types/Reports.sol";

/// @title Results under one root
/// @dev The tree is built here, out of the reports in the call: nobody can sign a root whose leaves nobody knows.
contract ResultRoots is
    IResultRoots,
    IHubErrors,
    IPostErrors,
    IQuorumErrors,
    IRootErrors,
    IRuleErrors,
    Managed
{
    /// Stands for a root that was revoked: the same call must not bring it back.
    uint40 private constant REVOKED = type(uint40).max;

    /// @custom:storage-location erc7201:creativity.storage.ResultRoots
    struct RootStorage {
        IPoCHub hub;
        IOracleRegistry oracles;
        IPolicyRegistry policy;
        IPostRegistry posts;
        mapping(bytes32 root => uint40 postedAt) roots;
    }

    // keccak256(abi.encode(uint256(keccak256("creativity.storage.ResultRoots")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x79022427cdc8b62d15c7cfc7f3f86b8c1cc8720dcdf13e06c25c97de04194400;

    /// @notice Wires the roots to the hub, its signers and its posts.
    function initialize(address authority_, address hub_) external initializer {
        _requireAddress(authority_);
        _requireAddress(hub_);
        __AccessManaged_init(authority_);
        RootStorage storage $ = _storage();
        (address oracles, address policy, address posts) = IPoCHub(hub_).modules();
        ($.hub, $.oracles) = (IPoCHub(hub_), IOracleRegistry(oracles));
        ($.policy, $.posts) = (IPolicyRegistry(policy), IPostRegistry(posts));
    }

    /// @inheritdoc IResultRoots
    function postRoot(
        PoCReport[] calldata reports,
        uint64 validUntil,
        uint64 signerEpoch,
        bytes[] calldata signatures
    ) external returns (bytes32 root) {
        if (reports.length == 0) revert EmptyBatch();
        if (block.timestamp > validUntil) revert ReportExpired(0, validUntil);
        RootStorage storage $ = _storage();
        bytes32[] memory leaves = new bytes32[](reports.length);
        address hub = address($.hub);
        uint64 version;
        for (uint256 i; i < reports.length; ++i) {
            ReportRules.checkAttestation(reports[i], hub);
            if (reports[i].signerEpoch != signerEpoch) {
                revert StaleSignerEpoch(reports[i].signerEpoch, signerEpoch);
            }
            // Of the same version as the one before: asked once.
            if (reports[i].configVersion != version) {
                version = reports[i].configVersion;
                _requireInForce($, version, reports[i].mediaType);
            }
            leaves[i] = ReportTree.leafOf(reports[i]);
            emit ResultPublished(reports[i].postId, leaves[i]);
        }
        root = ReportTree.rootOf(leaves);
        if ($.roots[root] != 0) revert RootKnown(root);
        bytes32 digest = IPoCHub(hub).hashRoot(root, reports.length, validUntil, signerEpoch);
        $.oracles.requireQuorum(digest, signerEpoch, signatures);
        $.roots[root] = uint40(block.timestamp);
        emit RootPosted(root, reports.length, signerEpoch);
    }

    /// @inheritdoc IResultRoots
    /// @dev An epoch that ended as planned leaves its roots what they are. One that a revocation ended does not: the thief
    /// of a key could have posted a root of lies, each with a window that starts only once it is needed.
    function postLeaf(PoCReport calldata report, bytes32[] calldata proof) external {
        RootStorage storage $ = _storage();
        bytes32 root = MerkleProof.processProofCalldata(proof, ReportTree.leafOf(report));
        uint40 posted = $.roots[root];
        if (!_stands(posted)) revert UnknownRoot(root);
        if ($.oracles.isRevokedEpoch(report.signerEpoch)) revert EpochRevoked(report.signerEpoch);
        emit LeafPosted(root, report.postId, report.requestId);
        $.posts.recordLeaf(report, posted);
    }

    /// @inheritdoc IResultRoots
    function revokeRoot(bytes32 root) external restricted {
        RootStorage storage $ = _storage();
        if (!_stands($.roots[root])) revert UnknownRoot(root);
        $.roots[root] = REVOKED;
        emit RootRevoked(root, msg.sender);
    }

    /// @inheritdoc IResultRoots
    function postedAt(bytes32 root) external view returns (uint40) {
        uint40 at = _storage().roots[root];
        return _stands(at) ? at : 0;
    }

    /// @inheritdoc IResultRoots
    function leafOf(PoCReport calldata report) external pure returns (bytes32) {
        return ReportTree.leafOf(report);
    }

    /// @inheritdoc IResultRoots
    function rootOf(bytes32[] memory leaves) external pure returns (bytes32) {
        return ReportTree.rootOf(leaves);
    }

    /// @inheritdoc IResultRoots
    function modules() external view returns (address hub, address posts) {
        return (address(_storage().hub), address(_storage().posts));
    }

    /// @dev Asked when the root is posted: a leaf may come whenever somebody needs it.
    function _requireInForce(RootStorage storage $, uint64 version, uint8 mediaType) private view {
        (,,, uint40 endedAt) = $.policy.decisionTerms(version, mediaType);
        if (endedAt != 0 && block.timestamp > endedAt + $.posts.POLICY_GRACE()) {
            revert PolicyNotInForce(version, endedAt);
        }
    }

    function _stands(uint40 at) private pure returns (bool) {
        return at != 0 && at != REVOKED;
    }

    function _storage() private pure returns (RootStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
