// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Managed} from "./Managed.sol";
import {IPolicyErrors, IRuleErrors} from "./interfaces/IErrors.sol";
import {IPolicyRegistry} from "./interfaces/IPolicyRegistry.sol";
import {RedirectMath} from "./libraries/RedirectMath.sol";
import {Grade, MediaType} from "./types/Codes.sol";
import {PolicyTerms} from "./types/Policy.sol";

/// @title Versioned policy
contract PolicyRegistry is IPolicyRegistry, IRuleErrors, IPolicyErrors, Managed {
    /// @notice Lowest threshold governance may set: below half, likeness alone would cost money.
    uint16 public constant MIN_THRESHOLD_BPS = 5_000;
    /// @notice Highest: at 10000 the redirect formula would divide by zero.
    uint16 public constant MAX_THRESHOLD_BPS = 9_999;
    /// @notice Threshold of every media type in version 1.
    uint16 public constant INITIAL_THRESHOLD_BPS = 9_500;
    /// @notice Highest fee, in wei: a slip of the pen must not price everyone out.
    uint96 public constant MAX_FEE = 1 ether;
    /// @notice Shortest request timeout.
    uint32 public constant MIN_REQUEST_TIMEOUT = 5 minutes;
    /// @notice Longest request timeout.
    uint32 public constant MAX_REQUEST_TIMEOUT = 30 days;
    /// @notice Shortest dispute window.
    uint32 public constant MIN_DISPUTE_WINDOW = 1 hours;
    /// @notice Longest dispute window: money must not wait for ever.
    uint32 public constant MAX_DISPUTE_WINDOW = 90 days;
    /// @notice Highest bond of a second round: an appeal must not be for the rich alone.
    uint96 public constant MAX_BOND = 1 ether;
    /// @notice Highest price of callback gas, in wei.
    uint64 public constant MAX_CALLBACK_PRICE = 1_000 gwei;

    /// @dev Two slots, and what decides about a result in the first: a decision costs one read.
    struct Policy {
        uint16 imageThresholdBps;
        uint16 videoThresholdBps;
        uint16 audioThresholdBps;
        uint16 baseRedirectBps;
        uint16 gradeABps;
        uint16 gradeBBps;
        uint16 gradeCBps;
        uint16 gradeDBps;
        uint32 requestTimeout;
        uint32 disputeWindow;
        // When the next version took over; zero while in force.
        uint40 endedAt;
        uint96 feeWei;
        uint96 bondWei;
        uint64 callbackGasWei;
    }

    /// @custom:storage-location erc7201:creativity.storage.PolicyRegistry
    struct PolicyStorage {
        uint64 currentVersion;
        mapping(uint64 version => Policy) policies;
    }

    // keccak256(abi.encode(uint256(keccak256("creativity.storage.PolicyRegistry")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0xc5bc622c4f03722e5b9ecda5e0af1a4626e359aacbdde23886b6bebb1de3fc00;

    /// @notice Writes version 1: thresholds 9500, base redirect 10000, grades from 8000, 6500, 5000 and 3500, no fee,
    /// a gwei for a unit of callback gas, a day for a request, seven days to contest, and a bond of 0.01 ether.
    function initialize(address authority_) external initializer {
        _requireAddress(authority_);
        __AccessManaged_init(authority_);
        uint16 threshold = INITIAL_THRESHOLD_BPS;
        Policy memory first = Policy({
            imageThresholdBps: threshold,
            videoThresholdBps: threshold,
            audioThresholdBps: threshold,
            baseRedirectBps: uint16(RedirectMath.BPS),
            gradeABps: 8_000,
            gradeBBps: 6_500,
            gradeCBps: 5_000,
            gradeDBps: 3_500,
            requestTimeout: 1 days,
            disputeWindow: 7 days,
            endedAt: 0,
            feeWei: 0,
            bondWei: 0.01 ether,
            callbackGasWei: 1 gwei
        });
        _announceAll(_append(first));
        emit TermsChanged(1, _terms(first));
    }

    /// @inheritdoc IPolicyRegistry
    function setThreshold(uint8 mediaType, uint16 thresholdBps) external restricted {
        if (thresholdBps < MIN_THRESHOLD_BPS || thresholdBps > MAX_THRESHOLD_BPS) {
            revert InvalidThreshold(thresholdBps);
        }
        Policy memory next = _current();
        if (mediaType == MediaType.IMAGE) next.imageThresholdBps = thresholdBps;
        else if (mediaType == MediaType.VIDEO) next.videoThresholdBps = thresholdBps;
        else if (mediaType == MediaType.AUDIO) next.audioThresholdBps = thresholdBps;
        else revert InvalidMediaType(mediaType);
        emit PolicyChanged(_append(next), mediaType, thresholdBps, next.baseRedirectBps);
    }

    /// @inheritdoc IPolicyRegistry
    function setBaseRedirect(uint16 baseRedirectBps) external restricted {
        if (baseRedirectBps > RedirectMath.BPS) revert InvalidBase(baseRedirectBps);
        Policy memory next = _current();
        next.baseRedirectBps = baseRedirectBps;
        _announceAll(_append(next));
    }

    /// @inheritdoc IPolicyRegistry
    function setGradeCutoffs(uint16 gradeABps, uint16 gradeBBps, uint16 gradeCBps, uint16 gradeDBps)
        external
        restricted
    {
        bool descend = gradeABps <= RedirectMath.BPS && gradeABps > gradeBBps && gradeBBps > gradeCBps
            && gradeCBps > gradeDBps && gradeDBps > 0;
        if (!descend) revert InvalidCutoffs(gradeABps, gradeBBps, gradeCBps, gradeDBps);
        Policy memory next = _current();
        next.gradeABps = gradeABps;
        next.gradeBBps = gradeBBps;
        next.gradeCBps = gradeCBps;
        next.gradeDBps = gradeDBps;
        emit TermsChanged(_append(next), _terms(next));
    }

    /// @inheritdoc IPolicyRegistry
    function setRequestTerms(uint96 feeWei, uint32 timeout) external restricted {
        if (feeWei > MAX_FEE) revert FeeTooHigh(feeWei, MAX_FEE);
        if (timeout < MIN_REQUEST_TIMEOUT || timeout > MAX_REQUEST_TIMEOUT) {
            revert InvalidRequestTimeout(timeout);
        }
        Policy memory next = _current();
        next.feeWei = feeWei;
        next.requestTimeout = timeout;
        emit TermsChanged(_append(next), _terms(next));
    }

    /// @inheritdoc IPolicyRegistry
    function setCallbackPrice(uint64 weiPerGas) external restricted {
        if (weiPerGas > MAX_CALLBACK_PRICE) revert CallbackPriceTooHigh(weiPerGas, MAX_CALLBACK_PRICE);
        Policy memory next = _current();
        next.callbackGasWei = weiPerGas;
        emit TermsChanged(_append(next), _terms(next));
    }

    /// @inheritdoc IPolicyRegistry
    function setDisputeTerms(uint32 window, uint96 bondWei) external restricted {
        if (window < MIN_DISPUTE_WINDOW || window > MAX_DISPUTE_WINDOW) revert InvalidDisputeWindow(window);
        if (bondWei == 0 || bondWei > MAX_BOND) revert InvalidBond(bondWei, MAX_BOND);
        Policy memory next = _current();
        next.disputeWindow = window;
        next.bondWei = bondWei;
        emit TermsChanged(_append(next), _terms(next));
    }

    /// @inheritdoc IPolicyRegistry
    function currentVersion() external view returns (uint64) {
        return _storage().currentVersion;
    }

    /// @inheritdoc IPolicyRegistry
    function policyAt(uint64 version, uint8 mediaType)
        public
        view
        returns (uint16 thresholdBps, uint16 baseRedirectBps)
    {
        (thresholdBps, baseRedirectBps,,) = decisionTerms(version, mediaType);
    }

    /// @inheritdoc IPolicyRegistry
    function decisionTerms(uint64 version, uint8 mediaType)
        public
        view
        returns (uint16 thresholdBps, uint16 baseRedirectBps, uint32 disputeWindow, uint40 endedAt)
    {
        Policy storage policy = _at(version);
        return (_thresholdOf(policy, mediaType), policy.baseRedirectBps, policy.disputeWindow, policy.endedAt);
    }

    /// @inheritdoc IPolicyRegistry
    function requestTerms()
        external
        view
        returns (uint64 version, uint96 feeWei, uint32 timeout, uint64 callbackGasWei)
    {
        version = _storage().currentVersion;
        Policy storage policy = _storage().policies[version];
        return (version, policy.feeWei, policy.requestTimeout, policy.callbackGasWei);
    }

    /// @inheritdoc IPolicyRegistry
    function termsAt(uint64 version) external view returns (PolicyTerms memory) {
        return _terms(_at(version));
    }

    /// @inheritdoc IPolicyRegistry
    function gradeOf(uint64 version, uint16 scoreBps) external view returns (uint8) {
        if (scoreBps > RedirectMath.BPS) revert ScoreOutOfRange(scoreBps);
        Policy storage policy = _at(version);
        if (scoreBps >= policy.gradeABps) return Grade.A;
        if (scoreBps >= policy.gradeBBps) return Grade.B;
        if (scoreBps >= policy.gradeCBps) return Grade.C;
        return scoreBps >= policy.gradeDBps ? Grade.D : Grade.F;
    }

    function _append(Policy memory policy) private returns (uint64 version) {
        PolicyStorage storage $ = _storage();
        // Its copy of the version before must not say that it has ended.
        policy.endedAt = 0;
        $.policies[$.currentVersion].endedAt = uint40(block.timestamp);
        version = ++$.currentVersion;
        $.policies[version] = policy;
    }

    function _announceAll(uint64 version) private {
        for (uint8 mediaType = MediaType.IMAGE; mediaType <= MediaType.AUDIO; ++mediaType) {
            (uint16 thresholdBps, uint16 baseRedirectBps) = policyAt(version, mediaType);
            emit PolicyChanged(version, mediaType, thresholdBps, baseRedirectBps);
        }
    }

    function _current() private view returns (Policy memory) {
        return _storage().policies[_storage().currentVersion];
    }

    function _at(uint64 version) private view returns (Policy storage) {
        PolicyStorage storage $ = _storage();
        if (version == 0 || version > $.currentVersion) revert UnknownConfigVersion(version);
        return $.policies[version];
    }

    function _thresholdOf(Policy storage policy, uint8 mediaType) private view returns (uint16) {
        if (mediaType == MediaType.IMAGE) return policy.imageThresholdBps;
        if (mediaType == MediaType.VIDEO) return policy.videoThresholdBps;
        if (mediaType == MediaType.AUDIO) return policy.audioThresholdBps;
        revert InvalidMediaType(mediaType);
    }

    function _terms(Policy memory policy) private pure returns (PolicyTerms memory) {
        return PolicyTerms({
            gradeABps: policy.gradeABps,
            gradeBBps: policy.gradeBBps,
            gradeCBps: policy.gradeCBps,
            gradeDBps: policy.gradeDBps,
            requestTimeout: policy.requestTimeout,
            disputeWindow: policy.disputeWindow,
            feeWei: policy.feeWei,
            bondWei: policy.bondWei,
            callbackGasWei: policy.callbackGasWei
        });
    }

    function _storage() private pure returns (PolicyStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
