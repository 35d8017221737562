// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice A freeze, as kept. Packed into five slots.
struct Freeze {
    /// Account (left-padded) or post.
    bytes32 subject;
    /// Hash of the statement that the creator was sent.
    bytes32 statementHash;
    bytes32 appealHash;
    bytes32 reasonHash;
    address officer;
    uint40 startedAt;
    /// Unix time at which the money is free again, whatever happens.
    uint40 until;
    /// See `FreezeStatus`; read it as of now with `statusOf`.
    uint8 status;
    bool isPost;
}

/// @title Money that waits while an alert is looked into
/// @notice A freeze takes nothing away: the money stays the creator's, whole, and is free on the end date.
interface IFraudGuard {
    /// @notice Money of an account or post waits.
    event Frozen(
        bytes32 indexed alertId,
        bytes32 indexed subject,
        address indexed officer,
        bool isPost,
        bytes32 statementHash,
        uint40 until
    );
    /// @notice The creator appealed. Appeals are free.
    event FreezeAppealed(bytes32 indexed alertId, address indexed by, bytes32 appealHash);
    /// @notice Somebody other than the officer decided.
    event FreezeResolved(
        bytes32 indexed alertId, address indexed by, bool upheld, uint40 until, bytes32 reasonHash
    );

    /// @notice Freezes withdrawals of an account.
    /// @param alertId Names the alert; used once.
    /// @param statementHash Of the statement sent to the creator; used once.
    /// @param until At most `MAX_FREEZE` from now.
    function freezeAccount(address account, bytes32 alertId, bytes32 statementHash, uint40 until) external;

    /// @notice Freezes what a post earns its owner from now on.
    function freezePost(bytes32 postId, bytes32 alertId, bytes32 statementHash, uint40 until) external;

    /// @notice Appeals, as the account or the post's owner.
    function appeal(bytes32 alertId, bytes32 appealHash) external;

    /// @notice Decides an alert; not by the officer who froze.
    /// @param upheld False frees the money at once.
    /// @param until When upheld, the new end date, at most `MAX_UPHELD` from the start of the freeze.
    function resolve(bytes32 alertId, bool upheld, uint40 until, bytes32 reasonHash) external;

    /// @notice Whether withdrawals of an account wait now.
    function isAccountFrozen(address account) external view returns (bool);

    /// @notice Whether what a post earns its owner waits now.
    function isPostFrozen(bytes32 postId) external view returns (bool);

    /// @notice The freeze of an alert, as kept.
    function freezeOf(bytes32 alertId) external view returns (Freeze memory);

    /// @notice Alert that an account waits for now; zero for none.
    function alertOfAccount(address account) external view returns (bytes32);

    /// @notice Alert that a post waits for now; zero for none.
    function alertOfPost(bytes32 postId) external view returns (bytes32);

    /// @notice How much longer a subject may be frozen unreviewed this year.
    /// @param subject Post id, or account left-padded.
    function budgetOf(bool isPost, bytes32 subject) external view returns (uint256 secondsLeft);

    /// @notice Status as of now: 0 none, 1 frozen, 2 appealed, 3 upheld, 4 released, 5 expired.
    function statusOf(bytes32 alertId) external view returns (uint8);
}
