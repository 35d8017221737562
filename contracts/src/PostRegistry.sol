// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Managed} from "./Managed.sol";
import {IPolicyErrors, IPostErrors, IRuleErrors} from "./interfaces/IErrors.sol";
import {IPolicyRegistry} from "./interfaces/IPolicyRegistry.sol";
import {IPostRegistry, IRedirectSource} from "./interfaces/IPostRegistry.sol";
import {RedirectMath} from "./libraries/RedirectMath.sol";
import {ReportRules} from "./libraries/ReportRules.sol";
import {Outcome, PostStatus} from "./types/Codes.sol";
import {PoCReport, PostResult, Ruling} from "./types/Reports.sol";

/// @title Standing of posts
/// @notice One result per post, written by the hub from a quorum's report. Pools read it here each time they pay,
/// so there is no copy that somebody could keep from being updated.
contract PostRegistry is IPostRegistry, IRuleErrors, IPolicyErrors, IPostErrors, Managed {
    /// @notice How long after its end a policy version may still be attested under, in seconds: what was decided under it
    /// must arrive, and nobody may choose it later.
    uint256 public constant POLICY_GRACE = 3 days;

    /// @custom:storage-location erc7201:creativity.storage.PostRegistry
    struct PostStorage {
        address hub;
        IPolicyRegistry policy;
        mapping(bytes32 postId => PostResult) results;
        address disputes;
        mapping(bytes32 postId => bool) ruled;
        // Who took a post into dispute ends the dispute, also after governance named another.
        mapping(bytes32 postId => address disputes) contestedBy;
        mapping(address disputes => bool) mayAsk;
        // Whose claim or correction it is under; zero for none.
        mapping(bytes32 postId => address disputes) heldBy;
        address roots;
    }

    // keccak256(abi.encode(uint256(keccak256("creativity.storage.PostRegistry")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x6cd8b49b9c69a368909c16b02f162f2fc3af3c98afa489894bfba424d783f600;

    /// @notice Wires the registry. The hub may still be undeployed: its address is known beforehand.
    function initialize(address authority_, address policy_, address hub_) external initializer {
        _requireAddress(authority_);
        _requireAddress(policy_);
        _requireAddress(hub_);
        __AccessManaged_init(authority_);
        _storage().hub = hub_;
        _storage().policy = IPolicyRegistry(policy_);
    }

    /// @inheritdoc IPostRegistry
    function record(PoCReport calldata report, address requester)
        external
        returns (uint8 tier, uint16 redirectBps)
    {
        if (msg.sender != _storage().hub) revert UnauthorizedHub(msg.sender);
        return _record(report, requester, requester == address(0));
    }

    /// @inheritdoc IPostRegistry
    function recordLeaf(PoCReport calldata report) external {
        if (msg.sender != _storage().roots) revert UnauthorizedHub(msg.sender);
        // Whether its policy was in force was asked when the root was posted.
        _record(report, address(0), false);
    }

    function _record(PoCReport calldata report, address requester, bool chosen)
        private
        returns (uint8 tier, uint16 redirectBps)
    {
        PostStorage storage $ = _storage();
        (uint16 threshold, uint16 base, uint32 window, uint40 endedAt) =
            $.policy.decisionTerms(report.configVersion, report.mediaType);
        // A request has its version from the day it was made; who attests must not choose.
        if (chosen && endedAt != 0 && block.timestamp > endedAt + POLICY_GRACE) {
            revert PolicyNotInForce(report.configVersion, endedAt);
        }
        ReportRules.check(report, threshold);
        tier = RedirectMath.tier(report.similarityBps);
        if (report.outcome == Outcome.DERIVATIVE) {
            redirectBps = RedirectMath.redirectBps(report.similarityBps, threshold, base);
        }

        PostResult memory before = $.results[report.postId];
        if (before.revision == 0) {
            before.requester = requester == address(0) ? report.creator : requester;
        } else if (requester != address(0) && $.mayAsk[requester]) {
            // A second look: the disputes contract decides what becomes of it, and of the post.
            return (tier, redirectBps);
        } else {
            _requireMayReplace(before, report, requester);
        }
        PostResult memory next = _resultFrom(report, tier, redirectBps);
        // Undecided, and above the threshold: what a copy would cost waits for a person, or for the window's end.
        if (report.outcome == Outcome.NEEDS_REVIEW && report.similarityBps >= threshold) {
            next.heldBps = RedirectMath.redirectBps(report.similarityBps, threshold, base);
        }
        next.requester = before.requester;
        next.revision = before.revision + 1;
        // Asking again and again for the same verdict must not keep the original's money waiting, whatever its number.
        next.finalAt = _sameVerdict(before, next) ? before.finalAt : next.recordedAt + window;
        $.results[report.postId] = next;
        _announce(report.postId, before, next);
    }

    /// @inheritdoc IPostRegistry
    function contest(bytes32 postId) external {
        PostResult storage result = _forDisputes(postId);
        uint8 status = _statusNow(result.status, result.finalAt);
        if (status != PostStatus.PROVISIONAL) revert WrongPostStatus(postId, status);
        if (_storage().heldBy[postId] != address(0)) revert PostUnderReview(postId);
        result.status = PostStatus.DISPUTED;
        _storage().contestedBy[postId] = msg.sender;
        emit PostContested(postId, result.creator);
    }

    /// @inheritdoc IPostRegistry
    function keep(bytes32 postId, bool ruled, bytes32 reasonHash) external {
        PostResult storage result = _forDisputes(postId);
        if (result.status != PostStatus.DISPUTED) revert WrongPostStatus(postId, result.status);
        result.status = PostStatus.PROVISIONAL;
        result.finalAt = uint40(block.timestamp);
        if (ruled) _storage().ruled[postId] = true;
        emit PostDecided(postId, result.creator, result.outcome, result.redirectBps, reasonHash);
    }

    /// @inheritdoc IPostRegistry
    function decide(bytes32 postId, Ruling calldata ruling) external {
        PostStorage storage $ = _storage();
        PostResult memory before = _forDisputes(postId);
        bool open = before.status == PostStatus.DISPUTED || before.outcome == Outcome.NEEDS_REVIEW;
        if (!open) revert WrongPostStatus(postId, before.status);
        if ($.heldBy[postId] != address(0)) revert PostUnderReview(postId);
        _decide(postId, before, ruling);
    }

    /// @inheritdoc IPostRegistry
    function hold(bytes32 postId, uint16 heldBps, uint40 until) external {
        address holder = _storage().heldBy[postId];
        // Who holds may hold on, also after governance named another.
        if (holder == address(0)) _forDisputes(postId);
        else if (holder != msg.sender) revert PostUnderReview(postId);
        PostResult storage result = _storage().results[postId];
        if (result.status == PostStatus.DISPUTED) revert PostDisputed(postId);
        _storage().heldBy[postId] = msg.sender;
        // A share that waits already waits on: a claim must not free it.
        if (heldBps > result.heldBps) result.heldBps = heldBps;
        if (until > result.finalAt) result.finalAt = until;
        emit PostHeld(postId, result.creator, result.heldBps, result.finalAt);
    }

    /// @inheritdoc IPostRegistry
    function release(bytes32 postId, uint40 finalAt) external {
        PostResult storage result = _heldBySender(postId);
        // Never later than time alone would have made it.
        if (finalAt < result.finalAt) result.finalAt = finalAt;
        if (result.outcome != Outcome.NEEDS_REVIEW) result.heldBps = 0;
        emit PostReleased(postId, result.creator, result.finalAt);
    }

    /// @inheritdoc IPostRegistry
    function correct(bytes32 postId, Ruling calldata ruling, uint16 similarityBps) external {
        if (similarityBps > RedirectMath.BPS) revert SimilarityOutOfRange(similarityBps);
        PostResult memory before = _heldBySender(postId);
        before.similarityBps = similarityBps;
        _decide(postId, before, ruling);
    }

    function _heldBySender(bytes32 postId) private returns (PostResult storage) {
        PostStorage storage $ = _storage();
        if ($.heldBy[postId] != msg.sender) revert UnauthorizedDisputes(msg.sender);
        delete $.heldBy[postId];
        return $.results[postId];
    }

    function _decide(bytes32 postId, PostResult memory before, Ruling calldata ruling) private {
        PostStorage storage $ = _storage();
        PostResult memory next = _ruled(postId, before, ruling);
        if (ruling.contestable) {
            (,, uint32 window,) = $.policy.decisionTerms(before.configVersion, before.mediaType);
            next.finalAt = uint40(block.timestamp) + window;
        } else {
            next.finalAt = uint40(block.timestamp);
        }
        // What can still be disputed is not yet closed to reports either.
        $.ruled[postId] = !ruling.contestable;
        $.results[postId] = next;
        emit PostDecided(postId, next.creator, next.outcome, next.redirectBps, ruling.reasonHash);
        _announce(postId, before, next);
    }

    /// @inheritdoc IPostRegistry
    function setDisputes(address disputes_) external restricted {
        _requireAddress(disputes_);
        _storage().disputes = disputes_;
        _storage().mayAsk[disputes_] = true;
        emit DisputesChanged(disputes_);
    }

    /// @inheritdoc IPostRegistry
    function setRoots(address roots_) external restricted {
        _requireAddress(roots_);
        _storage().roots = roots_;
        emit RootsChanged(roots_);
    }

    /// @inheritdoc IPostRegistry
    function roots() external view returns (address) {
        return _storage().roots;
    }

    /// @inheritdoc IPostRegistry
    function resultOf(bytes32 postId) external view returns (PostResult memory result) {
        result = _storage().results[postId];
        result.status = _statusNow(result.status, result.finalAt);
    }

    /// @inheritdoc IPostRegistry
    function statusOf(bytes32 postId) external view returns (uint8) {
        PostResult storage result = _storage().results[postId];
        return _statusNow(result.status, result.finalAt);
    }

    /// @inheritdoc IRedirectSource
    function redirectOf(bytes32 postId) external view returns (address beneficiary, uint16 redirectBps) {
        PostResult storage result = _storage().results[postId];
        if (result.revision == 0) revert NotPosted(postId);
        if (result.outcome != Outcome.DERIVATIVE) return (address(0), 0);
        return (result.originalCreator, result.redirectBps);
    }

    /// @inheritdoc IPostRegistry
    function mayAskAgain(bytes32 postId, address account) external view returns (bool) {
        PostResult storage result = _storage().results[postId];
        return result.revision != 0 && (account == result.creator || account == result.requester);
    }

    /// @inheritdoc IPostRegistry
    function hasBadge(bytes32 postId) external view returns (bool) {
        return _storage().results[postId].outcome == Outcome.ORIGINAL;
    }

    /// @inheritdoc IPostRegistry
    function isRuled(bytes32 postId) external view returns (bool) {
        return _storage().ruled[postId];
    }

    /// @inheritdoc IPostRegistry
    function disputes() external view returns (address) {
        return _storage().disputes;
    }

    /// @inheritdoc IPostRegistry
    function hub() external view returns (address) {
        return _storage().hub;
    }

    /// @inheritdoc IPostRegistry
    function policy() external view returns (address) {
        return address(_storage().policy);
    }

    /// @dev A re-analysis is of the same media by the same creator, asked for by someone with a stake in the post:
    /// otherwise anybody could replace a result by having something harmless analysed under the post's id.
    function _requireMayReplace(PostResult memory before, PoCReport calldata report, address requester)
        private
        view
    {
        bytes32 postId = report.postId;
        if (before.status == PostStatus.DISPUTED) revert PostDisputed(postId);
        if (_storage().heldBy[postId] != address(0)) revert PostUnderReview(postId);
        if (_storage().ruled[postId]) revert PostRuled(postId);
        // What nobody could decide yet stays open to a better look.
        bool decided = before.outcome != Outcome.NEEDS_REVIEW;
        if (decided && _statusNow(before.status, before.finalAt) == PostStatus.FINAL) {
            revert PostFinal(postId);
        }
        if (requester == address(0)) revert PostAlreadyRecorded(postId, before.requestId);
        if (requester != before.requester && requester != before.creator) {
            revert NotPostRequester(postId, requester);
        }
        if (report.creator != before.creator) revert CreatorMismatch(before.creator, report.creator);
        if (report.mediaType != before.mediaType) {
            revert MediaTypeMismatch(before.mediaType, report.mediaType);
        }
        if (report.contentHash != before.contentHash) {
            revert ContentHashMismatch(before.contentHash, report.contentHash);
        }
    }

    function _announce(bytes32 postId, PostResult memory before, PostResult memory next) private {
        emit PostResultRecorded(
            postId,
            next.requestId,
            next.creator,
            next.outcome,
            next.tier,
            next.similarityBps,
            next.redirectBps,
            next.configVersion,
            next.revision,
            next.evidenceHash
        );
        if (before.outcome == Outcome.ORIGINAL && next.outcome != Outcome.ORIGINAL) {
            emit PoCBadgeWithdrawn(postId, next.creator, next.requestId);
        }
        if (before.outcome == Outcome.DERIVATIVE && next.outcome != Outcome.DERIVATIVE) {
            emit RevenueRedirectionEnded(postId, before.originalCreator);
        }
        if (next.outcome == Outcome.ORIGINAL) {
            emit PoCBadgeIssued(postId, next.creator, next.requestId, next.similarityBps, next.evidenceHash);
        } else if (next.outcome == Outcome.DERIVATIVE) {
            emit RevenueRedirectionActivated(
                postId, next.originalCreator, next.originalPostId, next.redirectBps, next.similarityBps
            );
        }
    }

    function _resultFrom(PoCReport calldata report, uint8 tier, uint16 redirectBps)
        private
        view
        returns (PostResult memory result)
    {
        result.requestId = report.requestId;
        result.contentHash = report.contentHash;
        result.originalPostId = report.originalPostId;
        result.evidenceHash = report.evidenceHash;
        result.modelDigest = report.modelDigest;
        result.creator = report.creator;
        result.configVersion = report.configVersion;
        result.mediaType = report.mediaType;
        result.outcome = report.outcome;
        result.tier = tier;
        result.status = PostStatus.PROVISIONAL;
        result.originalCreator = report.originalCreator;
        result.observedAt = uint40(report.observedAt);
        result.similarityBps = report.similarityBps;
        result.redirectBps = redirectBps;
        result.recordedAt = uint40(block.timestamp);
    }

    /// @dev A ruling obeys the rules of a report: a derivative needs a similarity over the threshold it was measured
    /// under, and somebody else to pay.
    function _ruled(bytes32 postId, PostResult memory before, Ruling calldata ruling)
        private
        view
        returns (PostResult memory next)
    {
        uint8 outcome = ruling.outcome;
        if (outcome < Outcome.ORIGINAL || outcome > Outcome.LICENSED) revert InvalidOutcome(outcome);
        next = abi.decode(abi.encode(before), (PostResult));
        next.outcome = outcome;
        next.status = PostStatus.PROVISIONAL;
        next.recordedAt = uint40(block.timestamp);
        next.revision = before.revision + 1;
        next.redirectBps = 0;
        next.heldBps = 0;
        next.originalCreator = address(0);
        next.originalPostId = 0;
        if (outcome == Outcome.DERIVATIVE) {
            (uint16 threshold, uint16 base) =
                _storage().policy.policyAt(before.configVersion, before.mediaType);
            if (before.similarityBps < threshold) {
                revert OutcomeContradictsPolicy(outcome, before.similarityBps, threshold);
            }
            if (ruling.originalCreator == address(0)) revert MissingOriginalCreator(postId);
            if (ruling.originalCreator == before.creator || ruling.originalPostId == postId) {
                revert SelfMatch(postId, before.creator);
            }
            next.originalCreator = ruling.originalCreator;
            next.originalPostId = ruling.originalPostId;
            next.redirectBps = RedirectMath.redirectBps(before.similarityBps, threshold, base);
        }
    }

    function _forDisputes(bytes32 postId) private view returns (PostResult storage result) {
        PostStorage storage $ = _storage();
        result = $.results[postId];
        address entitled = result.status == PostStatus.DISPUTED ? $.contestedBy[postId] : $.disputes;
        if (msg.sender != entitled) revert UnauthorizedDisputes(msg.sender);
        if (result.revision == 0) revert UnknownPost(postId);
    }

    /// @dev A window is for a verdict: what the post is and whose share it is, not how large.
    function _sameVerdict(PostResult memory before, PostResult memory next) private pure returns (bool) {
        return before.revision != 0 && before.outcome == next.outcome
            && before.originalCreator == next.originalCreator;
    }

    /// @dev Time makes a result final by itself; nobody has to send a transaction for it.
    function _statusNow(uint8 stored, uint40 finalAt) private view returns (uint8) {
        return stored == PostStatus.PROVISIONAL && block.timestamp >= finalAt ? PostStatus.FINAL : stored;
    }

    function _storage() private pure returns (PostStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
