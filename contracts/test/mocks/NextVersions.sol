// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {OracleRegistry} from "../../src/OracleRegistry.sol";
import {Platforms} from "../../src/Platforms.sol";
import {PoCHub} from "../../src/PoCHub.sol";
import {PolicyRegistry} from "../../src/PolicyRegistry.sol";
import {PostRegistry} from "../../src/PostRegistry.sol";
import {ResultRoots} from "../../src/ResultRoots.sol";
import {AccountLinks} from "../../src/access/AccountLinks.sol";
import {FraudGuard} from "../../src/disputes/FraudGuard.sol";
import {PoCDisputes} from "../../src/disputes/PoCDisputes.sol";
import {BonusVault} from "../../src/payments/BonusVault.sol";
import {RevenueSplitter} from "../../src/payments/RevenueSplitter.sol";
import {TokenPool} from "../../src/payments/TokenPool.sol";

/// @notice Something only the next version can say.
abstract contract Versioned {
    function version() external pure returns (uint256) {
        return 2;
    }
}

contract PoCHubNext is PoCHub, Versioned {}

contract PostRegistryNext is PostRegistry, Versioned {}

contract OracleRegistryNext is OracleRegistry, Versioned {}

contract PolicyRegistryNext is PolicyRegistry, Versioned {}

contract PlatformsNext is Platforms, Versioned {}

contract ResultRootsNext is ResultRoots, Versioned {}

contract AccountLinksNext is AccountLinks, Versioned {}

contract FraudGuardNext is FraudGuard, Versioned {}

contract PoCDisputesNext is PoCDisputes, Versioned {}

contract BonusVaultNext is BonusVault, Versioned {}

contract RevenueSplitterNext is RevenueSplitter, Versioned {}

contract TokenPoolNext is TokenPool, Versioned {}

/// @notice No UUPS implementation; an upgrade to it would be the last.
contract NotUpgradeable {
    function version() external pure returns (uint256) {
        return 3;
    }
}
