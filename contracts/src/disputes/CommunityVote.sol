// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAuthority} from "@openzeppelin/contracts/access/manager/IAuthority.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Managed} from "../Managed.sol";
import {IVoteErrors} from "../interfaces/IErrors.sol";
import {Ballot, ICommunityVote} from "../interfaces/ICommunityVote.sol";
import {Dispute, IPoCDisputes} from "../interfaces/IPoCDisputes.sol";
import {Ledger} from "../payments/Ledger.sol";
import {DisputeStatus, Outcome} from "../types/Codes.sol";

/// @title A community as arbiter
/// @dev A ballot always closes: when its dispute went on without it, nobody loses a stake.
contract CommunityVote is ICommunityVote, IVoteErrors, Ledger, Managed {
    /// @notice Wei of one unit.
    uint256 public constant UNIT = 0.001 ether;
    /// @notice Most units of one wallet.
    uint256 public constant MAX_UNITS = 100;
    /// @notice How long a ballot is open. Shorter than the time to rule.
    uint40 public constant VOTING_PERIOD = 7 days;

    struct Stake {
        uint128 amountWei;
        bool overturn;
        bool paid;
    }

    /// @custom:storage-location erc7201:creativity.storage.CommunityVote
    struct VoteStorage {
        IPoCDisputes disputes;
        uint256 count;
        mapping(uint256 ballotId => Ballot) ballots;
        mapping(uint256 disputeId => mapping(uint8 round => uint256 ballotId)) ballotOn;
        mapping(uint256 ballotId => mapping(address voter => Stake)) stakes;
    }

    // keccak256(abi.encode(uint256(keccak256("creativity.storage.CommunityVote")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0xba159655f16849550669495a30245cbaa43455f379566bdbe2b3bad65138f600;

    /// @notice Wires the vote.
    function initialize(address authority_, address disputes_, address links_) external initializer {
        _requireAddress(authority_);
        _requireAddress(disputes_);
        __AccessManaged_init(authority_);
        _initLedger(links_);
        _storage().disputes = IPoCDisputes(disputes_);
    }

    /// @inheritdoc ICommunityVote
    function open(uint256 disputeId, uint8 proposed, bytes32 statementHash)
        external
        returns (uint256 ballotId)
    {
        VoteStorage storage $ = _storage();
        Dispute memory dispute = $.disputes.disputeOf(disputeId);
        if (dispute.status != DisputeStatus.OPEN) revert NoSuchRound(disputeId, dispute.status);
        if (proposed != Outcome.ORIGINAL && proposed != Outcome.LICENSED) revert InvalidProposal(proposed);
        if (statementHash == 0) revert InvalidProposal(proposed);
        uint256 existing = $.ballotOn[disputeId][dispute.round];
        if (existing != 0) revert BallotExists(existing);
        ballotId = ++$.count;
        $.ballotOn[disputeId][dispute.round] = ballotId;
        Ballot storage ballot = $.ballots[ballotId];
        ballot.disputeId = disputeId;
        ballot.round = dispute.round;
        ballot.proposed = proposed;
        ballot.statementHash = statementHash;
        ballot.closesAt = uint40(block.timestamp) + VOTING_PERIOD;
        emit BallotOpened(ballotId, disputeId, dispute.round, proposed, ballot.closesAt);
    }

    /// @inheritdoc ICommunityVote
    function vote(uint256 ballotId, bool overturn, uint256 units) external payable nonReentrant {
        VoteStorage storage $ = _storage();
        Ballot storage ballot = $.ballots[ballotId];
        if (block.timestamp >= ballot.closesAt) revert BallotNotOpen(ballotId, ballot.closesAt);
        if (units == 0 || units > MAX_UNITS) revert InvalidUnits(units, MAX_UNITS);
        Dispute memory dispute = $.disputes.disputeOf(ballot.disputeId);
        if (_isParty(dispute.owner) || _isParty(dispute.beneficiary)) {
            revert PartyCannotVote(ballotId, msg.sender);
        }
        if ($.stakes[ballotId][msg.sender].amountWei != 0) revert AlreadyVoted(ballotId, msg.sender);
        uint128 amountWei = uint128(_receive(ETHER, units * UNIT));
        $.stakes[ballotId][msg.sender] = Stake(amountWei, overturn, false);
        if (overturn) ballot.overturn += amountWei;
        else ballot.keep += amountWei;
        emit Voted(ballotId, msg.sender, overturn, units);
    }

    /// @inheritdoc ICommunityVote
    function close(uint256 ballotId) external nonReentrant {
        VoteStorage storage $ = _storage();
        Ballot storage ballot = $.ballots[ballotId];
        if (ballot.closesAt == 0 || ballot.closed || block.timestamp < ballot.closesAt) {
            revert BallotNotOver(ballotId, ballot.closesAt);
        }
        ballot.closed = true;
        Dispute memory dispute = $.disputes.disputeOf(ballot.disputeId);
        bool current = dispute.status == DisputeStatus.OPEN && dispute.round == ballot.round
            && block.timestamp <= dispute.ruleUntil && dispute.arbiter != address(this);
        // A tie or nobody rules nothing: the decision stands when the time to rule is over.
        bool ruled = current && ballot.keep != ballot.overturn && _mayRule();
        if (ruled) {
            ballot.ruled = true;
            ballot.overturned = ballot.overturn > ballot.keep;
            uint8 outcome = ballot.overturned ? ballot.proposed : dispute.disputed;
            $.disputes.rule(ballot.disputeId, outcome, ballot.statementHash);
        }
        emit BallotClosed(ballotId, ballot.disputeId, ballot.overturned, ruled);
    }

    /// @inheritdoc ICommunityVote
    /// @dev Each share is floored from what is left, so the last one takes the dust: all stakes are paid out, exactly.
    function pay(uint256 ballotId, address voter) external nonReentrant {
        VoteStorage storage $ = _storage();
        Ballot storage ballot = $.ballots[ballotId];
        Stake storage stake = $.stakes[ballotId][voter];
        if (!ballot.closed) revert BallotNotOver(ballotId, ballot.closesAt);
        bool lost = ballot.ruled && stake.overturn != ballot.overturned;
        if (stake.amountWei == 0 || stake.paid || lost) revert NoStake(ballotId, voter);
        stake.paid = true;
        uint128 amount = stake.amountWei;
        // Nobody was right or wrong without a ruling: everybody gets their own stake back.
        if (ballot.ruled) {
            (uint128 winning, uint128 losing) =
                stake.overturn ? (ballot.overturn, ballot.keep) : (ballot.keep, ballot.overturn);
            uint128 share = uint128(Math.mulDiv(amount, losing, winning));
            (winning, losing) = (winning - amount, losing - share);
            (ballot.overturn, ballot.keep) = stake.overturn ? (winning, losing) : (losing, winning);
            amount += share;
        }
        _credit(voter, ETHER, amount);
        emit StakePaid(ballotId, voter, amount);
    }

    /// @inheritdoc ICommunityVote
    function ballotOf(uint256 ballotId) external view returns (Ballot memory) {
        return _storage().ballots[ballotId];
    }

    /// @inheritdoc ICommunityVote
    function stakeOf(uint256 ballotId, address voter)
        external
        view
        returns (uint256 stakeWei, bool overturn)
    {
        Stake memory stake = _storage().stakes[ballotId][voter];
        return (stake.amountWei, stake.overturn);
    }

    /// @inheritdoc ICommunityVote
    function disputes() external view returns (address) {
        return address(_storage().disputes);
    }

    /// @dev Asked beforehand rather than caught: without the role a ballot still closes, and no stake is stuck.
    function _mayRule() private view returns (bool) {
        return IAuthority(authority())
            .canCall(address(this), address(_storage().disputes), IPoCDisputes.rule.selector);
    }

    function _isParty(address account) private view returns (bool) {
        return msg.sender == account || msg.sender == links().walletOf(account);
    }

    function _storage() private pure returns (VoteStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
