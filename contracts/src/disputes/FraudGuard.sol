// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {MulticallUpgradeable} from "@openzeppelin/contracts-upgradeable/utils/MulticallUpgradeable.sol";
import {Managed} from "../Managed.sol";
import {IAccountLinks} from "../interfaces/IAccountLinks.sol";
import {IFraudErrors} from "../interfaces/IErrors.sol";
import {Freeze, IFraudGuard} from "../interfaces/IFraudGuard.sol";
import {IPostRegistry} from "../interfaces/IPostRegistry.sol";
import {FreezeStatus} from "../types/Codes.sol";

/// @title Money that waits while an alert is looked into
contract FraudGuard is IFraudGuard, IFraudErrors, Managed, MulticallUpgradeable {
    /// @notice Longest freeze that nobody has reviewed.
    uint40 public constant MAX_FREEZE = 30 days;
    /// @notice Longest freeze at all, from its start.
    uint40 public constant MAX_UPHELD = 180 days;
    /// @notice How long a subject may be frozen unreviewed within a year, all freezes together.
    uint40 public constant MAX_UNREVIEWED_A_YEAR = 60 days;

    /// @dev Seconds of unreviewed freezes in the year that began at `since`.
    struct Budget {
        uint40 since;
        uint40 spent;
    }

    /// @custom:storage-location erc7201:creativity.storage.FraudGuard
    struct GuardStorage {
        IPostRegistry posts;
        IAccountLinks links;
        mapping(bytes32 alertId => Freeze) freezes;
        mapping(bytes32 key => bytes32 alertId) alerts;
        mapping(bytes32 statementHash => bool) used;
        mapping(bytes32 key => Budget) budgets;
    }

    // keccak256(abi.encode(uint256(keccak256("creativity.storage.FraudGuard")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0xc5afeceecc89fc2da4b2fd8fc0cba367977a32ef516af6579849e6388c501800;

    /// @notice Wires the guard.
    function initialize(address authority_, address posts_, address links_) external initializer {
        _requireAddress(authority_);
        _requireAddress(posts_);
        _requireAddress(links_);
        __AccessManaged_init(authority_);
        _storage().posts = IPostRegistry(posts_);
        _storage().links = IAccountLinks(links_);
    }

    /// @inheritdoc IFraudGuard
    function freezeAccount(address account, bytes32 alertId, bytes32 statementHash, uint40 until)
        external
        restricted
    {
        _requireAddress(account);
        _freeze(bytes32(uint256(uint160(account))), false, alertId, statementHash, until);
    }

    /// @inheritdoc IFraudGuard
    function freezePost(bytes32 postId, bytes32 alertId, bytes32 statementHash, uint40 until)
        external
        restricted
    {
        if (_storage().posts.resultOf(postId).revision == 0) revert UnknownSubject(postId);
        _freeze(postId, true, alertId, statementHash, until);
    }

    /// @inheritdoc IFraudGuard
    function appeal(bytes32 alertId, bytes32 appealHash) external {
        GuardStorage storage $ = _storage();
        Freeze storage kept = $.freezes[alertId];
        uint8 status = statusOf(alertId);
        if (status != FreezeStatus.FROZEN) revert FreezeNotOpen(alertId, status);
        if (appealHash == 0) revert MissingStatement(alertId);
        address account =
            kept.isPost ? $.posts.resultOf(kept.subject).creator : address(uint160(uint256(kept.subject)));
        if (msg.sender != account && msg.sender != $.links.walletOf(account)) {
            revert NotTheSubject(alertId, msg.sender);
        }
        kept.status = FreezeStatus.APPEALED;
        kept.appealHash = appealHash;
        emit FreezeAppealed(alertId, msg.sender, appealHash);
    }

    /// @inheritdoc IFraudGuard
    function resolve(bytes32 alertId, bool upheld, uint40 until, bytes32 reasonHash) external restricted {
        Freeze storage kept = _storage().freezes[alertId];
        uint8 status = statusOf(alertId);
        // An upheld freeze can still be released; a released or expired one never comes back.
        bool open = status == FreezeStatus.FROZEN || status == FreezeStatus.APPEALED;
        if (!open && (upheld || status != FreezeStatus.UPHELD)) revert FreezeNotOpen(alertId, status);
        if (msg.sender == kept.officer) revert AccuserCannotDecide(alertId, msg.sender);
        if (reasonHash == 0) revert MissingStatement(alertId);
        if (status != FreezeStatus.UPHELD) _reviewed(kept, upheld);
        if (upheld) {
            if (until <= block.timestamp || until > kept.startedAt + MAX_UPHELD) {
                revert InvalidEndDate(until, kept.startedAt + MAX_UPHELD);
            }
            kept.until = until;
            kept.status = FreezeStatus.UPHELD;
        } else {
            kept.until = uint40(block.timestamp);
            kept.status = FreezeStatus.RELEASED;
        }
        kept.reasonHash = reasonHash;
        emit FreezeResolved(alertId, msg.sender, upheld, kept.until, reasonHash);
    }

    /// @inheritdoc IFraudGuard
    function isAccountFrozen(address account) external view returns (bool) {
        return alertOfAccount(account) != 0;
    }

    /// @inheritdoc IFraudGuard
    function isPostFrozen(bytes32 postId) external view returns (bool) {
        return alertOfPost(postId) != 0;
    }

    /// @inheritdoc IFraudGuard
    function freezeOf(bytes32 alertId) external view returns (Freeze memory) {
        return _storage().freezes[alertId];
    }

    /// @inheritdoc IFraudGuard
    function alertOfAccount(address account) public view returns (bytes32) {
        return _alertOf(_key(false, bytes32(uint256(uint160(account)))));
    }

    /// @inheritdoc IFraudGuard
    function alertOfPost(bytes32 postId) public view returns (bytes32) {
        return _alertOf(_key(true, postId));
    }

    /// @inheritdoc IFraudGuard
    function budgetOf(bool isPost, bytes32 subject) external view returns (uint256 secondsLeft) {
        Budget memory budget = _storage().budgets[_key(isPost, subject)];
        bool over = block.timestamp >= uint256(budget.since) + 365 days;
        return over ? MAX_UNREVIEWED_A_YEAR : MAX_UNREVIEWED_A_YEAR - budget.spent;
    }

    /// @inheritdoc IFraudGuard
    function statusOf(bytes32 alertId) public view returns (uint8) {
        Freeze storage kept = _storage().freezes[alertId];
        uint8 status = kept.status;
        if (status == FreezeStatus.NONE || status == FreezeStatus.RELEASED) return status;
        // Silence releases: nobody has to send a transaction for it.
        return block.timestamp >= kept.until ? FreezeStatus.EXPIRED : status;
    }

    function _freeze(bytes32 subject, bool isPost, bytes32 alertId, bytes32 statementHash, uint40 until)
        private
    {
        GuardStorage storage $ = _storage();
        if (alertId == 0 || statementHash == 0) revert MissingStatement(alertId);
        if ($.freezes[alertId].status != FreezeStatus.NONE) revert AlertUsed(alertId);
        // One statement freezes once: an alert that was dismissed does not come back under another number.
        if ($.used[statementHash]) revert StatementUsed(statementHash);
        bytes32 key = _key(isPost, subject);
        bytes32 active = _alertOf(key);
        if (active != 0) revert AlreadyFrozen(subject, active);
        if (until <= block.timestamp || until > block.timestamp + MAX_FREEZE) {
            revert InvalidEndDate(until, block.timestamp + MAX_FREEZE);
        }
        _spend(key, subject, until - uint40(block.timestamp));
        $.used[statementHash] = true;
        $.alerts[key] = alertId;
        Freeze storage kept = $.freezes[alertId];
        kept.subject = subject;
        kept.statementHash = statementHash;
        kept.officer = msg.sender;
        kept.startedAt = uint40(block.timestamp);
        kept.until = until;
        kept.status = FreezeStatus.FROZEN;
        kept.isPost = isPost;
        emit Frozen(alertId, subject, msg.sender, isPost, statementHash, until);
    }

    /// @dev An officer's word alone, again and again under other statements, must not freeze somebody for ever.
    function _spend(bytes32 key, bytes32 subject, uint40 asked) private {
        Budget storage budget = _storage().budgets[key];
        if (block.timestamp >= uint256(budget.since) + 365 days) {
            budget.since = uint40(block.timestamp);
            budget.spent = 0;
        }
        uint40 left = MAX_UNREVIEWED_A_YEAR - budget.spent;
        if (asked > left) revert FreezeBudgetSpent(subject, left, asked);
        budget.spent += asked;
    }

    /// @dev What a second person upheld was not the officer's alone; of what was lifted only the time served counts.
    function _reviewed(Freeze storage kept, bool upheld) private {
        Budget storage budget = _storage().budgets[_key(kept.isPost, kept.subject)];
        if (budget.since > kept.startedAt) return;
        budget.spent -= upheld ? kept.until - kept.startedAt : kept.until - uint40(block.timestamp);
    }

    function _alertOf(bytes32 key) private view returns (bytes32 alertId) {
        alertId = _storage().alerts[key];
        if (block.timestamp >= _storage().freezes[alertId].until) return 0;
    }

    /// @dev Typed: the owner of a post whose id spells an address has no hold over that account.
    function _key(bool isPost, bytes32 subject) private pure returns (bytes32) {
        return keccak256(abi.encode(isPost, subject));
    }

    function _storage() private pure returns (GuardStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
