// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PolicyTerms} from "../types/Policy.sol";

/// @title Versioned policy
/// @notice A decision stays under the policy it was made under. Every change, of whatever it says, is a new version,
/// and counts for later requests only.
interface IPolicyRegistry {
    /// @notice One line per media type the new version says something about.
    event PolicyChanged(
        uint64 indexed version, uint8 indexed mediaType, uint16 thresholdBps, uint16 baseRedirectBps
    );
    /// @notice The new version has other terms; thresholds and base redirect are those of the version before.
    event TermsChanged(uint64 indexed version, PolicyTerms terms);

    /// @notice Makes a new version with another threshold for one media type.
    /// @param mediaType 1 image, 2 video, 3 audio.
    /// @param thresholdBps 5000..9999.
    function setThreshold(uint8 mediaType, uint16 thresholdBps) external;

    /// @notice Makes a new version with another base redirect.
    /// @param baseRedirectBps 0..10000.
    function setBaseRedirect(uint16 baseRedirectBps) external;

    /// @notice Makes a new version with other grades.
    /// @param gradeABps Lowest score of an A, at most 10000; the others descend strictly, and D is above zero.
    function setGradeCutoffs(uint16 gradeABps, uint16 gradeBBps, uint16 gradeCBps, uint16 gradeDBps) external;

    /// @notice Makes a new version with other terms of requests.
    /// @param feeWei At most 1 ether.
    /// @param timeout 5 minutes to 30 days, in seconds.
    function setRequestTerms(uint96 feeWei, uint32 timeout) external;

    /// @notice Makes a new version with another price of callback gas.
    /// @param weiPerGas At most 1000 gwei.
    function setCallbackPrice(uint64 weiPerGas) external;

    /// @notice Makes a new version with other terms of disputes.
    /// @param window 1 hour to 90 days, in seconds.
    /// @param bondWei Of the second round; more than zero, at most 1 ether.
    function setDisputeTerms(uint32 window, uint96 bondWei) external;

    /// @notice The version that new requests are made under. The first is 1.
    function currentVersion() external view returns (uint64);

    /// @notice The policy of a version for a media type.
    /// @dev Reverts with UnknownConfigVersion or InvalidMediaType.
    function policyAt(uint64 version, uint8 mediaType)
        external
        view
        returns (uint16 thresholdBps, uint16 baseRedirectBps);

    /// @notice What decides about a result: `policyAt`, the seconds it can be contested, and when the version ended; zero
    /// while it is in force.
    function decisionTerms(uint64 version, uint8 mediaType)
        external
        view
        returns (uint16 thresholdBps, uint16 baseRedirectBps, uint32 disputeWindow, uint40 endedAt);

    /// @notice What a request made now is made under.
    function requestTerms()
        external
        view
        returns (uint64 version, uint96 feeWei, uint32 timeout, uint64 callbackGasWei);

    /// @notice All that a version says besides thresholds and base redirect.
    function termsAt(uint64 version) external view returns (PolicyTerms memory);

    /// @notice Grade of an engagement score under a version: 1 (A) to 5 (F); a score at a cut-off has the better one.
    /// @param scoreBps 0..10000.
    function gradeOf(uint64 version, uint16 scoreBps) external view returns (uint8);
}
