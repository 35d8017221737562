// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IAccountLinks} from "../interfaces/IAccountLinks.sol";
import {IMoneyErrors, IWiringErrors} from "../interfaces/IErrors.sol";
import {ILedger} from "../interfaces/ILedger.sol";

/// @title Money that is fetched, never pushed
/// @dev What comes in is owed at once; crediting only says to whom. So no path can lose a unit.
abstract contract Ledger is ILedger, IMoneyErrors, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @dev Token number of ether.
    address internal constant ETHER = address(0);

    /// @custom:storage-location erc7201:creativity.storage.Ledger
    struct LedgerStorage {
        IAccountLinks links;
        mapping(address account => mapping(address token => uint256)) claimable;
        mapping(address token => uint256) owed;
    }

    // keccak256(abi.encode(uint256(keccak256("creativity.storage.Ledger")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant LEDGER = 0x62d336462f73dea61fde6afc8dd93591bcfa93f8ac9db744983a84c83c164a00;

    /// @inheritdoc ILedger
    function withdraw(address account, address token, address to)
        external
        nonReentrant
        returns (uint256 amount)
    {
        if (to == address(0)) revert IWiringErrors.ZeroAddress();
        _requireActsFor(account);
        _beforeWithdrawal(account);
        LedgerStorage storage $ = _ledger();
        amount = $.claimable[account][token];
        if (amount == 0) revert NothingToClaim(account, token);
        $.claimable[account][token] = 0;
        $.owed[token] -= amount;
        emit Withdrawn(account, token, to, amount);
        _send(token, to, amount);
    }

    /// @inheritdoc ILedger
    function claimable(address account, address token) public view returns (uint256) {
        return _ledger().claimable[account][token];
    }

    /// @inheritdoc ILedger
    function owed(address token) public view returns (uint256) {
        return _ledger().owed[token];
    }

    /// @inheritdoc ILedger
    function links() public view returns (IAccountLinks) {
        return _ledger().links;
    }

    function _initLedger(address links_) internal {
        if (links_ == address(0)) revert IWiringErrors.ZeroAddress();
        _ledger().links = IAccountLinks(links_);
    }

    /// @dev Takes `amount` from the caller and owes what really came: a token may take a fee on the way.
    function _receive(address token, uint256 amount) internal returns (uint256 received) {
        if (amount == 0) revert NoMoney();
        if (token == ETHER) {
            if (msg.value != amount) revert IncorrectValue(amount, msg.value);
            received = amount;
        } else {
            if (msg.value != 0) revert IncorrectValue(0, msg.value);
            uint256 before = IERC20(token).balanceOf(address(this));
            IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
            received = IERC20(token).balanceOf(address(this)) - before;
            if (received == 0) revert NoMoney();
        }
        _ledger().owed[token] += received;
    }

    /// @dev Says whose a part of what is owed is.
    function _credit(address account, address token, uint256 amount) internal {
        if (amount == 0) return;
        _ledger().claimable[account][token] += amount;
        emit Credited(account, token, amount);
    }

    /// @dev Says that a part of what is owed leaves in another way than a withdrawal.
    function _spend(address token, uint256 amount) internal {
        _ledger().owed[token] -= amount;
    }

    /// @dev What else must hold before an account withdraws.
    function _beforeWithdrawal(address account) internal view virtual {}

    function _requireActsFor(address account) internal view {
        if (msg.sender != account && msg.sender != links().walletOf(account)) {
            revert NotYourAccount(account, msg.sender);
        }
    }

    function _send(address token, address to, uint256 amount) private {
        if (token != ETHER) return IERC20(token).safeTransfer(to, amount);
        (bool sent,) = to.call{value: amount}("");
        if (!sent) revert PaymentRefused(to);
    }

    function _ledger() private pure returns (LedgerStorage storage $) {
        assembly {
            $.slot := LEDGER
        }
    }
}
