// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {MulticallUpgradeable} from "@openzeppelin/contracts-upgradeable/utils/MulticallUpgradeable.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Managed} from "../Managed.sol";
import {IAccountErrors, IQuorumErrors} from "../interfaces/IErrors.sol";
import {IAccountLinks, PendingLink} from "../interfaces/IAccountLinks.sol";
import {IOracleRegistry} from "../interfaces/IOracleRegistry.sol";

/// @title Wallets of creators who had none
contract AccountLinks is IAccountLinks, IAccountErrors, IQuorumErrors, EIP712, Managed, MulticallUpgradeable {
    /// @notice Longest handle, in bytes.
    uint256 public constant MAX_HANDLE_BYTES = 256;
    /// @notice How long a link may wait at most before it can be completed.
    uint40 public constant MAX_LINK_DELAY = 30 days;
    /// @notice Links completed on one day at the start.
    uint32 public constant INITIAL_LINK_CAP = 50;

    bytes32 private constant TYPEHASH =
        keccak256("AccountLink(address account,address wallet,uint64 validUntil,uint64 signerEpoch)");

    /// @custom:storage-location erc7201:creativity.storage.AccountLinks
    struct LinkStorage {
        IOracleRegistry oracles;
        mapping(address account => address wallet) wallets;
        mapping(address account => PendingLink) pending;
        uint40 delay;
        // Zero until governance sets another; the initial cap holds then.
        uint32 cap;
        uint32 today;
        uint32 completedToday;
    }

    // keccak256(abi.encode(uint256(keccak256("creativity.storage.AccountLinks")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0xf678671cfae9446ff86d5b86d09eb3cbde2190d8ca2a4cd07de7f2a2cdfc5900;

    constructor() EIP712("CreativityOracleAccounts", "1") {}

    /// @notice Wires the links to the signers that attest them.
    /// @param delay How long each link can be seen coming, in seconds.
    function initialize(address authority_, address oracles_, uint40 delay) external initializer {
        _requireAddress(authority_);
        _requireAddress(oracles_);
        __AccessManaged_init(authority_);
        if (delay > MAX_LINK_DELAY) revert InvalidLinkDelay(delay);
        _storage().oracles = IOracleRegistry(oracles_);
        _storage().delay = delay;
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
        PendingLink memory waiting = $.pending[account];
        // What an earlier set of signers attested is void, like its reports.
        if (waiting.wallet != address(0) && waiting.signerEpoch == $.oracles.currentEpoch()) {
            revert LinkPending(account, waiting.wallet);
        }
        bytes32 digest = hashLink(account, wallet, validUntil, signerEpoch);
        $.oracles.requireQuorum(digest, signerEpoch, signatures);
        uint40 readyAt = uint40(block.timestamp) + $.delay;
        $.pending[account] = PendingLink(wallet, readyAt, signerEpoch);
        emit LinkProposed(account, wallet, readyAt);
    }

    /// @inheritdoc IAccountLinks
    /// @dev Two kinds of keys: signers attest, a registrar completes. Neither alone moves an account's money.
    function complete(address[] calldata accounts) external restricted {
        LinkStorage storage $ = _storage();
        uint64 epoch = $.oracles.currentEpoch();
        for (uint256 i; i < accounts.length; ++i) {
            _countToday();
            _complete($, accounts[i], epoch);
        }
    }

    /// @inheritdoc IAccountLinks
    function veto(address account) external restricted {
        LinkStorage storage $ = _storage();
        address wallet = $.pending[account].wallet;
        if (wallet == address(0)) revert NoLinkPending(account);
        delete $.pending[account];
        emit LinkVetoed(account, wallet, msg.sender);
    }

    /// @inheritdoc IAccountLinks
    function setLinkCap(uint32 cap) external restricted {
        if (cap == 0) revert InvalidLinkCap(cap);
        _storage().cap = cap;
        emit LinkCapChanged(cap);
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

    /// @inheritdoc IAccountLinks
    function pendingOf(address account) external view returns (PendingLink memory) {
        return _storage().pending[account];
    }

    /// @inheritdoc IAccountLinks
    function linkDelay() external view returns (uint40) {
        return _storage().delay;
    }

    /// @inheritdoc IAccountLinks
    function linkCap() public view returns (uint32) {
        uint32 cap = _storage().cap;
        return cap == 0 ? INITIAL_LINK_CAP : cap;
    }

    function _complete(LinkStorage storage $, address account, uint64 epoch) private {
        PendingLink memory waiting = $.pending[account];
        if (waiting.wallet == address(0)) revert NoLinkPending(account);
        if (waiting.signerEpoch != epoch) revert StaleSignerEpoch(waiting.signerEpoch, epoch);
        if (block.timestamp < waiting.readyAt) revert LinkNotReady(account, waiting.readyAt);
        delete $.pending[account];
        $.wallets[account] = waiting.wallet;
        emit AccountLinked(account, waiting.wallet, false);
    }

    function _countToday() private {
        LinkStorage storage $ = _storage();
        uint32 today = uint32(block.timestamp / 1 days);
        if ($.today != today) ($.today, $.completedToday) = (today, 0);
        if ($.completedToday >= linkCap()) revert LinkCapReached(linkCap());
        ++$.completedToday;
    }

    function _storage() private pure returns (LinkStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
