// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {OracleRegistry} from "../../src/OracleRegistry.sol";
import {PoCHub} from "../../src/PoCHub.sol";
import {PolicyRegistry} from "../../src/PolicyRegistry.sol";
import {PostRegistry} from "../../src/PostRegistry.sol";

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

/// @notice No UUPS implementation; an upgrade to it would be the last.
contract NotUpgradeable {
    function version() external pure returns (uint256) {
        return 3;
    }
}
