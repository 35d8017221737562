// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice A ballot on one round of a dispute, as kept.
struct Ballot {
    uint256 disputeId;
    uint40 closesAt;
    uint8 round;
    /// What a won vote makes of the post: Original or Licensed.
    uint8 proposed;
    bool closed;
    /// Whether the result reached the dispute; otherwise every stake goes back.
    bool ruled;
    bool overturned;
    /// Stakes, in wei; once closed, those of a ruling that are still to be paid out.
    uint128 keep;
    uint128 overturn;
    bytes32 statementHash;
}

/// @title A community as arbiter
/// @notice Optional: it rules only where it was given the arbiter's role. Voters stake 1 to 100 units, once a wallet; who
/// was in the majority shares the stakes of the others. A tie, or nobody, keeps the decision and returns every stake.
interface ICommunityVote {
    /// @notice A ballot began.
    event BallotOpened(
        uint256 indexed ballotId, uint256 indexed disputeId, uint8 round, uint8 proposed, uint40 closesAt
    );
    /// @notice A vote.
    event Voted(uint256 indexed ballotId, address indexed voter, bool overturn, uint256 units);
    /// @notice The ballot is over. `ruled` says whether its result reached the dispute.
    event BallotClosed(uint256 indexed ballotId, uint256 indexed disputeId, bool overturned, bool ruled);
    /// @notice A voter got stake and share.
    event StakePaid(uint256 indexed ballotId, address indexed voter, uint256 amountWei);

    /// @notice Opens the ballot on the present round of an open dispute. Anyone may, once a round.
    /// @param proposed Original or Licensed: what overturning would make of the post.
    function open(uint256 disputeId, uint8 proposed, bytes32 statementHash)
        external
        returns (uint256 ballotId);

    /// @notice Votes, with `units * UNIT` ether.
    /// @param units 1..100.
    function vote(uint256 ballotId, bool overturn, uint256 units) external payable;

    /// @notice Ends a ballot whose time is over, and rules by it. Anyone may.
    function close(uint256 ballotId) external;

    /// @notice Credits a voter's stake and share. Anyone may.
    function pay(uint256 ballotId, address voter) external;

    /// @notice The ballot, as kept; all zero if unknown.
    function ballotOf(uint256 ballotId) external view returns (Ballot memory);

    /// @notice A wallet's stake in a ballot, in wei, and its side.
    function stakeOf(uint256 ballotId, address voter) external view returns (uint256 stakeWei, bool overturn);

    /// @notice The contract whose disputes are voted on.
    function disputes() external view returns (address);
}
