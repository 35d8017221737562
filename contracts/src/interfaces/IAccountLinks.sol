// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Wallets of creators who had none
/// @notice A creator without a wallet earns into an account that follows from the handle; nobody has its key.
/// When the oracle's quorum attests which wallet is theirs, that wallet acts for the account.
interface IAccountLinks {
    /// @notice A wallet acts for an account from now on.
    event AccountLinked(address indexed account, address indexed wallet, bool byGovernance);

    /// @notice Links the account of a handle to a wallet, once. Anyone may transmit.
    /// @dev The handle is given, not the account, so that only escrow accounts can be linked, never somebody's wallet.
    /// @param handle The creator's handle, 1..256 bytes.
    /// @param wallet Who acts for the account.
    /// @param validUntil Unix time after which the attestation is void.
    /// @param signerEpoch Epoch of the signer set.
    /// @param signatures Of `hashLink`, as for reports.
    function link(
        string calldata handle,
        address wallet,
        uint64 validUntil,
        uint64 signerEpoch,
        bytes[] calldata signatures
    ) external;

    /// @notice Links a linked account to another wallet: for lost keys, by governance.
    function relink(address account, address wallet) external;

    /// @notice EIP-712 digest that the signers sign.
    function hashLink(address account, address wallet, uint64 validUntil, uint64 signerEpoch)
        external
        view
        returns (bytes32);

    /// @notice Escrow account of a handle.
    function accountOf(string calldata handle) external pure returns (address);

    /// @notice Who acts for an account: the linked wallet, else the account itself.
    function walletOf(address account) external view returns (address);
}
