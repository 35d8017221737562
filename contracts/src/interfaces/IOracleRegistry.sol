// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PoCReport, SignedStatement} from "../types/Reports.sol";

/// @title Who may speak for the oracle
/// @notice k of n signers, of which f may be faulty; each change is a new epoch.
interface IOracleRegistry {
    /// @notice A new signer set is in force.
    event SignersChanged(uint64 indexed epoch, address[] signers, uint8 quorum, uint8 faults);
    /// @notice A signer is out, at once; reports of earlier epochs are void.
    event SignerRevoked(uint64 indexed epoch, address indexed signer);

    /// @notice What the epoch's roots hold and nobody posted is void, since that signer's key was stolen.
    event EpochVoided(uint64 indexed epoch, address indexed signer);
    /// @notice The signer's lie is proven, and without it there is no quorum: it signs on until governance names a new set.
    event SlashingWaits(uint64 indexed epoch, address indexed signer);
    /// @notice A signer said two things that cannot both be honest, and is out where a quorum is left without it.
    event EquivocationProven(
        address indexed signer,
        bytes32 indexed requestId,
        address indexed by,
        bytes32 firstDigest,
        bytes32 secondDigest
    );
    /// @notice The hub whose reports count as a signer's word.
    event HubChanged(address hub);

    /// @notice Replaces the signer set and starts an epoch.
    /// @param signers Strictly ascending by address, 1..31 of them.
    /// @param quorum Signatures a report needs (k), with 2k > n + f.
    /// @param faults Faulty signers tolerated (f), with n >= 3f + 1.
    function setSigners(address[] calldata signers, uint8 quorum, uint8 faults) external;

    /// @notice Takes one signer out, if it is in force, and starts an epoch. The quorum is kept.
    /// @param since First epoch from which its key is taken for stolen: of the epochs since then in which it was a signer,
    /// and of the one in force, nothing more is posted from roots.
    function revokeSigner(address signer, uint64 since) external;

    /// @notice Revokes a signer in force, where a quorum is left without it, who signed two reports with different conclusions for one request in one epoch,
    /// both of which could be delivered now. Anyone may prove it.
    /// @dev A report that has run out may honestly be followed by another, so both must be valid for some minutes more;
    /// two that end at the same second prove the same for ever. Times alone make no different conclusion.
    function reportEquivocation(
        PoCReport calldata first,
        bytes calldata firstSignature,
        PoCReport calldata second,
        bytes calldata secondSignature
    ) external;

    /// @notice The same where one of the two reports, or both, were signed in a batch.
    function reportBatchEquivocation(SignedStatement calldata first, SignedStatement calldata second) external;

    /// @notice The same for what a signer told the others before they agreed: there is one observation for each request
    /// and epoch, so two different ones are proof for ever. `validUntil` is ignored.
    function reportTwoObservations(
        PoCReport calldata first,
        bytes calldata firstSignature,
        PoCReport calldata second,
        bytes calldata secondSignature
    ) external;

    /// @notice Names the hub that the signers report to.
    function setHub(address hub) external;

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

    /// @notice How many signers are in force.
    function signerCount() external view returns (uint256);

    /// @notice The hub that the signers report to; zero until there is one.
    function hub() external view returns (address);

    /// @notice Whether an account is a signer in force.
    function isSigner(address account) external view returns (bool);

    /// @notice Whether the epoch ended because one of its signers was revoked; all that it signed is void then, also what
    /// is under a root and not posted.
    function isRevokedEpoch(uint64 epoch) external view returns (bool);

    /// @notice Whether a lie of a signer in force is proven that waits for governance.
    function isProven(address account) external view returns (bool);
}
