// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PoCReport, PostResult, Ruling} from "../types/Reports.sol";

/// @title What anyone who pays a post needs to know
interface IRedirectSource {
    /// @notice Who shares in what the post earns, and how much.
    /// @dev Reverts with NotPosted where there is no result yet: that is not the same as nobody.
    /// @return beneficiary Creator of the original; zero unless the post is a derivative.
    /// @return redirectBps 0..10000; zero for a derivative exactly at the threshold.
    function redirectOf(bytes32 postId) external view returns (address beneficiary, uint16 redirectBps);
}

/// @title Standing of posts
interface IPostRegistry is IRedirectSource {
    /// @notice A report's result was written; `report` is all that it said, and the result's commitment is of it.
    event PostResultRecorded(
        bytes32 indexed postId,
        bytes32 indexed requestId,
        address indexed creator,
        uint16 redirectBps,
        uint16 revision,
        PoCReport report
    );
    /// @notice The content of a recorded post can be read on the chain from now on.
    event ReportShown(bytes32 indexed postId, bytes32 contentHash);
    /// @notice The post is original.
    event PoCBadgeIssued(bytes32 indexed postId, address indexed creator, uint16 similarityBps);
    /// @notice A later result took the badge away.
    event PoCBadgeWithdrawn(bytes32 indexed postId, address indexed creator);
    /// @notice From now on a share of what the post earns goes to the original's creator.
    event RevenueRedirectionActivated(
        bytes32 indexed postId,
        address indexed originalCreator,
        bytes32 indexed originalPostId,
        uint16 redirectBps,
        uint16 similarityBps
    );
    /// @notice A later result ended the redirection.
    event RevenueRedirectionEnded(bytes32 indexed postId, address indexed originalCreator);
    /// @notice The result is contested; until it is settled no report overwrites it.
    event PostContested(bytes32 indexed postId, address indexed creator);
    /// @notice A share of what the post earns waits.
    event PostHeld(bytes32 indexed postId, address indexed creator, uint16 heldBps, uint40 until);
    /// @notice Nothing more waits for a claim or a correction; what was held goes where the result says.
    event PostReleased(bytes32 indexed postId, address indexed creator, uint40 finalAt);
    /// @notice A ruling decided what the post is.
    /// @param reasonHash Of the reasons; zero where silence kept the result.
    event PostDecided(
        bytes32 indexed postId, address indexed creator, uint8 outcome, uint16 redirectBps, bytes32 reasonHash
    );
    /// @notice The contract of the roots.
    event RootsChanged(address roots);
    /// @notice The contract whose rulings count.
    event DisputesChanged(address disputes);

    /// @notice Writes the result of a report; one that the disputes contract asked for is checked and not written. Only
    /// the hub may.
    /// @param report Quorum-signed; any outcome but Failed.
    /// @param requester Who asked.
    /// @param named Whether the post is in the asker's own name space.
    /// @return tier See `Tier`.
    /// @return redirectBps Computed here, from the policy the report names.
    function record(PoCReport calldata report, address requester, bool named)
        external
        returns (uint8 tier, uint16 redirectBps);

    /// @notice Writes the result of a report that nobody asked for, once. Only the hub may.
    /// @dev Its post may be in somebody's name space, as a platform has it that uploads to the oracle: what they ask about it
    /// later counts, also where it names another creator.
    function recordAttestation(PoCReport calldata report) external;

    /// @notice Writes the result of a report under a root, with a window from now. Only the contract of the roots may.
    /// @param publishedAt When the root was posted, which is when the post was first recorded.
    function recordLeaf(PoCReport calldata report, uint40 publishedAt) external;

    /// @notice Writes down the content of a post from the report that its result is of. Anyone may; a re-analysis of an
    /// original that nobody asked for needs it.
    function show(PoCReport calldata report) external;

    /// @notice Names the contract of the roots.
    function setRoots(address roots_) external;

    /// @notice The contract of the roots; zero until there is one.
    function roots() external view returns (address);

    /// @notice How long after its end a policy version may still be attested under, in seconds.
    function POLICY_GRACE() external view returns (uint256);

    /// @notice Marks a provisional result as contested. Only the disputes contract may.
    function contest(bytes32 postId) external;

    /// @notice Ends a dispute by keeping the result, which is final now. Only the disputes contract may.
    /// @param ruled Whether somebody decided so; false where nobody did in time.
    function keep(bytes32 postId, bool ruled, bytes32 reasonHash) external;

    /// @notice Replaces a contested or needs-review result by a ruling. Only the disputes contract may.
    function decide(bytes32 postId, Ruling calldata ruling) external;

    /// @notice Holds a share of what a post earns while a claim or correction is looked into, or holds it longer. Only the
    /// disputes contract may, and who holds already.
    /// @param until The result is not final before.
    function hold(bytes32 postId, uint16 heldBps, uint40 until) external;

    /// @notice Ends a hold and leaves the result as it was. Only who holds may.
    /// @param finalAt When the result was, or will be, final.
    function release(bytes32 postId, uint40 finalAt) external;

    /// @notice Ends a hold by another result. Only who holds may.
    /// @param similarityBps As found by whoever corrects.
    function correct(bytes32 postId, Ruling calldata ruling, uint16 similarityBps) external;

    /// @notice Names the contract whose rulings count.
    function setDisputes(address disputes_) external;

    /// @notice The post's result, with its status as of now; all zero for an unknown post.
    function resultOf(bytes32 postId) external view returns (PostResult memory);

    /// @notice Status as of now: 0 none, 1 provisional, 2 final, 3 disputed.
    function statusOf(bytes32 postId) external view returns (uint8);

    /// @notice Whether a post's standing result is of this report, to the last field; a ruling leaves it what it was.
    function isOfReport(PoCReport calldata report) external view returns (bool);

    /// @notice Whether an account may have a recorded post analysed again: who asked first, its creator, or the wallet
    /// linked to its creator.
    /// @dev Reverts with ReportNotShown where it may and nobody has shown the report.
    function mayAskAgain(bytes32 postId, address account) external view returns (bool);

    /// @notice Whether the post is recorded as original.
    function hasBadge(bytes32 postId) external view returns (bool);

    /// @notice Whether a ruling decided the post; no report overwrites it then.
    function isRuled(bytes32 postId) external view returns (bool);

    /// @notice The contract whose rulings count; zero until there is one.
    function disputes() external view returns (address);

    /// @notice Whether an account is, or was, the disputes contract: its requests are second looks and replace no result.
    function mayReview(address account) external view returns (bool);

    /// @notice The contract that may write.
    function hub() external view returns (address);

    /// @notice Where thresholds come from.
    function policy() external view returns (address);
}
