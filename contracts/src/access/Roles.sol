// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Who may do what
/// @notice Numbers of the roles in the AccessManager; 0 is its own administrator.
library Roles {
    /// @notice Policies, modules, tokens, treasuries. Acts after a delay.
    uint64 internal constant GOVERNANCE = 1;
    /// @notice Pauses, revokes a signer, cancels what governance scheduled. Acts at once, and can only stop things.
    uint64 internal constant GUARDIAN = 2;
    /// @notice Signer sets. Acts after a delay.
    uint64 internal constant ORACLE_ADMIN = 3;
    /// @notice Rules on disputes, reviews and fraud freezes.
    uint64 internal constant ARBITER = 4;
    /// @notice Freezes, with a statement and an end date; never resolves.
    uint64 internal constant FRAUD_OFFICER = 5;
    /// @notice Upgrades. Acts after the longest delay.
    uint64 internal constant UPGRADER = 6;
    /// @notice Credits bonuses out of the vault's budget.
    uint64 internal constant PAYMASTER = 7;
    /// @notice Completes links of accounts to wallets, which signers attested.
    uint64 internal constant REGISTRAR = 8;
    /// @notice Platforms on whose word a post is claimed to be a copy, without a bond.
    uint64 internal constant PLATFORM = 9;
}
