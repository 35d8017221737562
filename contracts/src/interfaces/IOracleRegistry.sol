// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Who may speak for the oracle
/// @notice k of n signers, of which f may be faulty; each change is a new epoch.
interface IOracleRegistry {
    /// @notice A new signer set is in force.
    event SignersChanged(uint64 indexed epoch, address[] signers, uint8 quorum, uint8 faults);
    /// @notice A signer is out, at once; reports of earlier epochs are void.
    event SignerRevoked(uint64 indexed epoch, address indexed signer);

    /// @notice Replaces the signer set and starts an epoch.
    /// @param signers Strictly ascending by address, 1..31 of them.
    /// @param quorum Signatures a report needs (k), with 2k > n + f.
    /// @param faults Faulty signers tolerated (f), with n >= 3f + 1.
    function setSigners(address[] calldata signers, uint8 quorum, uint8 faults) external;

    /// @notice Takes one signer out and starts an epoch. The quorum is kept.
    function revokeSigner(address signer) external;

    /// @notice Reverts unless a quorum of the epoch signed `digest`.
    /// @param digest EIP-712 digest of the report.
    /// @param signerEpoch Epoch the report names; must be the current one.
    /// @param signatures 65 bytes each, ascending strictly by the signer's address.
    function requireQuorum(bytes32 digest, uint64 signerEpoch, bytes[] calldata signatures) external view;

    /// @notice Epoch in force.
    function currentEpoch() external view returns (uint64);

    /// @notice Signatures a report needs.
    function quorum() external view returns (uint8);

    /// @notice Faulty signers tolerated.
    function faults() external view returns (uint8);

    /// @notice Signers in force, ascending.
    function signers() external view returns (address[] memory);

    /// @notice Whether an account is a signer in force.
    function isSigner(address account) external view returns (bool);
}
