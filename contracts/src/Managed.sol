// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    AccessManagedUpgradeable
} from "@openzeppelin/contracts-upgradeable/access/manager/AccessManagedUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {IWiringErrors} from "./interfaces/IErrors.sol";

/// @title What every contract here shares
/// @notice Upgradeable in place, and governed by one AccessManager. State lives in ERC-7201 namespaces only.
abstract contract Managed is AccessManagedUpgradeable, UUPSUpgradeable, IWiringErrors {
    /// @dev The implementation behind the proxies is never initialised itself.
    constructor() {
        _disableInitializers();
    }

    /// @dev The permission checked is that of `upgradeToAndCall`, the function that entered the contract.
    function _authorizeUpgrade(address) internal override restricted {}

    function _requireAddress(address account) internal pure {
        if (account == address(0)) revert ZeroAddress();
    }
}
