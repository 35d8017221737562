// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Managed} from "../Managed.sol";
import {IDisputeErrors, IPostErrors, IRuleErrors} from "../interfaces/IErrors.sol";
import {Claim, Correction, Finding, ICorrections} from "../interfaces/ICorrections.sol";
import {IPolicyRegistry} from "../interfaces/IPolicyRegistry.sol";
import {RedirectMath} from "../libraries/RedirectMath.sol";
import {Ledger} from "../payments/Ledger.sol";
import {CaseStatus, Outcome, PostStatus} from "../types/Codes.sol";
import {PostResult, Ruling} from "../types/Reports.sol";
import {Holds} from "./Holds.sol";

/// @title Corrections by people, and claims that a post copies another
/// @dev The half of the disputes that does not wait for a post's owner. What is claimed or about to be corrected is held,
/// never moved, and time alone gives it back.
abstract contract Corrections is
    ICorrections,
    IDisputeErrors,
    IPostErrors,
    IRuleErrors,
    Ledger,
    Managed,
    Holds
{
    /// @notice How long a correction can be seen coming, and vetoed.
    uint40 public constant CORRECTION_DELAY = 3 days;
    /// @notice How long there is to decide a claim; then the result stands.
    uint40 public constant CLAIM_PERIOD = 14 days;
    /// @notice Most claims with a bond about one post at a time.
    uint8 public constant MAX_OPEN_CLAIMS = 8;
    /// @dev How often a bond doubles at most, for claims that came to nothing.
    uint256 private constant MAX_DOUBLINGS = 10;

    /// @inheritdoc ICorrections
    function claim(bytes32 postId, bytes32 originalPostId, bytes32 evidenceHash)
        external
        payable
        nonReentrant
        returns (uint256 claimId)
    {
        address claimant = _resultOf(originalPostId).creator;
        if (!_actsFor(claimant)) revert NotPostOwner(originalPostId, msg.sender);
        uint8 bonded = _state().holds[postId].bonded++;
        if (bonded >= MAX_OPEN_CLAIMS) revert TooManyClaims(postId, bonded);
        uint256 bond = _receive(ETHER, claimBondOf(postId, claimant));
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
        if (_actsFor(_resultOf(c.postId).creator) || _actsFor(c.claimant)) {
            revert PartialArbiter(claimId, msg.sender);
        }
        _closeClaim(claimId, c, CaseStatus.REJECTED, reasonHash);
    }

    /// @inheritdoc ICorrections
    function settleClaim(uint256 claimId) external nonReentrant {
        Claim storage c = _openClaim(claimId);
        if (block.timestamp <= c.until) revert TooEarly(claimId, c.until);
        _closeClaim(claimId, c, CaseStatus.LAPSED, 0);
    }

    /// @inheritdoc ICorrections
    function propose(bytes32 postId, Finding calldata finding)
        external
        restricted
        returns (uint256 correctionId)
    {
        PostResult memory post = _known(postId);
        if (post.status == PostStatus.DISPUTED) revert NotDisputable(postId, post.outcome, post.status);
        return _propose(postId, post, finding);
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
        // First, so that the hold goes on without a gap.
        correctionId = _propose(c.postId, _resultOf(c.postId), finding);
        _closeClaim(claimId, c, CaseStatus.UPHELD, finding.reasonHash);
    }

    /// @inheritdoc ICorrections
    function vetoCorrection(uint256 correctionId, bytes32 reasonHash) external restricted {
        Correction storage c = _openCorrection(correctionId);
        if (reasonHash == 0) revert MissingEvidence();
        c.status = CaseStatus.REJECTED;
        emit CorrectionVetoed(correctionId, c.postId, msg.sender, reasonHash);
        Hold storage h = _state().holds[c.postId];
        h.correcting = false;
        _letGo(c.postId, h);
    }

    /// @inheritdoc ICorrections
    function execute(uint256 correctionId) external {
        Correction storage c = _openCorrection(correctionId);
        if (block.timestamp < c.readyAt) revert TooEarly(correctionId, c.readyAt);
        bytes32 postId = c.postId;
        Hold storage h = _state().holds[postId];
        if (!h.active) revert NotHeld(postId);
        c.status = CaseStatus.UPHELD;
        (h.correcting, h.active) = (false, false);
        Finding memory f = c.finding;
        // Who found it does not rule on a dispute about it.
        _state().reviewers[postId] = c.by;
        emit CorrectionExecuted(correctionId, postId, f.outcome, f.reasonHash);
        // What costs the owner money can be disputed in a window of its own, like a review.
        bool contestable = f.outcome == Outcome.DERIVATIVE;
        Ruling memory ruling =
            Ruling(f.outcome, f.originalCreator, f.originalPostId, f.reasonHash, contestable);
        _state().posts.correct(postId, ruling, f.similarityBps);
        // Another claim may say more.
        _holdOn(postId);
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
    function claimBondOf(bytes32 postId, address claimant) public view returns (uint256) {
        uint256 failed = _state().failedClaims[claimant];
        uint64 version = _known(postId).configVersion;
        return _bondAt(version) << (failed < MAX_DOUBLINGS ? failed : MAX_DOUBLINGS);
    }

    function _claim(
        bytes32 postId,
        bytes32 originalPostId,
        bytes32 evidenceHash,
        address claimant,
        uint96 bondWei
    ) private returns (uint256 claimId) {
        if (evidenceHash == 0) revert MissingEvidence();
        PostResult memory post = _known(postId);
        PostResult memory earlier = _resultOf(originalPostId);
        bool older = earlier.revision != 0 && earlier.firstRecordedAt < post.firstRecordedAt;
        if (!older || earlier.creator == post.creator) revert NotEarlier(postId, originalPostId);
        DisputesState storage $ = _state();
        // One question is asked once by its creator, and on a platform's word once at a time.
        if (_asked(postId, originalPostId)[bondWei == 0]) revert AlreadyClaimed(postId, originalPostId);
        _asked(postId, originalPostId)[bondWei == 0] = true;
        claimId = ++$.claimCount;
        uint40 until = uint40(block.timestamp) + CLAIM_PERIOD;
        $.claims[claimId] =
            Claim(postId, originalPostId, evidenceHash, claimant, bondWei, until, CaseStatus.OPEN, false);
        emit CopyClaimed(claimId, postId, originalPostId, claimant, bondWei, evidenceHash, until);
        _holdForClaim(claimId, postId, post, until);
    }

    function _propose(bytes32 postId, PostResult memory post, Finding calldata finding)
        private
        returns (uint256 correctionId)
    {
        _requireExecutable(postId, post, finding);
        if (_actsFor(post.creator) || _actsFor(finding.originalCreator)) {
            revert PartialArbiter(0, msg.sender);
        }
        DisputesState storage $ = _state();
        Hold storage h = $.holds[postId];
        if (h.correcting) revert PostUnderReview(postId);
        h.correcting = true;
        correctionId = ++$.correctionCount;
        uint40 readyAt = uint40(block.timestamp) + CORRECTION_DELAY;
        $.corrections[correctionId] = Correction(postId, finding, msg.sender, readyAt, CaseStatus.OPEN);
        emit CorrectionProposed(
            correctionId,
            postId,
            msg.sender,
            finding.outcome,
            finding.similarityBps,
            finding.reasonHash,
            readyAt
        );
        _hold(postId, h, post, readyAt + CORRECTION_GRACE);
    }

    function _closeClaim(uint256 claimId, Claim storage c, uint8 status, bytes32 reasonHash) private {
        DisputesState storage $ = _state();
        bytes32 postId = c.postId;
        Hold storage h = $.holds[postId];
        c.status = status;
        uint96 bond = c.bondWei;
        // Not the post's owner's: a claim by the owner's own other account would cost nothing.
        address to = c.claimant;
        if (c.holds) --h.holding;
        // Nobody answered, or a later step about the same two has to hold, too: it may be asked again.
        if (status == CaseStatus.LAPSED || bond == 0) _asked(postId, c.originalPostId)[bond == 0] = false;
        if (bond != 0) {
            --h.bonded;
            c.bondWei = 0;
            uint256 failed = $.failedClaims[to];
            if (status != CaseStatus.UPHELD) {
                $.failedClaims[to] = failed + 1;
                (, to) = $.splitter.treasuries();
            } else if (failed != 0) {
                $.failedClaims[to] = failed - 1;
            }
            _credit(to, ETHER, bond);
        }
        emit ClaimClosed(claimId, postId, status, to, bond, reasonHash);
        _letGo(postId, h);
    }

    /// @dev What could never be carried out would keep the post under review until somebody vetoes it.
    function _requireExecutable(bytes32 postId, PostResult memory post, Finding calldata f) private view {
        if (f.reasonHash == 0) revert MissingEvidence();
        if (f.outcome < Outcome.ORIGINAL || f.outcome > Outcome.LICENSED) revert InvalidOutcome(f.outcome);
        if (f.similarityBps > RedirectMath.BPS) revert SimilarityOutOfRange(f.similarityBps);
        if (f.outcome != Outcome.DERIVATIVE) return;
        (uint16 threshold,) = _termsOf(post);
        if (f.similarityBps < threshold) {
            revert OutcomeContradictsPolicy(f.outcome, f.similarityBps, threshold);
        }
        if (f.originalCreator == address(0)) revert MissingOriginalCreator(postId);
        if (f.originalCreator == post.creator || f.originalPostId == postId) {
            revert SelfMatch(postId, post.creator);
        }
    }

    function _known(bytes32 postId) internal view returns (PostResult memory post) {
        post = _resultOf(postId);
        if (post.revision == 0) revert UnknownPost(postId);
    }

    function _asked(bytes32 postId, bytes32 originalPostId)
        private
        view
        returns (mapping(bool onWord => bool) storage)
    {
        return _state().claimed[postId][originalPostId];
    }

    function _openClaim(uint256 claimId) private view returns (Claim storage c) {
        c = _state().claims[claimId];
        if (c.status != CaseStatus.OPEN) revert WrongStage(claimId, c.status);
    }

    function _openCorrection(uint256 correctionId) private view returns (Correction storage c) {
        c = _state().corrections[correctionId];
        if (c.status != CaseStatus.OPEN) revert WrongStage(correctionId, c.status);
    }

    /// @dev Bond of a policy version, in wei.
    function _bondAt(uint64 version) internal view returns (uint256) {
        return IPolicyRegistry(_state().posts.policy()).termsAt(version).bondWei;
    }

    function _actsFor(address account) internal view returns (bool) {
        return account != address(0) && (msg.sender == account || msg.sender == links().walletOf(account));
    }
}
