// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Managed} from "../Managed.sol";
import {IAccountErrors, IQuorumErrors} from "../interfaces/IErrors.sol";
import {IAccountLinks} from "../interfaces/IAccountLinks.sol";
import {IOracleRegistry} from "../interfaces/IOracleRegistry.sol";

/// @title Wallets of creators who had none
contract AccountLinks is IAccountLinks, IAccountErrors, IQuorumErrors, EIP712, Managed {
    /// @notice Longest handle, in bytes.
    uint256 public constant MAX_HANDLE_BYTES = 256;

    bytes32 private constant TYPEHASH =
        keccak256("AccountLink(address account,address wallet,uint64 validUntil,uint64 signerEpoch)");

    /// @custom:storage-location erc7201:creativity.storage.AccountLinks
    struct LinkStorage {
        IOracleRegistry oracles;
        mapping(address account => address wallet) wallets;
    }

    // keccak256(abi.encode(uint256(keccak256("creativity.storage.AccountLinks")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0xf678671cfae9446ff86d5b86d09eb3cbde2190d8ca2a4cd07de7f2a2cdfc5900;

    constructor() EIP712("CreativityOracleAccounts", "1") {}

    /// @notice Wires the links to the signers that attest them.
    function initialize(address authority_, address oracles_) external initializer {
        _requireAddress(authority_);
        _requireAddress(oracles_);
        __AccessManaged_init(authority_);
        _storage().oracles = IOracleRegistry(oracles_);
    }

    /// @inheritdoc IAccountLinks
    function link(
        string calldata handle,
        address wallet,
        uint64 validUntil,
        uint64 signerEpoch,
        bytes[] calldata signatures
    ) external {
        _requireAddress(wallet);
        LinkStorage storage $ = _storage();
        address account = accountOf(handle);
        if ($.wallets[account] != address(0)) revert AlreadyLinked(account, $.wallets[account]);
        if (block.timestamp > validUntil) revert LinkExpired(account, validUntil);
        bytes32 digest = hashLink(account, wallet, validUntil, signerEpoch);
        $.oracles.requireQuorum(digest, signerEpoch, signatures);
        $.wallets[account] = wallet;
        emit AccountLinked(account, wallet, false);
    }

    /// @inheritdoc IAccountLinks
    function relink(address account, address wallet) external restricted {
        _requireAddress(wallet);
        LinkStorage storage $ = _storage();
        if ($.wallets[account] == address(0)) revert NotLinked(account);
        $.wallets[account] = wallet;
        emit AccountLinked(account, wallet, true);
    }

    /// @inheritdoc IAccountLinks
    function hashLink(address account, address wallet, uint64 validUntil, uint64 signerEpoch)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(keccak256(abi.encode(TYPEHASH, account, wallet, validUntil, signerEpoch)));
    }

    /// @inheritdoc IAccountLinks
    function accountOf(string calldata handle) public pure returns (address) {
        uint256 length = bytes(handle).length;
        if (length == 0 || length > MAX_HANDLE_BYTES) revert InvalidHandle(length);
        return address(uint160(uint256(keccak256(bytes.concat("creativity-oracle/account:", bytes(handle))))));
    }

    /// @inheritdoc IAccountLinks
    function walletOf(address account) external view returns (address) {
        address wallet = _storage().wallets[account];
        return wallet == address(0) ? account : wallet;
    }

    function _storage() private pure returns (LinkStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
