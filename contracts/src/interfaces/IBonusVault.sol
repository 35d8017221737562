// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Base pay and bonus
interface IBonusVault {
    /// @notice Money came in to pay creators with.
    event Funded(address indexed by, address indexed token, uint256 amount);
    /// @notice Budget that is not promised to anybody went back.
    event Defunded(address indexed to, address indexed token, uint256 amount);
    /// @notice A post was paid for a period; the redirect is taken from the whole of it.
    event BonusCredited(
        bytes32 indexed postId,
        bytes32 indexed period,
        address indexed token,
        uint256 basePay,
        uint256 bonus,
        uint8 grade,
        uint8 outcome
    );

    /// @notice Adds to the budget.
    function fund(address token, uint256 amount) external payable;

    /// @notice Takes budget back out.
    function defund(address token, uint256 amount, address to) external;

    /// @notice Pays a post its base pay and the bonus of its grade, once for each period.
    /// @dev The outcome is the PostRegistry's, never the caller's word.
    /// @param period Names the pay period.
    /// @param grade 1 (A) to 5 (F).
    /// @return pay Base pay and bonus.
    function creditBonus(bytes32 postId, bytes32 period, address token, uint256 basePay, uint8 grade)
        external
        returns (uint256 pay);

    /// @notice What there is to pay with.
    function budgetOf(address token) external view returns (uint256);

    /// @notice Whether a post was paid for a period.
    function isPaid(bytes32 postId, bytes32 period) external view returns (bool);

    /// @notice Contracts it works with.
    function modules() external view returns (address posts, address splitter);
}
