// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ruling} from "../types/Reports.sol";

/// @notice A dispute, as kept.
struct Dispute {
    bytes32 postId;
    /// Of the latest statements and reasons.
    bytes32 evidenceHash;
    bytes32 counterHash;
    bytes32 reasonHash;
    /// Whose post it is; an escrow account if need be.
    address owner;
    /// See `DisputeStatus`.
    uint8 status;
    /// 1 for the free one; 2 and 3 are bonded.
    uint8 round;
    /// What the post was when the dispute began.
    uint8 disputed;
    /// What stands now: `disputed` until somebody rules.
    uint8 standing;
    bool answered;
    /// Who made the original; zero if nobody is known.
    address beneficiary;
    uint96 bondWei;
    address arbiter;
    /// Account whose bond it is.
    address bondedBy;
    uint40 answerUntil;
    uint40 ruleUntil;
    uint40 appealUntil;
    /// Until then no arbiter rules, because a second look is under way; zero once it is here, or where there is none.
    uint40 reviewUntil;
    /// What the second look said, see `Outcome`; zero until it is here.
    uint8 reviewed;
    /// Policy version of the disputed result; bonds are those of that version.
    uint64 configVersion;
}

/// @title Disputes about results
/// @notice The owner's first dispute is free. Both sides are heard, the accuser decides nothing, and silence keeps the
/// result: every dispute ends, by itself if need be.
interface IPoCDisputes {
    /// @notice A dispute began, or went on to another round.
    /// @param reviewId Request for a second look by more signers than the first; zero where there are no more, or where the
    /// round is an arbiter's.
    event DisputeOpened(
        uint256 indexed disputeId,
        bytes32 indexed postId,
        address indexed by,
        uint8 round,
        uint256 bondWei,
        bytes32 evidenceHash,
        bytes32 reviewId
    );
    /// @notice The other side answered.
    event DisputeAnswered(
        uint256 indexed disputeId, bytes32 indexed postId, address indexed by, bytes32 statementHash
    );
    /// @notice The second look is here. One that takes the accusation back rules; any other is evidence for the arbiter.
    event DisputeReviewed(
        uint256 indexed disputeId,
        bytes32 indexed postId,
        bytes32 indexed requestId,
        uint8 outcome,
        bytes32 evidenceHash
    );
    /// @notice Somebody decided; the side that lost may go on for a while.
    event DisputeRuled(
        uint256 indexed disputeId,
        bytes32 indexed postId,
        address indexed arbiter,
        uint8 outcome,
        bytes32 reasonHash,
        uint40 appealUntil
    );
    /// @notice The side that lost will not go on; `settle` needs no further wait.
    event RulingAccepted(uint256 indexed disputeId, bytes32 indexed postId, address indexed by);
    /// @notice The dispute is over, and the post is what it says.
    event DisputeSettled(uint256 indexed disputeId, bytes32 indexed postId, uint8 outcome, bool bySilence);
    /// @notice A bond found its owner.
    event BondPaid(uint256 indexed disputeId, address indexed to, uint256 amountWei);

    /// @notice Disputes a provisional result, free, as the post's owner. Has the oracle look again where it has more
    /// signers than its quorum; where it has not, the arbiter rules alone.
    /// @param evidenceHash Hash of the statement.
    /// @return disputeId Counts from 1.
    function open(bytes32 postId, bytes32 evidenceHash) external returns (uint256 disputeId);

    /// @notice Answers, as the other party: the original's owner, or the post's owner when that one appealed.
    function answer(uint256 disputeId, bytes32 statementHash) external;

    /// @notice Rules. Not before the other party answered or its time is over, nor while a second look is under way.
    /// @param outcome The disputed one, or Original, or Licensed.
    function rule(uint256 disputeId, uint8 outcome, bytes32 reasonHash) external;

    /// @notice Goes on to another round, as the side that lost. Send exactly `bondOf(disputeId, round)`.
    function escalate(uint256 disputeId, bytes32 evidenceHash) external payable;

    /// @notice Accepts a ruling, as the side that lost: the money need not wait for the time to appeal to pass.
    function accept(uint256 disputeId) external;

    /// @notice Ends a dispute whose time is over. Anyone may.
    function settle(uint256 disputeId) external;

    /// @notice Decides a needs-review post that nobody disputed.
    function review(bytes32 postId, Ruling calldata ruling) external;

    /// @notice The dispute, as kept; all zero if unknown.
    function disputeOf(uint256 disputeId) external view returns (Dispute memory);

    /// @notice Dispute that is open on a post; zero for none.
    function openDisputeOf(bytes32 postId) external view returns (uint256);

    /// @notice Disputes opened so far; the id of the latest.
    function disputeCount() external view returns (uint256);

    /// @notice Bond of a round, in wei: nothing for the first.
    function bondOf(uint256 disputeId, uint256 round) external view returns (uint256);

    /// @notice Contracts it works with.
    function modules() external view returns (address hub, address posts);
}
