// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice A link that signers attested, waiting.
struct PendingLink {
    address wallet;
    /// Unix time from which it can be completed; until then, and until somebody completes it, it can be vetoed.
    uint40 readyAt;
    uint64 signerEpoch;
}

/// @title Wallets of creators who had none
/// @notice A creator without a wallet earns into an account that follows from the handle; nobody has its key.
/// When the oracle's quorum attests which wallet is theirs, and after a delay in which it can be vetoed a registrar
/// agrees, that wallet acts for the account. Several accounts of one creator, or two spellings of one name, may share one.
interface IAccountLinks {
    /// @notice A wallet acts for an account from now on.
    event AccountLinked(address indexed account, address indexed wallet, bool byGovernance);

    /// @notice Signers attested a wallet; it acts for the account once the link is completed.
    event LinkProposed(address indexed account, address indexed wallet, uint40 readyAt);
    /// @notice A waiting link is off.
    event LinkVetoed(address indexed account, address indexed wallet, address indexed by);
    /// @notice Links that can be completed on one day.
    event LinkCapChanged(uint32 cap);

    /// @notice Proposes the link of a handle's account to a wallet, once. Anyone may transmit.
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

    /// @notice Completes links whose time has come, as the registrar; all or none, and so many a day.
    function complete(address[] calldata accounts) external;

    /// @notice Takes a waiting link back, as the guardian.
    function veto(address account) external;

    /// @notice Sets how many links can be completed on one day.
    function setLinkCap(uint32 cap) external;

    /// @notice The link that waits; all zero for none.
    function pendingOf(address account) external view returns (PendingLink memory);

    /// @notice How long a link waits, in seconds.
    function linkDelay() external view returns (uint40);

    /// @notice How many links can be completed on one day.
    function linkCap() external view returns (uint32);

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
