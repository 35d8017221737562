// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Managed} from "./Managed.sol";
import {IHubErrors, IPostErrors, IQuorumErrors, IRootErrors, IRuleErrors} from "./interfaces/IErrors.sol";
import {IOracleRegistry} from "./interfaces/IOracleRegistry.sol";
import {IPoCHub} from "./interfaces/IPoCHub.sol";
import {IPolicyRegistry} from "./interfaces/IPolicyRegistry.sol";
import {IPostRegistry} from "./interfaces/IPostRegistry.sol";
import {IResultRoots} from "./interfaces/IResultRoots.sol";
import {ReportHash} from "./libraries/ReportHash.sol";
import {Outcome} from "./types/Codes.sol";
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
    EIP712,
    Managed
{
    /// @notice How far ahead of the chain's clock an observation may be, in seconds; that of the hub.
    uint256 public constant MAX_CLOCK_SKEW = 5 minutes;

    /// Stands for a root that was revoked: the same call must not bring it back.
    uint40 private constant REVOKED = type(uint40).max;
    bytes32 private constant TYPEHASH =
        keccak256("ResultRoot(bytes32 root,uint256 count,uint64 validUntil,uint64 signerEpoch)");

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

    constructor() EIP712("CreativityOracleRoots", "1") {}

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
        if (reports.length == 0) revert EmptyRoot();
        if (block.timestamp > validUntil) revert ReportExpired(0, validUntil);
        RootStorage storage $ = _storage();
        bytes32[] memory leaves = new bytes32[](reports.length);
        uint64 version;
        for (uint256 i; i < reports.length; ++i) {
            _requireSound(reports[i], signerEpoch);
            // Of the same version as the one before: asked once.
            if (reports[i].configVersion != version) {
                version = reports[i].configVersion;
                _requireInForce($, version, reports[i].mediaType);
            }
            leaves[i] = leafOf(reports[i]);
            emit ResultPublished(reports[i].postId, leaves[i]);
        }
        root = rootOf(leaves);
        if ($.roots[root] != 0) revert RootKnown(root);
        $.oracles
            .requireQuorum(hashRoot(root, reports.length, validUntil, signerEpoch), signerEpoch, signatures);
        $.roots[root] = uint40(block.timestamp);
        emit RootPosted(root, reports.length, signerEpoch);
    }

    /// @inheritdoc IResultRoots
    function postLeaf(PoCReport calldata report, bytes32[] calldata proof) external {
        RootStorage storage $ = _storage();
        bytes32 root = MerkleProof.processProofCalldata(proof, leafOf(report));
        if (!_stands($.roots[root])) revert UnknownRoot(root);
        emit LeafPosted(root, report.postId, report.requestId);
        $.posts.recordLeaf(report);
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
    function hashRoot(bytes32 root, uint256 count, uint64 validUntil, uint64 signerEpoch)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(keccak256(abi.encode(TYPEHASH, root, count, validUntil, signerEpoch)));
    }

    /// @inheritdoc IResultRoots
    function leafOf(PoCReport calldata report) public pure returns (bytes32) {
        // Twice, so that no inner node is a leaf.
        return keccak256(bytes.concat(keccak256(abi.encode(ReportHash.hash(report)))));
    }

    /// @inheritdoc IResultRoots
    function rootOf(bytes32[] memory leaves) public pure returns (bytes32) {
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

    /// @inheritdoc IResultRoots
    function modules() external view returns (address hub, address posts) {
        return (address(_storage().hub), address(_storage().posts));
    }

    function _requireSound(PoCReport calldata report, uint64 signerEpoch) private view {
        bytes32 id = _storage().hub.attestationId(report.postId, report.contentHash);
        if (report.requestId != id) revert InvalidAttestationId(id, report.requestId);
        if (report.signerEpoch != signerEpoch) revert StaleSignerEpoch(report.signerEpoch, signerEpoch);
        if (report.postId == 0) revert MissingPostId();
        if (report.contentHash == 0) revert MissingContentHash(report.postId);
        if (report.creator == address(0)) revert MissingCreator(report.postId);
        if (report.outcome == Outcome.FAILED || report.reason != 0) revert InvalidOutcome(report.outcome);
        if (report.observedAt > block.timestamp + MAX_CLOCK_SKEW) {
            revert ObservedInFuture(report.requestId, report.observedAt);
        }
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
