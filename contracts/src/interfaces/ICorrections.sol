// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice What a person found a post to be.
struct Finding {
    /// Original, Derivative, SelfDuplicate or Licensed; see `Outcome`.
    uint8 outcome;
    /// How close it is to the original, 0..10000; decides the redirect by the policy of the post's result.
    uint16 similarityBps;
    /// Who made the original; zero unless the outcome is Derivative.
    address originalCreator;
    bytes32 originalPostId;
    bytes32 reasonHash;
}

/// @notice A claim that a post copies an earlier one, as kept.
struct Claim {
    bytes32 postId;
    bytes32 originalPostId;
    bytes32 evidenceHash;
    address claimant;
    uint96 bondWei;
    /// Unix time by which somebody decides; then the result stands.
    uint40 until;
    /// See `CaseStatus`.
    uint8 status;
    /// Whether the share waits for it; beyond the year's budget it does not.
    bool holds;
}

/// @notice A correction that waits, as kept.
struct Correction {
    bytes32 postId;
    Finding finding;
    address by;
    /// Unix time from which anybody may execute it; until it is executed it can be vetoed.
    uint40 readyAt;
    /// See `CaseStatus`.
    uint8 status;
}

/// @title Corrections by people, and claims that a post copies another
/// @notice Neither needs the post's owner. A correction waits, can be vetoed, and carries its reason's hash; it moves what is
/// still held, and nothing that was paid.
interface ICorrections {
    /// @notice Somebody says that a post copies an earlier one; the share in question waits.
    event CopyClaimed(
        uint256 indexed claimId,
        bytes32 indexed postId,
        bytes32 indexed originalPostId,
        address claimant,
        uint256 bondWei,
        bytes32 evidenceHash,
        uint40 until
    );
    /// @notice A claim is over: upheld, rejected or lapsed (see `CaseStatus`), and its bond somebody's.
    event ClaimClosed(
        uint256 indexed claimId,
        bytes32 indexed postId,
        uint8 status,
        address bondTo,
        uint256 bondWei,
        bytes32 reasonHash
    );
    /// @notice A correction can be seen coming.
    event CorrectionProposed(
        uint256 indexed correctionId,
        bytes32 indexed postId,
        address indexed by,
        uint8 outcome,
        uint16 similarityBps,
        bytes32 reasonHash,
        uint40 readyAt
    );
    /// @notice A correction is off.
    event CorrectionVetoed(
        uint256 indexed correctionId, bytes32 indexed postId, address indexed by, bytes32 reasonHash
    );
    /// @notice The post is what was found.
    event CorrectionExecuted(
        uint256 indexed correctionId, bytes32 indexed postId, uint8 outcome, bytes32 reasonHash
    );

    /// @notice Claims that a post copies the caller's earlier one, beside other claims about it. Send exactly
    /// `claimBondOf(postId, creator of the earlier one)`: it goes to the ecosystem's treasury unless the claim is upheld.
    function claim(bytes32 postId, bytes32 originalPostId, bytes32 evidenceHash)
        external
        payable
        returns (uint256 claimId);

    /// @notice The same on the word of a platform that governance trusts, without a bond.
    function claimOnWord(bytes32 postId, bytes32 originalPostId, bytes32 evidenceHash)
        external
        returns (uint256 claimId);

    /// @notice Rejects a claim, as an arbiter. With the last one, the post is as it was.
    function rejectClaim(uint256 claimId, bytes32 reasonHash) external;

    /// @notice Ends a claim that nobody decided in time. With the last one, the post is as it was. Anyone may.
    function settleClaim(uint256 claimId) external;

    /// @notice Upholds a claim, as an arbiter: its bond goes back, and a correction begins.
    function upholdClaim(uint256 claimId, Finding calldata finding) external returns (uint256 correctionId);

    /// @notice Begins a correction, as an arbiter. No creator's wallet is needed.
    function propose(bytes32 postId, Finding calldata finding) external returns (uint256 correctionId);

    /// @notice Stops a correction, as the guardian; the post is as it was.
    function vetoCorrection(uint256 correctionId, bytes32 reasonHash) external;

    /// @notice Carries a correction out whose time has come. Anyone may.
    function execute(uint256 correctionId) external;

    /// @notice The claim, as kept; all zero if unknown.
    function claimOf(uint256 claimId) external view returns (Claim memory);

    /// @notice The correction, as kept; all zero if unknown.
    function correctionOf(uint256 correctionId) external view returns (Correction memory);

    /// @notice Bond of a claim about a post, in wei: doubled for each of the claimant's claims that came to nothing.
    /// @param claimant Creator of the work that the claim rests on.
    function claimBondOf(bytes32 postId, address claimant) external view returns (uint256);
}
