// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Managed} from "./Managed.sol";
import {IPolicyErrors, IRuleErrors} from "./interfaces/IErrors.sol";
import {IPolicyRegistry} from "./interfaces/IPolicyRegistry.sol";
import {RedirectMath} from "./libraries/RedirectMath.sol";
import {MediaType} from "./types/Codes.sol";

/// @title Versioned policy
contract PolicyRegistry is IPolicyRegistry, IRuleErrors, IPolicyErrors, Managed {
    /// @notice Lowest threshold governance may set: below half, likeness alone would cost money.
    uint16 public constant MIN_THRESHOLD_BPS = 5_000;
    /// @notice Highest: at 10000 the redirect formula would divide by zero.
    uint16 public constant MAX_THRESHOLD_BPS = 9_999;
    /// @notice Threshold of every media type in version 1.
    uint16 public constant INITIAL_THRESHOLD_BPS = 9_500;

    /// @dev One slot, so that a version costs one write and a decision one read.
    struct Policy {
        uint16 imageThresholdBps;
        uint16 videoThresholdBps;
        uint16 audioThresholdBps;
        uint16 baseRedirectBps;
    }

    /// @custom:storage-location erc7201:creativity.storage.PolicyRegistry
    struct PolicyStorage {
        uint64 currentVersion;
        mapping(uint64 version => Policy) policies;
    }

    // keccak256(abi.encode(uint256(keccak256("creativity.storage.PolicyRegistry")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0xc5bc622c4f03722e5b9ecda5e0af1a4626e359aacbdde23886b6bebb1de3fc00;

    /// @notice Writes version 1: every threshold 9500, base redirect 10000.
    function initialize(address authority_) external initializer {
        _requireAddress(authority_);
        __AccessManaged_init(authority_);
        uint16 threshold = INITIAL_THRESHOLD_BPS;
        uint64 version = _append(Policy(threshold, threshold, threshold, uint16(RedirectMath.BPS)));
        _announceAll(version);
    }

    /// @inheritdoc IPolicyRegistry
    function setThreshold(uint8 mediaType, uint16 thresholdBps) external restricted {
        if (thresholdBps < MIN_THRESHOLD_BPS || thresholdBps > MAX_THRESHOLD_BPS) {
            revert InvalidThreshold(thresholdBps);
        }
        PolicyStorage storage $ = _storage();
        Policy memory next = $.policies[$.currentVersion];
        if (mediaType == MediaType.IMAGE) next.imageThresholdBps = thresholdBps;
        else if (mediaType == MediaType.VIDEO) next.videoThresholdBps = thresholdBps;
        else if (mediaType == MediaType.AUDIO) next.audioThresholdBps = thresholdBps;
        else revert InvalidMediaType(mediaType);
        emit PolicyChanged(_append(next), mediaType, thresholdBps, next.baseRedirectBps);
    }

    /// @inheritdoc IPolicyRegistry
    function setBaseRedirect(uint16 baseRedirectBps) external restricted {
        if (baseRedirectBps > RedirectMath.BPS) revert InvalidBase(baseRedirectBps);
        PolicyStorage storage $ = _storage();
        Policy memory next = $.policies[$.currentVersion];
        next.baseRedirectBps = baseRedirectBps;
        _announceAll(_append(next));
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
        PolicyStorage storage $ = _storage();
        if (version == 0 || version > $.currentVersion) revert UnknownConfigVersion(version);
        Policy memory policy = $.policies[version];
        return (_thresholdOf(policy, mediaType), policy.baseRedirectBps);
    }

    function _append(Policy memory policy) private returns (uint64 version) {
        PolicyStorage storage $ = _storage();
        version = ++$.currentVersion;
        $.policies[version] = policy;
    }

    function _announceAll(uint64 version) private {
        for (uint8 mediaType = MediaType.IMAGE; mediaType <= MediaType.AUDIO; ++mediaType) {
            (uint16 thresholdBps, uint16 baseRedirectBps) = policyAt(version, mediaType);
            emit PolicyChanged(version, mediaType, thresholdBps, baseRedirectBps);
        }
    }

    function _thresholdOf(Policy memory policy, uint8 mediaType) private pure returns (uint16) {
        if (mediaType == MediaType.IMAGE) return policy.imageThresholdBps;
        if (mediaType == MediaType.VIDEO) return policy.videoThresholdBps;
        if (mediaType == MediaType.AUDIO) return policy.audioThresholdBps;
        revert InvalidMediaType(mediaType);
    }

    function _storage() private pure returns (PolicyStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
