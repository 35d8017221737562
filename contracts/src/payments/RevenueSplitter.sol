// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {MulticallUpgradeable} from "@openzeppelin/contracts-upgradeable/utils/MulticallUpgradeable.sol";
import {ManagedPausable} from "../ManagedPausable.sol";
import {IRuleErrors} from "../interfaces/IErrors.sol";
import {IFraudGuard} from "../interfaces/IFraudGuard.sol";
import {IPostRegistry} from "../interfaces/IPostRegistry.sol";
import {IRevenueSplitter} from "../interfaces/IRevenueSplitter.sol";
import {RedirectMath} from "../libraries/RedirectMath.sol";
import {Outcome, PostStatus, Revenue} from "../types/Codes.sol";
import {PostResult} from "../types/Reports.sol";
import {Ledger} from "./Ledger.sol";

/// @title What posts earn, and whose it is
/// @dev While a result can still be contested the redirected share waits here; the poster's own share never does.
contract RevenueSplitter is IRevenueSplitter, IRuleErrors, Ledger, ManagedPausable, MulticallUpgradeable {
    /// @dev What waits for a result. `gross` is what it was taken from: a re-analysis may lower the redirect.
    struct Contest {
        uint256 held;
        uint256 gross;
    }

    /// @custom:storage-location erc7201:creativity.storage.RevenueSplitter
    struct SplitterStorage {
        IPostRegistry posts;
        IFraudGuard guard;
        address platform;
        address ecosystem;
        mapping(address token => bool) allowed;
        mapping(bytes32 postId => mapping(address token => Contest)) contested;
        mapping(bytes32 postId => mapping(address token => uint256)) frozen;
    }

    // keccak256(abi.encode(uint256(keccak256("creativity.storage.RevenueSplitter")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x1cc9b4dd1d685e3c3d48a63893ebfbf0cd9b5274526214efbc85b1885f01c700;

    /// @notice Wires the splitter. Ether is taken; every other token only after `setTokenAllowed`.
    function initialize(
        address authority_,
        address posts_,
        address guard_,
        address links_,
        address platform_,
        address ecosystem_
    ) external initializer {
        _requireAddress(authority_);
        _requireAddress(posts_);
        _requireAddress(guard_);
        __AccessManaged_init(authority_);
        __Pausable_init();
        _initLedger(links_);
        _storage().posts = IPostRegistry(posts_);
        _storage().guard = IFraudGuard(guard_);
        _setTreasuries(platform_, ecosystem_);
    }

    /// @inheritdoc IRevenueSplitter
    function tip(bytes32 postId, address token, uint256 amount) external payable nonReentrant whenNotPaused {
        PostResult memory result = _resultOf(postId);
        _split(postId, result, token, _take(token, amount), Revenue.TIP);
    }

    /// @inheritdoc IRevenueSplitter
    function tipComment(bytes32 postId, address commenter, address token, uint256 amount)
        external
        payable
        nonReentrant
        whenNotPaused
    {
        _requireAddress(commenter);
        PostResult memory result = _resultOf(postId);
        (uint256 toCommenter, uint256 rest) = RedirectMath.splitCommentTip(_take(token, amount));
        _credit(commenter, token, toCommenter);
        _split(postId, result, token, rest, Revenue.COMMENT_TIP);
    }

    /// @inheritdoc IRevenueSplitter
    function tipRepost(bytes32 postId, address reposter, address token, uint256 amount)
        external
        payable
        nonReentrant
        whenNotPaused
    {
        _requireAddress(reposter);
        PostResult memory result = _resultOf(postId);
        (uint256 toReposter, uint256 rest) = RedirectMath.splitRepostTip(_take(token, amount));
        _credit(reposter, token, toReposter);
        _split(postId, result, token, rest, Revenue.REPOST_TIP);
    }

    /// @inheritdoc IRevenueSplitter
    function payEarnings(bytes32 postId, address token, uint256 amount)
        external
        payable
        nonReentrant
        whenNotPaused
    {
        PostResult memory result = _resultOf(postId);
        _split(postId, result, token, _take(token, amount), Revenue.EARNINGS);
    }

    /// @inheritdoc IRevenueSplitter
    /// @dev Not stopped by a pause: whoever sells must be able to leave.
    function payTradeFees(bytes32 postId, address token, uint256 tradeAmount) external payable nonReentrant {
        PostResult memory result = _resultOf(postId);
        (uint256 creatorFee, uint256 platformFee, uint256 ecosystemFee) = RedirectMath.tradeFees(tradeAmount);
        uint256 due = creatorFee + platformFee + ecosystemFee;
        // The fees of a very small trade floor to nothing; it is legal all the same.
        if (due == 0 && msg.value == 0) return;
        uint256 received = _take(token, due);
        // A token that takes a fee on the way delivers less: it is missing from the creator's fee, which is the rest.
        if (received < platformFee + ecosystemFee) revert IncorrectValue(due, received);
        _credit(_storage().platform, token, platformFee);
        _credit(_storage().ecosystem, token, ecosystemFee);
        _split(postId, result, token, received - platformFee - ecosystemFee, Revenue.TRADE_FEE);
    }

    /// @inheritdoc IRevenueSplitter
    /// @dev Not stopped by a pause, like `payTradeFees`: proceeds of a sale come this way.
    function deposit(address account, address token, uint256 amount) external payable nonReentrant {
        _requireAddress(account);
        _credit(account, token, _take(token, amount));
    }

    /// @inheritdoc IRevenueSplitter
    function payContested(bytes32 postId, address token) external nonReentrant {
        SplitterStorage storage $ = _storage();
        PostResult memory result = _resultOf(postId);
        if (result.status != PostStatus.FINAL) revert ResultNotFinal(postId, result.status);
        Contest memory contest = $.contested[postId][token];
        if (contest.held == 0) revert NothingHeld(postId, token);
        delete $.contested[postId][token];
        uint256 toOriginal;
        if (result.outcome == Outcome.DERIVATIVE) {
            // A redirect that rose meanwhile takes no more than what was held: nobody is charged in hindsight.
            toOriginal = RedirectMath.share(contest.gross, result.redirectBps);
            if (toOriginal > contest.held) toOriginal = contest.held;
            _credit(result.originalCreator, token, toOriginal);
        }
        uint256 toPoster = contest.held - toOriginal;
        bool frozen = _payPoster(postId, result.creator, token, toPoster);
        emit ContestedPaid(postId, token, result.originalCreator, toOriginal, toPoster, frozen);
    }

    /// @inheritdoc IRevenueSplitter
    function releaseFrozen(bytes32 postId, address token) external nonReentrant {
        SplitterStorage storage $ = _storage();
        if ($.guard.isPostFrozen(postId)) revert PostFrozen(postId);
        uint256 amount = $.frozen[postId][token];
        if (amount == 0) revert NothingHeld(postId, token);
        $.frozen[postId][token] = 0;
        address creator = _resultOf(postId).creator;
        _credit(creator, token, amount);
        emit FrozenReleased(postId, token, creator, amount);
    }

    /// @inheritdoc IRevenueSplitter
    function setTokenAllowed(address token, bool allowed) external restricted {
        _requireAddress(token);
        _storage().allowed[token] = allowed;
        emit TokenAllowed(token, allowed);
    }

    /// @inheritdoc IRevenueSplitter
    function setTreasuries(address platform, address ecosystem) external restricted {
        _setTreasuries(platform, ecosystem);
    }

    /// @inheritdoc IRevenueSplitter
    function tradeFees(uint256 tradeAmount) external pure returns (uint256) {
        (uint256 creatorFee, uint256 platformFee, uint256 ecosystemFee) = RedirectMath.tradeFees(tradeAmount);
        return creatorFee + platformFee + ecosystemFee;
    }

    /// @inheritdoc IRevenueSplitter
    function contested(bytes32 postId, address token) external view returns (uint256) {
        return _storage().contested[postId][token].held;
    }

    /// @inheritdoc IRevenueSplitter
    function frozenEarnings(bytes32 postId, address token) external view returns (uint256) {
        return _storage().frozen[postId][token];
    }

    /// @inheritdoc IRevenueSplitter
    function isTokenAllowed(address token) public view returns (bool) {
        return token == ETHER || _storage().allowed[token];
    }

    /// @inheritdoc IRevenueSplitter
    function treasuries() external view returns (address platform, address ecosystem) {
        return (_storage().platform, _storage().ecosystem);
    }

    /// @inheritdoc IRevenueSplitter
    function modules() external view returns (address posts, address guard) {
        return (address(_storage().posts), address(_storage().guard));
    }

    function _split(bytes32 postId, PostResult memory result, address token, uint256 amount, uint8 kind)
        private
    {
        bool derived = result.outcome == Outcome.DERIVATIVE;
        bool open = result.status != PostStatus.FINAL;
        uint16 bps = derived ? result.redirectBps : open ? result.heldBps : 0;
        (uint256 toOriginal, uint256 toPoster) = RedirectMath.splitRedirect(amount, bps);
        bool waits = toOriginal != 0 && open;
        if (waits) {
            Contest storage contest = _storage().contested[postId][token];
            contest.held += toOriginal;
            contest.gross += amount;
        } else {
            _credit(result.originalCreator, token, toOriginal);
        }
        bool frozen = _payPoster(postId, result.creator, token, toPoster);
        emit RevenueSplit(postId, msg.sender, token, kind, amount, toOriginal, toPoster, waits, frozen);
    }

    function _payPoster(bytes32 postId, address creator, address token, uint256 amount)
        private
        returns (bool frozen)
    {
        frozen = _storage().guard.isPostFrozen(postId);
        if (frozen) _storage().frozen[postId][token] += amount;
        else _credit(creator, token, amount);
    }

    function _take(address token, uint256 amount) private returns (uint256) {
        if (!isTokenAllowed(token)) revert TokenNotAllowed(token);
        return _receive(token, amount);
    }

    function _setTreasuries(address platform, address ecosystem) private {
        _requireAddress(platform);
        _requireAddress(ecosystem);
        _storage().platform = platform;
        _storage().ecosystem = ecosystem;
        emit TreasuriesChanged(platform, ecosystem);
    }

    function _beforeWithdrawal(address account) internal view override {
        if (_storage().guard.isAccountFrozen(account)) revert AccountFrozen(account);
    }

    /// @dev A post without a result has no owner anybody attested: money for it would have nowhere to go.
    function _resultOf(bytes32 postId) private view returns (PostResult memory result) {
        result = _storage().posts.resultOf(postId);
        if (result.revision == 0) revert UnknownPost(postId);
    }

    function _storage() private pure returns (SplitterStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
