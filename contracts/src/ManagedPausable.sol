// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PausableUpgradeable} from "@openzeppelin/contracts-upgradeable/utils/PausableUpgradeable.sol";
import {Managed} from "./Managed.sol";

/// @title What the guardian can stop
/// @notice A pause stops new business only. What is owed stays claimable, and clocks of disputes run on.
abstract contract ManagedPausable is Managed, PausableUpgradeable {
    /// @notice Stops new business.
    function pause() external restricted {
        _pause();
    }

    /// @notice Lets new business in again.
    function unpause() external restricted {
        _unpause();
    }
}
