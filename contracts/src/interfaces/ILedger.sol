// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccountLinks} from "./IAccountLinks.sol";

/// @title Money that is fetched, never pushed
/// @notice Token zero is ether. Nobody's refusal to be paid can stop anybody else's payment.
interface ILedger {
    /// @notice An account may withdraw this much more.
    event Credited(address indexed account, address indexed token, uint256 amount);
    /// @notice Money left.
    event Withdrawn(address indexed account, address indexed token, address indexed to, uint256 amount);

    /// @notice Sends all of an account's money in one token.
    /// @param account The caller's own, or an escrow account that is linked to the caller.
    /// @param token Zero for ether.
    /// @param to Recipient.
    /// @return amount What was sent.
    function withdraw(address account, address token, address to) external returns (uint256 amount);

    /// @notice What an account may withdraw.
    function claimable(address account, address token) external view returns (uint256);

    /// @notice All that this contract owes in one token, held money included; its balance is never less.
    function owed(address token) external view returns (uint256);

    /// @notice Who acts for accounts without a key.
    function links() external view returns (IAccountLinks);
}
