// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TransientSlot} from "@openzeppelin/contracts/utils/TransientSlot.sol";
import {Managed} from "./Managed.sol";
import {IHubErrors, IPolicyErrors, IPostErrors, IRuleErrors} from "./interfaces/IErrors.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {IPolicyRegistry} from "./interfaces/IPolicyRegistry.sol";
import {IPostRegistry, IRedirectSource} from "./interfaces/IPostRegistry.sol";
import {RedirectMath} from "./libraries/RedirectMath.sol";
import {ReportHash} from "./libraries/ReportHash.sol";
import {ReportRules} from "./libraries/ReportRules.sol";
import {StandingStore} from "./libraries/StandingStore.sol";
import {Outcome, PostStatus, StandingFlags} from "./types/Codes.sol";
import {PoCReport, PostResult, Ruling, Standing} from "./types/Reports.sol";

/// @title Standing of posts
/// @notice One result per post, written by the hub from a quorum's report. Pools read it here each time they pay,
/// so there is no copy that somebody could keep from being updated.
contract PostRegistry is IPostRegistry, IHubErrors, IRuleErrors, IPolicyErrors, IPostErrors, Managed {
    using StandingStore for Standing;
    using ReportHash for PoCReport;
    using TransientSlot for TransientSlot.Uint256Slot;

    /// @notice How long after its end a policy version may still be attested under, in seconds: what was decided under it
    /// must arrive, and nobody may choose it later.
    uint256 public constant POLICY_GRACE = 3 days;

    /// @custom:storage-location erc7201:creativity.storage.PostRegistry
    struct PostStorage {
        address hub;
        IPolicyRegistry policy;
        mapping(bytes32 postId => Standing) standings;
        address disputes;
        // Who took a post into dispute ends the dispute, also after governance named another.
        mapping(bytes32 postId => address disputes) contestedBy;
        mapping(address disputes => bool) mayAsk;
        // Whose claim or correction it is under; zero for none.
        mapping(bytes32 postId => address disputes) heldBy;
        address roots;
    }

    // keccak256(abi.encode(uint256(keccak256("creativity.storage.PostRegistry")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x6cd8b49b9c69a368909c16b02f162f2fc3af3c98afa489894bfba424d783f600;

    /// How a report came: of itself, from a root, for a request, for one in the asker's own name space.
    uint8 private constant ATTESTED = 0;
    uint8 private constant LEAF = 1;
    uint8 private constant ASKED = 2;
    uint8 private constant NAMED = 3;

    // keccak256(abi.encode(uint256(keccak256("creativity.transient.PostRegistry")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant TERMS = 0x4044a8ac3f287a53cc257170c25caaf588582ad38eec2896a9eb4c9382471400;

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
    function record(PoCReport calldata report, address requester, bool named)
        external
        returns (uint8 tier, uint16 redirectBps)
    {
        if (msg.sender != _storage().hub) revert UnauthorizedHub(msg.sender);
        // A request has its version from the day it was made.
        return _record(report, requester, uint40(block.timestamp), named ? NAMED : ASKED);
    }

    /// @inheritdoc IPostRegistry
    function recordAttestation(PoCReport calldata report) external {
        if (msg.sender != _storage().hub) revert UnauthorizedHub(msg.sender);
        if (block.timestamp > report.validUntil) revert ReportExpired(report.requestId, report.validUntil);
        ReportRules.checkAttestation(report, msg.sender);
        _record(report, address(0), uint40(block.timestamp), ATTESTED);
    }

    /// @inheritdoc IPostRegistry
    function recordLeaf(PoCReport calldata report, uint40 publishedAt) external {
        if (msg.sender != _storage().roots) revert UnauthorizedHub(msg.sender);
        // Whether its policy was in force was asked when the root was posted.
        _record(report, address(0), publishedAt, LEAF);
    }

    /// @inheritdoc IPostRegistry
    function show(PoCReport calldata report) external {
        Standing storage kept = _storage().standings[report.postId];
        if (!_isOf(kept, report)) revert NotTheStandingReport(report.postId, kept.commitment);
        if (kept.flags & StandingFlags.CONTENT != 0) return;
        kept.flags |= StandingFlags.CONTENT;
        kept.contentHash = report.contentHash;
        emit ReportShown(report.postId, report.contentHash);
    }

    function _record(PoCReport calldata report, address requester, uint40 firstAt, uint8 how)
        private
        returns (uint8 tier, uint16 redirectBps)
    {
        (uint16 threshold, uint16 base, uint40 finalAt) = _checked(report, how == ATTESTED);
        Standing storage kept = _storage().standings[report.postId];
        bool first = !kept.exists();
        if (first && requester == address(0) && _isPlainOriginal(report)) {
            kept.storeOriginal(report, firstAt, finalAt);
            _announceReport(report, 0, 1);
            emit PoCBadgeIssued(report.postId, report.creator, report.similarityBps);
            return (0, 0);
        }
        PostResult memory next = _resultFrom(report, threshold, base);
        next.finalAt = finalAt;
        (tier, redirectBps) = (next.tier, next.redirectBps);
        if (!first) {
            if (requester == address(0)) revert PostAlreadyRecorded(report.postId, kept.commitment);
            // A second look: the disputes contract decides what becomes of it, and of the post.
            if (!_storage().mayAsk[requester]) _replace(kept, report, next, requester, how == NAMED);
            return (tier, redirectBps);
        }
        next.requester = requester == address(0) ? next.creator : requester;
        next.firstRecordedAt = next.recordedAt = firstAt;
        next.revision = 1;
        // What costs nobody anything keeps its content in the commitment, until somebody shows it.
        if (requester == address(0) && next.outcome == Outcome.ORIGINAL) next.contentHash = 0;
        kept.store(next, requester == address(0) ? StandingFlags.ATTESTED : 0);
        _announceReport(report, redirectBps, 1);
        _announce(report.postId, next);
    }

    /// @dev What the policy that the report names says about it, and that it allows it.
    function _checked(PoCReport calldata report, bool chosen)
        private
        returns (uint16 threshold, uint16 base, uint40 finalAt)
    {
        uint32 window;
        uint40 endedAt;
        (threshold, base, window, endedAt) = _terms(report.configVersion, report.mediaType);
        // Who attests must not choose the version.
        if (chosen && endedAt != 0 && block.timestamp > endedAt + POLICY_GRACE) {
            revert PolicyNotInForce(report.configVersion, endedAt);
        }
        ReportRules.check(report, threshold);
        finalAt = uint40(block.timestamp) + window;
    }

    /// @dev An original that names no neighbour.
    function _isPlainOriginal(PoCReport calldata report) private pure returns (bool) {
        return report.outcome == Outcome.ORIGINAL && report.originalCreator == address(0)
            && report.originalPostId == 0;
    }

    /// @dev What a version says never changes, but for when it ended: asked once a block's transaction for many reports.
    function _terms(uint64 version, uint8 mediaType)
        private
        returns (uint16 threshold, uint16 base, uint32 window, uint40 endedAt)
    {
        TransientSlot.Uint256Slot cache = TransientSlot.asUint256(TERMS);
        uint256 key = (uint256(version) << 48) | (uint256(mediaType) << 40) | uint40(block.timestamp);
        uint256 known = cache.tload();
        if (known >> 104 == key) {
            return (uint16(known), uint16(known >> 16), uint32(known >> 32), uint40(known >> 64));
        }
        (threshold, base, window, endedAt) = _storage().policy.decisionTerms(version, mediaType);
        known = (uint256(endedAt) << 64) | (uint256(window) << 32) | (uint256(base) << 16) | threshold;
        cache.tstore((key << 104) | known);
    }

    function _replace(
        Standing storage kept,
        PoCReport calldata report,
        PostResult memory next,
        address requester,
        bool named
    ) private {
        PostResult memory before = kept.load();
        uint8 flags = kept.flags;
        next.revision = before.revision + 1;
        _requireFree(report.postId, flags);
        bool owesNobody = before.redirectBps == 0 && before.heldBps == 0;
        if (named && owesNobody && flags & StandingFlags.ATTESTED != 0 && next.creator != before.creator) {
            // Attested before they could ask: a stolen quorum's word about whose post it is does not outlast theirs. What
            // somebody else has a share in is no squat: with another picture the share would be gone.
            next.requester = requester;
            next.firstRecordedAt = uint40(block.timestamp);
            flags &= StandingFlags.MORE | StandingFlags.SOURCE;
        } else {
            _requireMayReplace(before, report, requester, named);
            next.requester = before.requester;
            next.firstRecordedAt = before.firstRecordedAt;
            // Asking again and again for the same verdict must not keep the original's money waiting, whatever its number.
            if (_sameVerdict(before, next)) next.finalAt = before.finalAt;
        }
        kept.store(next, flags);
        _announceReport(report, next.redirectBps, next.revision);
        _announceEnd(report.postId, before, next);
        _announce(report.postId, next);
    }

    /// @inheritdoc IPostRegistry
    function contest(bytes32 postId) external {
        Standing storage kept = _forDisputes(postId);
        uint8 status = kept.status();
        if (status != PostStatus.PROVISIONAL) revert WrongPostStatus(postId, status);
        if (_storage().heldBy[postId] != address(0)) revert PostUnderReview(postId);
        kept.setStatus(PostStatus.DISPUTED);
        _storage().contestedBy[postId] = msg.sender;
        emit PostContested(postId, kept.creator);
    }

    /// @inheritdoc IPostRegistry
    function keep(bytes32 postId, bool ruled, bytes32 reasonHash) external {
        Standing storage kept = _forDisputes(postId);
        if (!kept.isDisputed()) revert WrongPostStatus(postId, kept.status());
        kept.setStatus(PostStatus.PROVISIONAL);
        if (ruled) kept.flags |= StandingFlags.RULED;
        kept.finalAt = uint32(block.timestamp);
        PostResult memory result = kept.load();
        emit PostDecided(postId, result.creator, result.outcome, result.redirectBps, reasonHash);
    }

    /// @inheritdoc IPostRegistry
    function decide(bytes32 postId, Ruling calldata ruling) external {
        PostStorage storage $ = _storage();
        PostResult memory before = _forDisputes(postId).load();
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
        Standing storage kept = _storage().standings[postId];
        if (kept.isDisputed()) revert PostDisputed(postId);
        _storage().heldBy[postId] = msg.sender;
        PostResult memory result = kept.load();
        // A share that waits already waits on: a claim must not free it.
        if (heldBps > result.heldBps) result.heldBps = heldBps;
        if (until > result.finalAt) result.finalAt = until;
        kept.store(result, kept.flags);
        emit PostHeld(postId, result.creator, result.heldBps, result.finalAt);
    }

    /// @inheritdoc IPostRegistry
    function release(bytes32 postId, uint40 finalAt) external {
        Standing storage kept = _heldBySender(postId);
        PostResult memory result = kept.load();
        // Never later than time alone would have made it.
        if (finalAt < result.finalAt) result.finalAt = finalAt;
        result.heldBps = 0;
        if (result.outcome == Outcome.NEEDS_REVIEW) {
            // What a copy would cost waits as before, not what was claimed.
            (uint16 threshold, uint16 base) =
                _storage().policy.policyAt(result.configVersion, result.mediaType);
            result.heldBps = RedirectMath.redirectBps(result.similarityBps, threshold, base);
        }
        kept.store(result, kept.flags);
        emit PostReleased(postId, result.creator, result.finalAt);
    }

    /// @inheritdoc IPostRegistry
    function correct(bytes32 postId, Ruling calldata ruling, uint16 similarityBps) external {
        if (similarityBps > RedirectMath.BPS) revert SimilarityOutOfRange(similarityBps);
        PostResult memory before = _heldBySender(postId).load();
        before.similarityBps = similarityBps;
        _decide(postId, before, ruling);
    }

    function _heldBySender(bytes32 postId) private returns (Standing storage) {
        PostStorage storage $ = _storage();
        if ($.heldBy[postId] != msg.sender) revert UnauthorizedDisputes(msg.sender);
        delete $.heldBy[postId];
        return $.standings[postId];
    }

    function _decide(bytes32 postId, PostResult memory before, Ruling calldata ruling) private {
        PostStorage storage $ = _storage();
        PostResult memory next = _ruled(postId, before, ruling);
        next.finalAt = uint40(block.timestamp);
        if (ruling.contestable) {
            (,, uint32 window,) = $.policy.decisionTerms(before.configVersion, before.mediaType);
            next.finalAt += window;
        }
        Standing storage kept = $.standings[postId];
        // Closed to reports, also where its owner may still dispute it; and what people decided is nobody's to take over.
        kept.store(next, (kept.flags & ~StandingFlags.ATTESTED) | StandingFlags.RULED);
        emit PostDecided(postId, next.creator, next.outcome, next.redirectBps, ruling.reasonHash);
        _announceEnd(postId, before, next);
        _announce(postId, next);
    }

    /// @inheritdoc IPostRegistry
    function setDisputes(address disputes_) external restricted {
        _requireAddress(disputes_);
        _storage().disputes = disputes_;
        _storage().mayAsk[disputes_] = true;
        emit DisputesChanged(disputes_);
    }

    /// @inheritdoc IPostRegistry
    function mayReview(address account) external view returns (bool) {
        return _storage().mayAsk[account];
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
        Standing storage kept = _storage().standings[postId];
        result = kept.load();
        result.status = kept.status();
    }

    /// @inheritdoc IPostRegistry
    function statusOf(bytes32 postId) external view returns (uint8) {
        return _storage().standings[postId].status();
    }

    /// @inheritdoc IPostRegistry
    function isOfReport(PoCReport calldata report) external view returns (bool) {
        return _isOf(_storage().standings[report.postId], report);
    }

    /// @inheritdoc IRedirectSource
    function redirectOf(bytes32 postId) external view returns (address beneficiary, uint16 redirectBps) {
        Standing storage kept = _storage().standings[postId];
        if (!kept.exists()) revert NotPosted(postId);
        if (kept.outcome() != Outcome.DERIVATIVE) return (address(0), 0);
        return (kept.originalCreator, kept.redirectBps);
    }

    /// @inheritdoc IPostRegistry
    function mayAskAgain(bytes32 postId, address account) external view returns (bool may) {
        Standing storage kept = _storage().standings[postId];
        may = kept.exists() && _hasStake(kept.creator, kept.askedBy(), account);
        // Nobody could tell whether the answer is about the same media.
        if (may && kept.flags & StandingFlags.CONTENT == 0) revert ReportNotShown(postId);
    }

    /// @inheritdoc IPostRegistry
    function hasBadge(bytes32 postId) external view returns (bool) {
        return _storage().standings[postId].outcome() == Outcome.ORIGINAL;
    }

    /// @inheritdoc IPostRegistry
    function isRuled(bytes32 postId) external view returns (bool) {
        return _storage().standings[postId].flags & StandingFlags.RULED != 0;
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
    function _requireMayReplace(
        PostResult memory before,
        PoCReport calldata report,
        address requester,
        bool named
    ) private view {
        bytes32 postId = report.postId;
        // What nobody could decide yet stays open to a better look.
        bool decided = before.outcome != Outcome.NEEDS_REVIEW;
        if (decided && _storage().standings[postId].status() == PostStatus.FINAL) revert PostFinal(postId);
        if (!named && !_hasStake(before.creator, before.requester, requester)) {
            revert NotPostRequester(postId, requester);
        }
        if (report.creator != before.creator) revert CreatorMismatch(before.creator, report.creator);
        if (report.mediaType != before.mediaType) {
            revert MediaTypeMismatch(before.mediaType, report.mediaType);
        }
        if (before.contentHash == 0) revert ReportNotShown(postId);
        if (report.contentHash != before.contentHash) {
            revert ContentHashMismatch(before.contentHash, report.contentHash);
        }
    }

    function _requireFree(bytes32 postId, uint8 flags) private view {
        if (flags & StandingFlags.STATUS == PostStatus.DISPUTED) revert PostDisputed(postId);
        if (_storage().heldBy[postId] != address(0)) revert PostUnderReview(postId);
        if (flags & StandingFlags.RULED != 0) revert PostRuled(postId);
    }

    /// @dev Who asked first, its creator, or the wallet of a creator who had none.
    function _hasStake(address creator, address requester, address account) private view returns (bool) {
        if (account == creator || account == requester) return true;
        address disputes_ = _storage().disputes;
        return disputes_ != address(0) && account == ILedger(disputes_).links().walletOf(creator);
    }

    /// @dev As `emit` would, without checking and copying the eighteen fields one by one.
    function _announceReport(PoCReport calldata report, uint16 redirectBps, uint16 revision) private {
        uint256 length = ReportHash.REPORT_BYTES;
        bytes32 selector = PostResultRecorded.selector;
        (bytes32 postId, bytes32 requestId, address creator) =
            (report.postId, report.requestId, report.creator);
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore(data, redirectBps)
            mstore(add(data, 0x20), revision)
            calldatacopy(add(data, 0x40), report, length)
            log4(data, add(length, 0x40), selector, postId, requestId, creator)
        }
    }

    function _announceEnd(bytes32 postId, PostResult memory before, PostResult memory next) private {
        if (before.outcome == Outcome.ORIGINAL && next.outcome != Outcome.ORIGINAL) {
            emit PoCBadgeWithdrawn(postId, next.creator);
        }
        if (before.outcome == Outcome.DERIVATIVE && next.outcome != Outcome.DERIVATIVE) {
            emit RevenueRedirectionEnded(postId, before.originalCreator);
        }
    }

    function _announce(bytes32 postId, PostResult memory next) private {
        if (next.outcome == Outcome.ORIGINAL) {
            emit PoCBadgeIssued(postId, next.creator, next.similarityBps);
        } else if (next.outcome == Outcome.DERIVATIVE) {
            emit RevenueRedirectionActivated(
                postId, next.originalCreator, next.originalPostId, next.redirectBps, next.similarityBps
            );
        }
    }

    function _resultFrom(PoCReport calldata report, uint16 threshold, uint16 base)
        private
        view
        returns (PostResult memory result)
    {
        result.commitment = bytes28(report.hash());
        result.configVersion = uint32(report.configVersion);
        result.contentHash = report.contentHash;
        result.originalPostId = report.originalPostId;
        result.creator = report.creator;
        result.mediaType = report.mediaType;
        result.outcome = report.outcome;
        result.status = PostStatus.PROVISIONAL;
        result.originalCreator = report.originalCreator;
        result.similarityBps = report.similarityBps;
        result.tier = RedirectMath.tier(result.similarityBps);
        if (result.outcome == Outcome.DERIVATIVE) {
            result.redirectBps = RedirectMath.redirectBps(result.similarityBps, threshold, base);
        } else if (result.outcome == Outcome.NEEDS_REVIEW) {
            // Above the threshold: what a copy would cost waits for a person, or for the window's end.
            result.heldBps = RedirectMath.redirectBps(result.similarityBps, threshold, base);
        }
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

    function _forDisputes(bytes32 postId) private view returns (Standing storage kept) {
        PostStorage storage $ = _storage();
        kept = $.standings[postId];
        address entitled = kept.isDisputed() ? $.contestedBy[postId] : $.disputes;
        if (msg.sender != entitled) revert UnauthorizedDisputes(msg.sender);
        if (!kept.exists()) revert UnknownPost(postId);
    }

    function _isOf(Standing storage kept, PoCReport calldata report) private view returns (bool) {
        return kept.exists() && kept.commitment == bytes28(report.hash());
    }

    /// @dev A window is for a verdict: what the post is and whose share it is, not how large.
    function _sameVerdict(PostResult memory before, PostResult memory next) private pure returns (bool) {
        return before.outcome == next.outcome && before.originalCreator == next.originalCreator;
    }

    function _storage() private pure returns (PostStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
