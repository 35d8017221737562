// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ManagedPausable} from "../ManagedPausable.sol";
import {IMoneyErrors, IPoolErrors} from "../interfaces/IErrors.sol";
import {IRevenueSplitter} from "../interfaces/IRevenueSplitter.sol";
import {ITokenPool} from "../interfaces/ITokenPool.sol";

/// @title Tokens of posts, on a curve
/// @dev Reads the redirect nowhere: the splitter does, at each trade, so nobody can keep a pool from following a post.
contract TokenPool is ITokenPool, IPoolErrors, IMoneyErrors, ReentrancyGuardTransient, ManagedPausable {
    /// @notice Most tokens in one trade, and of one post: keeps every product far from overflow.
    uint256 public constant MAX_TOKENS = 1e9;

    /// @custom:storage-location erc7201:creativity.storage.TokenPool
    struct PoolStorage {
        IRevenueSplitter splitter;
        uint96 stepWei;
        uint256 reserves;
        mapping(bytes32 postId => uint256) supply;
        mapping(bytes32 postId => mapping(address holder => uint256)) balances;
    }

    // keccak256(abi.encode(uint256(keccak256("creativity.storage.TokenPool")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x5002c4b8985fe45ce2de0972e604654446f0c29636e69ff33b05d6f4441f1300;

    /// @notice Wires the pool. The step never changes: it is what the reserve was paid by.
    function initialize(address authority_, address splitter_, uint96 stepWei_) external initializer {
        _requireAddress(authority_);
        _requireAddress(splitter_);
        if (stepWei_ == 0) revert NoMoney();
        __AccessManaged_init(authority_);
        __Pausable_init();
        _storage().splitter = IRevenueSplitter(splitter_);
        _storage().stepWei = stepWei_;
    }

    /// @inheritdoc ITokenPool
    function buy(bytes32 postId, uint256 tokens)
        external
        payable
        nonReentrant
        whenNotPaused
        returns (uint256 paidWei)
    {
        PoolStorage storage $ = _storage();
        uint256 supply = $.supply[postId];
        if (tokens == 0 || supply + tokens > MAX_TOKENS) revert InvalidAmount(tokens);
        uint256 price = _price(supply, tokens);
        uint256 fees = $.splitter.tradeFees(price);
        paidWei = price + fees;
        if (msg.value < paidWei) revert PriceMoved(paidWei, msg.value);
        $.supply[postId] = supply + tokens;
        $.balances[postId][msg.sender] += tokens;
        $.reserves += price;
        emit Traded(postId, msg.sender, true, tokens, price, fees, supply + tokens);
        $.splitter.payTradeFees{value: fees}(postId, address(0), price);
        _pay(msg.sender, msg.value - paidWei);
    }

    /// @inheritdoc ITokenPool
    /// @dev Not stopped by a pause: whoever is in must be able to leave.
    function sell(bytes32 postId, uint256 tokens, uint256 leastWei)
        external
        nonReentrant
        returns (uint256 proceedsWei)
    {
        PoolStorage storage $ = _storage();
        uint256 held = $.balances[postId][msg.sender];
        if (tokens == 0) revert InvalidAmount(tokens);
        if (held < tokens) revert NotEnoughTokens(msg.sender, held, tokens);
        uint256 supply = $.supply[postId] - tokens;
        uint256 price = _price(supply, tokens);
        uint256 fees = $.splitter.tradeFees(price);
        proceedsWei = price - fees;
        if (proceedsWei < leastWei) revert PriceMoved(proceedsWei, leastWei);
        $.supply[postId] = supply;
        $.balances[postId][msg.sender] = held - tokens;
        $.reserves -= price;
        emit Traded(postId, msg.sender, false, tokens, price, fees, supply);
        $.splitter.payTradeFees{value: fees}(postId, address(0), price);
        _pay(msg.sender, proceedsWei);
    }

    /// @inheritdoc ITokenPool
    function priceToBuy(bytes32 postId, uint256 tokens) external view returns (uint256) {
        uint256 supply = _storage().supply[postId];
        if (tokens > MAX_TOKENS - supply) revert InvalidAmount(tokens);
        return _price(supply, tokens);
    }

    /// @inheritdoc ITokenPool
    function priceToSell(bytes32 postId, uint256 tokens) external view returns (uint256) {
        uint256 supply = _storage().supply[postId];
        if (tokens > supply) revert InvalidAmount(tokens);
        return _price(supply - tokens, tokens);
    }

    /// @inheritdoc ITokenPool
    function supplyOf(bytes32 postId) external view returns (uint256) {
        return _storage().supply[postId];
    }

    /// @inheritdoc ITokenPool
    function balanceOf(bytes32 postId, address holder) external view returns (uint256) {
        return _storage().balances[postId][holder];
    }

    /// @inheritdoc ITokenPool
    function reserves() external view returns (uint256) {
        return _storage().reserves;
    }

    /// @inheritdoc ITokenPool
    function stepWei() external view returns (uint256) {
        return _storage().stepWei;
    }

    /// @inheritdoc ITokenPool
    function splitter() external view returns (address) {
        return address(_storage().splitter);
    }

    function _pay(address account, uint256 amount) private {
        if (amount != 0) _storage().splitter.deposit{value: amount}(account, address(0), amount);
    }

    /// @dev Tokens supply+1 .. supply+tokens at n steps each: no division but an exact one by two.
    function _price(uint256 supply, uint256 tokens) private view returns (uint256) {
        return _storage().stepWei * (tokens * (2 * supply + tokens + 1) / 2);
    }

    function _storage() private pure returns (PoolStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
