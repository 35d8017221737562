// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PoCReport, Ruling} from "../types/Reports.sol";

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
}

/// @title Disputes about results
/// @notice The owner's first dispute is free. Both sides are heard, the accuser decides nothing, and silence keeps the
/// result: every dispute ends, by itself if need be.
interface IPoCDisputes {
    /// @notice A dispute began, or went on to another round.
    /// @param reanalysisId Id that a second quorum's report on it carries.
    event DisputeOpened(
        uint256 indexed disputeId,
        bytes32 indexed postId,
        address indexed by,
        uint8 round,
        uint256 bondWei,
        bytes32 evidenceHash,
        bytes32 reanalysisId
    );
    /// @notice The other side answered.
    event DisputeAnswered(
        uint256 indexed disputeId, bytes32 indexed postId, address indexed by, bytes32 statementHash
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
    /// @notice Bond of later rounds.
    event BondChanged(uint96 bondWei);
    /// @notice The second quorum; zero for none.
    event ReviewOraclesChanged(address oracles);

    /// @notice Disputes a provisional result, free, as the post's owner.
    /// @param evidenceHash Hash of the statement.
    /// @return disputeId Counts from 1.
    function open(bytes32 postId, bytes32 evidenceHash) external returns (uint256 disputeId);

    /// @notice Answers, as the other party: the original's owner, or the post's owner when that one appealed.
    function answer(uint256 disputeId, bytes32 statementHash) external;

    /// @notice Rules. Not before the other party answered or its time is over.
    /// @param outcome The disputed one, or Original, or Licensed.
    function rule(uint256 disputeId, uint8 outcome, bytes32 reasonHash) external;

    /// @notice Rules by the report of a second quorum. Anyone may transmit it.
    /// @param report Its `requestId` is `reanalysisId(disputeId)`.
    function ruleByReport(uint256 disputeId, PoCReport calldata report, bytes[] calldata signatures) external;

    /// @notice Goes on to another round, as the side that lost. Send exactly `bondOf(round)`.
    function escalate(uint256 disputeId, bytes32 evidenceHash) external payable;

    /// @notice Accepts a ruling, as the side that lost: the money need not wait for the time to appeal to pass.
    function accept(uint256 disputeId) external;

    /// @notice Ends a dispute whose time is over. Anyone may.
    function settle(uint256 disputeId) external;

    /// @notice Decides a needs-review post that nobody disputed.
    function review(bytes32 postId, Ruling calldata ruling) external;

    /// @notice Sets the bond of the second round; the third costs twice as much.
    function setBond(uint96 bondWei) external;

    /// @notice Sets the registry of the second quorum; zero for none.
    function setReviewOracles(address oracles) external;

    /// @notice The dispute, as kept; all zero if unknown.
    function disputeOf(uint256 disputeId) external view returns (Dispute memory);

    /// @notice Dispute that is open on a post; zero for none.
    function openDisputeOf(bytes32 postId) external view returns (uint256);

    /// @notice Disputes opened so far; the id of the latest.
    function disputeCount() external view returns (uint256);

    /// @notice Id that a second quorum's report on this round carries.
    function reanalysisId(uint256 disputeId) external view returns (bytes32);

    /// @notice Bond of a round, in wei: nothing for the first.
    function bondOf(uint256 round) external view returns (uint256);

    /// @notice Contracts it works with.
    function modules() external view returns (address hub, address posts, address reviewOracles);
}
