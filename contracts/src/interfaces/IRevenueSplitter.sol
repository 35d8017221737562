// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ILedger} from "./ILedger.sol";

/// @title What posts earn, and whose it is
/// @notice The share of a post's owner follows the post's result in the PostRegistry, read at each payment.
interface IRevenueSplitter is ILedger {
    /// @notice A post earned something. `toOriginal` of it belongs to the original's creator if the result stands.
    /// @param kind See `Revenue`.
    /// @param amount The post owner's gross share: toOriginal + toPoster.
    /// @param contested Whether `toOriginal` waits until the result is final.
    /// @param frozen Whether `toPoster` waits for a fraud alert.
    event RevenueSplit(
        bytes32 indexed postId,
        address indexed payer,
        address indexed token,
        uint8 kind,
        uint256 amount,
        uint256 toOriginal,
        uint256 toPoster,
        bool contested,
        bool frozen
    );
    /// @notice Contested money found its owners, by the final result.
    event ContestedPaid(
        bytes32 indexed postId,
        address indexed token,
        address originalCreator,
        uint256 toOriginal,
        uint256 toPoster,
        bool frozen
    );
    /// @notice Frozen earnings of a post became claimable.
    event FrozenReleased(
        bytes32 indexed postId, address indexed token, address indexed creator, uint256 amount
    );
    /// @notice A token is, or is no longer, taken in payment.
    event TokenAllowed(address indexed token, bool allowed);
    /// @notice Where platform and ecosystem fees of later trades go.
    event TreasuriesChanged(address platform, address ecosystem);

    /// @notice Tips a post.
    /// @param token Zero for ether, else an allowed ERC-20 that the caller approved.
    function tip(bytes32 postId, address token, uint256 amount) external payable;

    /// @notice Tips a comment: 80 % to the commenter, the rest to the post owner's share.
    function tipComment(bytes32 postId, address commenter, address token, uint256 amount) external payable;

    /// @notice Tips a repost: half to the reposter, the rest to the post owner's share.
    function tipRepost(bytes32 postId, address reposter, address token, uint256 amount) external payable;

    /// @notice Pays base pay and bonus of a post into its owner's share.
    function payEarnings(bytes32 postId, address token, uint256 amount) external payable;

    /// @notice Pays the fees of a trade of a post's token: 1 % creator, 0.25 % platform, 0.25 % ecosystem.
    /// @param tradeAmount What was traded; the caller pays `tradeFees` of it.
    function payTradeFees(bytes32 postId, address token, uint256 tradeAmount) external payable;

    /// @notice Credits an account, redirecting nothing.
    function deposit(address account, address token, uint256 amount) external payable;

    /// @notice Pays out what was contested, once the post's result is final. Anyone may.
    function payContested(bytes32 postId, address token) external;

    /// @notice Credits frozen earnings once the post is no longer frozen. Anyone may.
    function releaseFrozen(bytes32 postId, address token) external;

    /// @notice Takes, or stops taking, an ERC-20. What it already owes stays claimable.
    function setTokenAllowed(address token, bool allowed) external;

    /// @notice Sets where platform and ecosystem fees of later trades go.
    function setTreasuries(address platform, address ecosystem) external;

    /// @notice Fees of a trade, all three together.
    function tradeFees(uint256 tradeAmount) external pure returns (uint256);

    /// @notice Money that waits for a post's result to be final.
    function contested(bytes32 postId, address token) external view returns (uint256);

    /// @notice Earnings of a post's owner that wait for a fraud alert.
    function frozenEarnings(bytes32 postId, address token) external view returns (uint256);

    /// @notice Whether an ERC-20 is taken.
    function isTokenAllowed(address token) external view returns (bool);

    /// @notice Where platform and ecosystem fees go.
    function treasuries() external view returns (address platform, address ecosystem);

    /// @notice Contracts whose word the splitter takes.
    function modules() external view returns (address posts, address guard);
}
