// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Versioned policy
/// @notice A decision stays under the policy it was made under; a change is a new version.
interface IPolicyRegistry {
    /// @notice One line per media type the new version says something about.
    event PolicyChanged(
        uint64 indexed version, uint8 indexed mediaType, uint16 thresholdBps, uint16 baseRedirectBps
    );

    /// @notice Makes a new version with another threshold for one media type.
    /// @param mediaType 1 image, 2 video, 3 audio.
    /// @param thresholdBps 5000..9999.
    function setThreshold(uint8 mediaType, uint16 thresholdBps) external;

    /// @notice Makes a new version with another base redirect.
    /// @param baseRedirectBps 0..10000.
    function setBaseRedirect(uint16 baseRedirectBps) external;

    /// @notice The version that new requests are made under. The first is 1.
    function currentVersion() external view returns (uint64);

    /// @notice The policy of a version for a media type.
    /// @dev Reverts with UnknownConfigVersion or InvalidMediaType.
    function policyAt(uint64 version, uint8 mediaType)
        external
        view
        returns (uint16 thresholdBps, uint16 baseRedirectBps);
}
