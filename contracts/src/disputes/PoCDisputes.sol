// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {MulticallUpgradeable} from "@openzeppelin/contracts-upgradeable/utils/MulticallUpgradeable.sol";
import {IPolicyErrors, IQuorumErrors} from "../interfaces/IErrors.sol";
import {IOracleRegistry} from "../interfaces/IOracleRegistry.sol";
import {Dispute, IPoCDisputes} from "../interfaces/IPoCDisputes.sol";
import {IPoCHub} from "../interfaces/IPoCHub.sol";
import {IPostRegistry} from "../interfaces/IPostRegistry.sol";
import {IRevenueSplitter} from "../interfaces/IRevenueSplitter.sol";
import {IVerificationConsumer} from "../interfaces/IVerificationConsumer.sol";
import {DisputeStatus, Outcome, PostStatus} from "../types/Codes.sol";
import {PostResult, Ruling, VerificationResult} from "../types/Reports.sol";
import {Corrections} from "./Corrections.sol";

/// @title Disputes about results
/// @dev No pause stops these clocks: a dispute that cannot go on would hold somebody's money.
contract PoCDisputes is
    IPoCDisputes,
    IVerificationConsumer,
    IQuorumErrors,
    IPolicyErrors,
    Corrections,
    MulticallUpgradeable
{
    /// @notice How long the other party may answer.
    uint40 public constant ANSWER_PERIOD = 3 days;
    /// @notice How long there is to rule on an appeal: the ruling it is against is there already.
    uint40 public constant APPEAL_RULING_PERIOD = 7 days;
    /// @notice How long there is to rule, from the start of the first round.
    uint40 public constant RULING_PERIOD = 14 days;
    /// @notice How long the side that lost may go on.
    uint40 public constant APPEAL_PERIOD = 3 days;
    /// @notice The free round and two bonded ones.
    uint8 public constant MAX_ROUNDS = 3;
    /// @dev Gas for the answer of a second look.
    uint32 private constant REVIEW_GAS = 250_000;

    /// @notice Wires the disputes.
    /// @param splitter_ Names the treasury that lost bonds of claims go to.
    function initialize(address authority_, address hub_, address posts_, address links_, address splitter_)
        external
        initializer
    {
        _requireAddress(authority_);
        _requireAddress(hub_);
        _requireAddress(posts_);
        _requireAddress(splitter_);
        __AccessManaged_init(authority_);
        _initLedger(links_);
        _state().hub = IPoCHub(hub_);
        _state().posts = IPostRegistry(posts_);
        _state().splitter = IRevenueSplitter(splitter_);
    }

    /// @inheritdoc IPoCDisputes
    function open(bytes32 postId, bytes32 evidenceHash) external returns (uint256 disputeId) {
        DisputesState storage $ = _state();
        PostResult memory result = _known(postId);
        if (!_actsFor(result.creator)) revert NotPostOwner(postId, msg.sender);
        if (result.outcome == Outcome.ORIGINAL || result.status != PostStatus.PROVISIONAL) {
            revert NotDisputable(postId, result.outcome, result.status);
        }
        disputeId = ++$.count;
        $.open[postId] = disputeId;
        Dispute storage dispute = $.disputes[disputeId];
        dispute.postId = postId;
        dispute.owner = result.creator;
        dispute.beneficiary = result.originalCreator;
        dispute.disputed = result.outcome;
        dispute.standing = result.outcome;
        dispute.configVersion = result.configVersion;
        $.posts.contest(postId);
        _startRound(disputeId, dispute, 1, evidenceHash, _askAgain(disputeId, dispute, result));
    }

    /// @inheritdoc IPoCDisputes
    function answer(uint256 disputeId, bytes32 statementHash) external {
        Dispute storage dispute = _at(disputeId, DisputeStatus.OPEN);
        if (statementHash == 0) revert MissingEvidence();
        address other = _otherThan(dispute, _opener(dispute));
        if (!_actsFor(other)) revert NotTheOtherParty(disputeId, msg.sender);
        if (block.timestamp > dispute.answerUntil) revert TooLate(disputeId, dispute.answerUntil);
        if (dispute.answered) revert AlreadyAnswered(disputeId);
        dispute.answered = true;
        dispute.counterHash = statementHash;
        emit DisputeAnswered(disputeId, dispute.postId, msg.sender, statementHash);
    }

    /// @inheritdoc IPoCDisputes
    function rule(uint256 disputeId, uint8 outcome, bytes32 reasonHash) external restricted {
        Dispute storage dispute = _at(disputeId, DisputeStatus.OPEN);
        bool party = _actsFor(dispute.owner) || _actsFor(dispute.beneficiary);
        bool accused = msg.sender == _state().reviewers[dispute.postId];
        if (party || accused || msg.sender == dispute.arbiter) revert PartialArbiter(disputeId, msg.sender);
        bool heard = dispute.answered || dispute.beneficiary == address(0);
        if (!heard && block.timestamp <= dispute.answerUntil) {
            revert TooEarly(disputeId, dispute.answerUntil);
        }
        if (block.timestamp <= dispute.reviewUntil) revert TooEarly(disputeId, dispute.reviewUntil);
        _rule(disputeId, dispute, msg.sender, outcome, reasonHash);
    }

    /// @inheritdoc IVerificationConsumer
    /// @dev Only an answer that takes the accusation back rules, and does not wait for statements, which change nothing
    /// about the media. One that repeats it must not close the free round: the accuser would decide. An answer that
    /// comes too late is taken and changes nothing.
    function onVerification(bytes32 requestId, VerificationResult calldata result) external returns (bytes4) {
        DisputesState storage $ = _state();
        if (msg.sender != address($.hub)) revert NotTheHub(msg.sender);
        uint256 disputeId = $.reviews[requestId];
        if (disputeId == 0) revert UnknownReview(requestId);
        delete $.reviews[requestId];
        Dispute storage dispute = $.disputes[disputeId];
        bool waits = dispute.status == DisputeStatus.OPEN && dispute.round == 1
            && block.timestamp <= dispute.ruleUntil;
        if (waits) {
            dispute.reviewUntil = 0;
            dispute.reviewed = result.outcome;
            emit DisputeReviewed(disputeId, dispute.postId, requestId, result.outcome, result.evidenceHash);
            bool clears = result.outcome == Outcome.ORIGINAL || result.outcome == Outcome.LICENSED;
            if (clears && result.outcome != dispute.disputed && result.evidenceHash != 0) {
                _rule(disputeId, dispute, msg.sender, result.outcome, result.evidenceHash);
            }
        }
        return IVerificationConsumer.onVerification.selector;
    }

    /// @inheritdoc IPoCDisputes
    function escalate(uint256 disputeId, bytes32 evidenceHash) external payable nonReentrant {
        Dispute storage dispute = _at(disputeId, DisputeStatus.RULED);
        uint8 round = dispute.round + 1;
        if (round > MAX_ROUNDS) revert NoFurtherRound(disputeId, dispute.round);
        if (block.timestamp > dispute.appealUntil) revert TooLate(disputeId, dispute.appealUntil);
        address loser = _requireLoser(disputeId, dispute);
        dispute.bondWei = uint96(_receive(ETHER, bondOf(disputeId, round)));
        dispute.bondedBy = loser;
        // From here on people rule: the same machine would say the same again.
        dispute.reviewUntil = 0;
        _startRound(disputeId, dispute, round, evidenceHash, 0);
    }

    /// @inheritdoc IPoCDisputes
    function accept(uint256 disputeId) external {
        Dispute storage dispute = _at(disputeId, DisputeStatus.RULED);
        _requireLoser(disputeId, dispute);
        dispute.appealUntil = uint40(block.timestamp) - 1;
        emit RulingAccepted(disputeId, dispute.postId, msg.sender);
    }

    /// @inheritdoc IPoCDisputes
    function settle(uint256 disputeId) external nonReentrant {
        DisputesState storage $ = _state();
        Dispute storage dispute = $.disputes[disputeId];
        bool silent = dispute.status == DisputeStatus.OPEN;
        if (!silent && dispute.status != DisputeStatus.RULED) revert WrongStage(disputeId, dispute.status);
        bool last = !silent && dispute.round == MAX_ROUNDS;
        uint256 deadline = silent ? dispute.ruleUntil : dispute.appealUntil;
        if (!last && block.timestamp <= deadline) revert TooEarly(disputeId, deadline);

        dispute.status = DisputeStatus.CLOSED;
        bytes32 postId = dispute.postId;
        delete $.open[postId];
        // Time decided, and kept what stood. Nobody may have been left who could rule: that is not who appealed's to pay.
        if (silent) _payBond(disputeId, dispute, dispute.bondedBy);
        emit DisputeSettled(disputeId, postId, dispute.standing, silent);
        if (dispute.standing == dispute.disputed) {
            bool ruled = !silent || dispute.round > 1;
            $.posts.keep(postId, ruled, dispute.reasonHash);
        } else {
            $.posts.decide(postId, Ruling(dispute.standing, address(0), 0, dispute.reasonHash, false));
        }
        _holdOn(postId);
    }

    /// @inheritdoc IPoCDisputes
    function review(bytes32 postId, Ruling calldata ruling) external restricted {
        DisputesState storage $ = _state();
        PostResult memory result = _resultOf(postId);
        if (result.outcome != Outcome.NEEDS_REVIEW || result.status == PostStatus.DISPUTED) {
            revert NotDisputable(postId, result.outcome, result.status);
        }
        if (_actsFor(result.creator) || _actsFor(ruling.originalCreator)) {
            revert PartialArbiter(0, msg.sender);
        }
        $.reviewers[postId] = msg.sender;
        // What costs the owner money can be disputed in a window of its own; what does not is final.
        Ruling memory decided = ruling;
        decided.contestable = ruling.outcome == Outcome.DERIVATIVE;
        $.posts.decide(postId, decided);
    }

    /// @inheritdoc IPoCDisputes
    function disputeOf(uint256 disputeId) external view returns (Dispute memory) {
        return _state().disputes[disputeId];
    }

    /// @inheritdoc IPoCDisputes
    function openDisputeOf(bytes32 postId) external view returns (uint256) {
        return _state().open[postId];
    }

    /// @inheritdoc IPoCDisputes
    function disputeCount() external view returns (uint256) {
        return _state().count;
    }

    /// @inheritdoc IPoCDisputes
    function bondOf(uint256 disputeId, uint256 round) public view returns (uint256) {
        if (round < 2) return 0;
        uint256 bondWei = _bondAt(_state().disputes[disputeId].configVersion);
        return round == 2 ? bondWei : 2 * bondWei;
    }

    /// @inheritdoc IPoCDisputes
    function modules() external view returns (address hub, address posts) {
        return (address(_state().hub), address(_state().posts));
    }

    /// @dev One signature more than the quorum, so that no quorum that agreed the first time can agree alone. With one
    /// signer, or a quorum of all, there is nobody else to ask, and the arbiter decides.
    function _askAgain(uint256 disputeId, Dispute storage dispute, PostResult memory result)
        private
        returns (bytes32 reviewId)
    {
        DisputesState storage $ = _state();
        (address oracles,,) = $.hub.modules();
        uint256 needed = uint256(IOracleRegistry(oracles).quorum()) + 1;
        if (needed > IOracleRegistry(oracles).signerCount() || result.contentHash == 0) return 0;
        uint40 deadline;
        (reviewId, deadline) = $.hub.requestReview(dispute.postId, uint8(needed), REVIEW_GAS);
        $.reviews[reviewId] = disputeId;
        // However long the oracle may take, the arbiter waits no longer than for the other side's answer.
        uint40 latest = uint40(block.timestamp) + ANSWER_PERIOD;
        dispute.reviewUntil = deadline < latest ? deadline : latest;
    }

    function _startRound(
        uint256 disputeId,
        Dispute storage dispute,
        uint8 round,
        bytes32 evidenceHash,
        bytes32 reviewId
    ) private {
        if (evidenceHash == 0) revert MissingEvidence();
        dispute.round = round;
        dispute.status = DisputeStatus.OPEN;
        dispute.answered = false;
        dispute.evidenceHash = evidenceHash;
        dispute.answerUntil = uint40(block.timestamp) + ANSWER_PERIOD;
        dispute.ruleUntil = uint40(block.timestamp) + (round == 1 ? RULING_PERIOD : APPEAL_RULING_PERIOD);
        emit DisputeOpened(
            disputeId, dispute.postId, msg.sender, round, dispute.bondWei, evidenceHash, reviewId
        );
    }

    function _rule(
        uint256 disputeId,
        Dispute storage dispute,
        address arbiter,
        uint8 outcome,
        bytes32 reasonHash
    ) private {
        if (block.timestamp > dispute.ruleUntil) revert TooLate(disputeId, dispute.ruleUntil);
        if (reasonHash == 0) revert MissingEvidence();
        if (outcome != dispute.disputed && outcome != Outcome.ORIGINAL && outcome != Outcome.LICENSED) {
            revert InvalidRuling(disputeId, outcome);
        }
        bool keeps = outcome == dispute.disputed;
        bool kept = dispute.standing == dispute.disputed;
        // The bond bets that the side which won before loses now; otherwise that side has it for its trouble.
        address other = _otherThan(dispute, dispute.bondedBy);
        _payBond(disputeId, dispute, keeps != kept || other == address(0) ? dispute.bondedBy : other);
        dispute.standing = outcome;
        dispute.status = DisputeStatus.RULED;
        dispute.reasonHash = reasonHash;
        dispute.arbiter = arbiter;
        dispute.appealUntil = uint40(block.timestamp) + APPEAL_PERIOD;
        emit DisputeRuled(disputeId, dispute.postId, arbiter, outcome, reasonHash, dispute.appealUntil);
    }

    function _requireLoser(uint256 disputeId, Dispute storage dispute) private view returns (address loser) {
        loser = dispute.standing == dispute.disputed ? dispute.owner : dispute.beneficiary;
        if (!_actsFor(loser)) revert NotTheLoser(disputeId, msg.sender);
    }

    function _payBond(uint256 disputeId, Dispute storage dispute, address to) private {
        uint256 amount = dispute.bondWei;
        if (amount == 0) return;
        dispute.bondWei = 0;
        _credit(to, ETHER, amount);
        emit BondPaid(disputeId, to, amount);
    }

    function _at(uint256 disputeId, uint8 status) private view returns (Dispute storage dispute) {
        dispute = _state().disputes[disputeId];
        if (dispute.status != status) revert WrongStage(disputeId, dispute.status);
    }

    /// @dev Who began this round: the owner the first one, whoever lost the others.
    function _opener(Dispute storage dispute) private view returns (address) {
        return dispute.round == 1 ? dispute.owner : dispute.bondedBy;
    }

    function _otherThan(Dispute storage dispute, address party) private view returns (address) {
        return party == dispute.owner ? dispute.beneficiary : dispute.owner;
    }
}
