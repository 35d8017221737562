// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Managed} from "../Managed.sol";
import {IDisputeErrors, IUnknownPostError} from "../interfaces/IErrors.sol";
import {Claim, Correction, Finding, ICorrections} from "../interfaces/ICorrections.sol";
import {IPolicyRegistry} from "../interfaces/IPolicyRegistry.sol";
import {IPostRegistry} from "../interfaces/IPostRegistry.sol";
import {RedirectMath} from "../libraries/RedirectMath.sol";
import {Ledger} from "../payments/Ledger.sol";
import {CaseStatus, Outcome, PostStatus} from "../types/Codes.sol";
import {PostResult, Ruling} from "../types/Reports.sol";
import {DisputeStorage} from "./DisputeStorage.sol";

/// @title Corrections by people, and claims that a post copies another
/// @dev The half of the disputes that does not wait for a post's owner. What is claimed or about to be corrected is held,
/// never moved, and time alone gives it back.
abstract contract Corrections is
    ICorrections,
    IDisputeErrors,
    IUnknownPostError,
    Ledger,
    Managed,
    DisputeStorage
{
    /// @notice How long a correction can be seen coming, and vetoed.
    uint40 public constant CORRECTION_DELAY = 3 days;
    /// @notice How long there is to decide a claim; then the result stands.
    uint40 public constant CLAIM_PERIOD = 14 days;
    /// @notice Share that waits for a claim about which no measured similarity says more.
    uint16 public constant CLAIM_HOLD_BPS = 5_000;
    /// @notice How often a bond doubles at most, for claims that came to nothing.
    uint256 public constant MAX_DOUBLINGS = 10;

    /// @inheritdoc ICorrections
    function claim(bytes32 postId, bytes32 originalPostId, bytes32 evidenceHash)
        external
        payable
        nonReentrant
        returns (uint256 claimId)
    {
        address claimant = _posts().resultOf(originalPostId).creator;
        if (!_actsFor(claimant)) revert NotPostOwner(originalPostId, msg.sender);
        uint256 bond = _receive(ETHER, claimBondOf(postId));
        return _claim(postId, originalPostId, evidenceHash, claimant, uint96(bond));
    }

    /// @inheritdoc ICorrections
    function claimOnWord(bytes32 postId, bytes32 originalPostId, bytes32 evidenceHash)
        external
        restricted
        returns (uint256 claimId)
    {
        return _claim(postId, originalPostId, evidenceHash, msg.sender, 0);
    }

    /// @inheritdoc ICorrections
    function rejectClaim(uint256 claimId, bytes32 reasonHash) external restricted nonReentrant {
        Claim storage c = _openClaim(claimId);
        if (reasonHash == 0) revert MissingEvidence();
        PostResult memory post = _posts().resultOf(c.postId);
        if (_actsFor(post.creator) || _actsFor(c.claimant)) revert PartialArbiter(claimId, msg.sender);
        _closeClaim(claimId, c, CaseStatus.REJECTED, post.creator, reasonHash);
        _posts().release(c.postId, uint40(block.timestamp) + c.windowLeft);
    }

    /// @inheritdoc ICorrections
    function settleClaim(uint256 claimId) external nonReentrant {
        Claim storage c = _openClaim(claimId);
        if (block.timestamp <= c.until) revert TooEarly(claimId, c.until);
        // What nobody upheld in time held somebody's money up.
        _closeClaim(claimId, c, CaseStatus.LAPSED, _posts().resultOf(c.postId).creator, 0);
        _posts().release(c.postId, uint40(block.timestamp) + c.windowLeft);
    }

    /// @inheritdoc ICorrections
    function propose(bytes32 postId, Finding calldata finding)
        external
        restricted
        returns (uint256 correctionId)
    {
        PostResult memory post = _free(postId);
        uint40 left = _windowLeft(post);
        _posts().hold(postId, _holdBps(post), uint40(block.timestamp) + CORRECTION_DELAY + left);
        return _propose(postId, post, left, finding);
    }

    /// @inheritdoc ICorrections
    function upholdClaim(uint256 claimId, Finding calldata finding)
        external
        restricted
        nonReentrant
        returns (uint256 correctionId)
    {
        Claim storage c = _openClaim(claimId);
        if (_actsFor(c.claimant)) revert PartialArbiter(claimId, msg.sender);
        if (finding.outcome != Outcome.DERIVATIVE) revert InvalidRuling(claimId, finding.outcome);
        _closeClaim(claimId, c, CaseStatus.UPHELD, c.claimant, finding.reasonHash);
        return _propose(c.postId, _posts().resultOf(c.postId), c.windowLeft, finding);
    }

    /// @inheritdoc ICorrections
    function vetoCorrection(uint256 correctionId, bytes32 reasonHash) external restricted {
        Correction storage c = _openCorrection(correctionId);
        if (reasonHash == 0) revert MissingEvidence();
        c.status = CaseStatus.REJECTED;
        emit CorrectionVetoed(correctionId, c.postId, msg.sender, reasonHash);
        _posts().release(c.postId, uint40(block.timestamp) + c.windowLeft);
    }

    /// @inheritdoc ICorrections
    function execute(uint256 correctionId) external {
        Correction storage c = _openCorrection(correctionId);
        if (block.timestamp < c.readyAt) revert TooEarly(correctionId, c.readyAt);
        c.status = CaseStatus.UPHELD;
        Finding memory f = c.finding;
        emit CorrectionExecuted(correctionId, c.postId, f.outcome, f.reasonHash);
        // What costs the owner money can be disputed in a window of its own, like a review.
        bool derived = f.outcome == Outcome.DERIVATIVE;
        Ruling memory ruling = Ruling(
            f.outcome, derived ? f.originalCreator : address(0), f.originalPostId, f.reasonHash, derived
        );
        _posts().correct(c.postId, ruling, f.similarityBps);
    }

    /// @inheritdoc ICorrections
    function claimOf(uint256 claimId) external view returns (Claim memory) {
        return _state().claims[claimId];
    }

    /// @inheritdoc ICorrections
    function correctionOf(uint256 correctionId) external view returns (Correction memory) {
        return _state().corrections[correctionId];
    }

    /// @inheritdoc ICorrections
    function claimBondOf(bytes32 postId) public view returns (uint256) {
        uint64 version = _posts().resultOf(postId).configVersion;
        if (version == 0) revert UnknownPost(postId);
        uint256 failed = _state().failedClaims[postId];
        uint256 bond = IPolicyRegistry(_posts().policy()).termsAt(version).bondWei;
        return bond << (failed < MAX_DOUBLINGS ? failed : MAX_DOUBLINGS);
    }

    function _claim(
        bytes32 postId,
        bytes32 originalPostId,
        bytes32 evidenceHash,
        address claimant,
        uint96 bondWei
    ) private returns (uint256 claimId) {
        if (evidenceHash == 0) revert MissingEvidence();
        PostResult memory post = _free(postId);
        PostResult memory earlier = _posts().resultOf(originalPostId);
        bool older = earlier.revision != 0 && earlier.recordedAt < post.recordedAt;
        if (!older || earlier.creator == post.creator) revert NotEarlier(postId, originalPostId);
        DisputesState storage $ = _state();
        // One question is asked once.
        if ($.claimed[postId][originalPostId]) revert AlreadyClaimed(postId, originalPostId);
        $.claimed[postId][originalPostId] = true;
        claimId = ++$.claimCount;
        uint40 until = uint40(block.timestamp) + CLAIM_PERIOD;
        uint40 left = _windowLeft(post);
        $.claims[claimId] =
            Claim(postId, originalPostId, evidenceHash, claimant, bondWei, until, left, CaseStatus.OPEN);
        emit CopyClaimed(claimId, postId, originalPostId, claimant, bondWei, evidenceHash, until);
        _posts().hold(postId, _holdBps(post), until + left);
    }

    function _propose(bytes32 postId, PostResult memory post, uint40 left, Finding calldata finding)
        private
        returns (uint256 correctionId)
    {
        if (finding.reasonHash == 0) revert MissingEvidence();
        if (_actsFor(post.creator) || _actsFor(finding.originalCreator)) {
            revert PartialArbiter(0, msg.sender);
        }
        DisputesState storage $ = _state();
        // Who found it does not rule on a dispute about it.
        $.reviewers[postId] = msg.sender;
        correctionId = ++$.correctionCount;
        uint40 readyAt = uint40(block.timestamp) + CORRECTION_DELAY;
        $.corrections[correctionId] = Correction(postId, finding, msg.sender, readyAt, left, CaseStatus.OPEN);
        emit CorrectionProposed(
            correctionId,
            postId,
            msg.sender,
            finding.outcome,
            finding.similarityBps,
            finding.reasonHash,
            readyAt
        );
    }

    function _closeClaim(uint256 claimId, Claim storage c, uint8 status, address bondTo, bytes32 reasonHash)
        private
    {
        c.status = status;
        if (status != CaseStatus.UPHELD) ++_state().failedClaims[c.postId];
        uint96 bond = c.bondWei;
        c.bondWei = 0;
        _credit(bondTo, ETHER, bond);
        emit ClaimClosed(claimId, c.postId, status, bondTo, bond, reasonHash);
    }

    /// @dev What the claimant would get if the claim were true, as far as anybody measured.
    function _holdBps(PostResult memory post) private view returns (uint16) {
        (uint16 threshold, uint16 base) =
            IPolicyRegistry(_posts().policy()).policyAt(post.configVersion, post.mediaType);
        if (post.similarityBps < threshold) return CLAIM_HOLD_BPS;
        return RedirectMath.redirectBps(post.similarityBps, threshold, base);
    }

    /// @dev While a post is held nobody can dispute it, so what is left of the owner's window comes after: a claim must not
    /// run it out.
    function _windowLeft(PostResult memory post) private view returns (uint40) {
        return post.finalAt > block.timestamp ? post.finalAt - uint40(block.timestamp) : 0;
    }

    function _free(bytes32 postId) private view returns (PostResult memory post) {
        post = _posts().resultOf(postId);
        if (post.revision == 0) revert UnknownPost(postId);
        if (post.status == PostStatus.DISPUTED) revert NotDisputable(postId, post.outcome, post.status);
    }

    function _openClaim(uint256 claimId) private view returns (Claim storage c) {
        c = _state().claims[claimId];
        if (c.status != CaseStatus.OPEN) revert WrongStage(claimId, c.status);
    }

    function _openCorrection(uint256 correctionId) private view returns (Correction storage c) {
        c = _state().corrections[correctionId];
        if (c.status != CaseStatus.OPEN) revert WrongStage(correctionId, c.status);
    }

    function _posts() private view returns (IPostRegistry) {
        return _state().posts;
    }

    function _actsFor(address account) internal view returns (bool) {
        return account != address(0) && (msg.sender == account || msg.sender == links().walletOf(account));
    }
}
