// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Tokens of posts, on a curve
/// @notice Token number n of a post costs n steps. Whoever buys pays into the reserve what the last to sell takes out,
/// so the reserve pays for every token in existence, exactly.
interface ITokenPool {
    /// @notice Tokens of a post changed hands with the curve.
    event Traded(
        bytes32 indexed postId,
        address indexed trader,
        bool bought,
        uint256 tokens,
        uint256 priceWei,
        uint256 feesWei,
        uint256 supply
    );

    /// @notice Buys tokens. What was sent beyond price and fees becomes claimable in the splitter.
    /// @return paidWei Price and fees.
    function buy(bytes32 postId, uint256 tokens) external payable returns (uint256 paidWei);

    /// @notice Sells tokens; the proceeds become claimable in the splitter.
    /// @param leastWei Reverts with PriceMoved when the proceeds would be less.
    /// @return proceedsWei Price less fees.
    function sell(bytes32 postId, uint256 tokens, uint256 leastWei) external returns (uint256 proceedsWei);

    /// @notice Price of the next tokens, without fees.
    function priceToBuy(bytes32 postId, uint256 tokens) external view returns (uint256);

    /// @notice What the last tokens are worth, without fees.
    function priceToSell(bytes32 postId, uint256 tokens) external view returns (uint256);

    /// @notice Tokens of a post in existence.
    function supplyOf(bytes32 postId) external view returns (uint256);

    /// @notice Tokens of a post that an account holds.
    function balanceOf(bytes32 postId, address holder) external view returns (uint256);

    /// @notice All reserves together; the contract's balance is never less.
    function reserves() external view returns (uint256);

    /// @notice Price of a post's first token, in wei.
    function stepWei() external view returns (uint256);

    /// @notice Where fees and proceeds go.
    function splitter() external view returns (address);
}
