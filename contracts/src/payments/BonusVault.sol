// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {MulticallUpgradeable} from "@openzeppelin/contracts-upgradeable/utils/MulticallUpgradeable.sol";
import {ManagedPausable} from "../ManagedPausable.sol";
import {IBonusErrors, IRuleErrors} from "../interfaces/IErrors.sol";
import {IBonusVault} from "../interfaces/IBonusVault.sol";
import {IPostRegistry} from "../interfaces/IPostRegistry.sol";
import {IRevenueSplitter} from "../interfaces/IRevenueSplitter.sol";
import {RedirectMath} from "../libraries/RedirectMath.sol";
import {PostResult} from "../types/Reports.sol";
import {Ledger} from "./Ledger.sol";

/// @title Base pay and bonus
/// @notice Bonus first, then the redirect from all that the post earns, then payout: the splitter does the last two.
contract BonusVault is IBonusVault, IBonusErrors, IRuleErrors, Ledger, ManagedPausable, MulticallUpgradeable {
    using SafeERC20 for IERC20;

    /// @custom:storage-location erc7201:creativity.storage.BonusVault
    struct VaultStorage {
        IPostRegistry posts;
        IRevenueSplitter splitter;
        mapping(address token => uint256) budget;
        mapping(bytes32 postId => mapping(bytes32 period => bool)) paid;
    }

    // keccak256(abi.encode(uint256(keccak256("creativity.storage.BonusVault")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x19df768e662e80620d3a483131ea1a835a2dd240087663b6f133a4f76a8b6b00;

    /// @notice Wires the vault.
    function initialize(address authority_, address posts_, address splitter_, address links_)
        external
        initializer
    {
        _requireAddress(authority_);
        _requireAddress(posts_);
        _requireAddress(splitter_);
        __AccessManaged_init(authority_);
        __Pausable_init();
        _initLedger(links_);
        _storage().posts = IPostRegistry(posts_);
        _storage().splitter = IRevenueSplitter(splitter_);
    }

    /// @inheritdoc IBonusVault
    function fund(address token, uint256 amount) external payable nonReentrant {
        if (!_storage().splitter.isTokenAllowed(token)) revert TokenNotAllowed(token);
        uint256 received = _receive(token, amount);
        _storage().budget[token] += received;
        emit Funded(msg.sender, token, received);
    }

    /// @inheritdoc IBonusVault
    function defund(address token, uint256 amount, address to) external restricted nonReentrant {
        _requireAddress(to);
        _takeFromBudget(token, amount);
        // From here it is `to`'s, and fetched like all other money.
        _credit(to, token, amount);
        emit Defunded(to, token, amount);
    }

    /// @inheritdoc IBonusVault
    function creditBonus(bytes32 postId, bytes32 period, address token, uint256 basePay, uint8 grade)
        external
        restricted
        nonReentrant
        whenNotPaused
        returns (uint256 pay)
    {
        VaultStorage storage $ = _storage();
        PostResult memory result = $.posts.resultOf(postId);
        if (result.revision == 0) revert UnknownPost(postId);
        if ($.paid[postId][period]) revert AlreadyPaid(postId, period);
        $.paid[postId][period] = true;
        pay = RedirectMath.payWithBonus(basePay, grade, result.outcome);
        _takeFromBudget(token, pay);
        _spend(token, pay);
        emit BonusCredited(postId, period, token, basePay, pay - basePay, grade, result.outcome);
        if (token == ETHER) {
            $.splitter.payEarnings{value: pay}(postId, token, pay);
        } else {
            IERC20(token).forceApprove(address($.splitter), pay);
            $.splitter.payEarnings(postId, token, pay);
        }
    }

    /// @inheritdoc IBonusVault
    function budgetOf(address token) external view returns (uint256) {
        return _storage().budget[token];
    }

    /// @inheritdoc IBonusVault
    function isPaid(bytes32 postId, bytes32 period) external view returns (bool) {
        return _storage().paid[postId][period];
    }

    /// @inheritdoc IBonusVault
    function modules() external view returns (address posts, address splitter) {
        return (address(_storage().posts), address(_storage().splitter));
    }

    function _takeFromBudget(address token, uint256 amount) private {
        uint256 budget = _storage().budget[token];
        if (amount > budget) revert BudgetExceeded(token, budget, amount);
        _storage().budget[token] = budget - amount;
    }

    function _storage() private pure returns (VaultStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
