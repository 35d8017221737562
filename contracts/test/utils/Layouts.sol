// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {HubStorage} from "../../src/HubStorage.sol";
import {OracleRegistry} from "../../src/OracleRegistry.sol";
import {Platforms} from "../../src/Platforms.sol";
import {PolicyRegistry} from "../../src/PolicyRegistry.sol";
import {PostRegistry} from "../../src/PostRegistry.sol";
import {ResultRoots} from "../../src/ResultRoots.sol";
import {RequestLimits} from "../../src/RequestLimits.sol";
import {AccountLinks} from "../../src/access/AccountLinks.sol";
import {DisputeStorage} from "../../src/disputes/DisputeStorage.sol";
import {FraudGuard} from "../../src/disputes/FraudGuard.sol";
import {BonusVault} from "../../src/payments/BonusVault.sol";
import {Ledger} from "../../src/payments/Ledger.sol";
import {RevenueSplitter} from "../../src/payments/RevenueSplitter.sol";
import {TokenPool} from "../../src/payments/TokenPool.sol";

/// @notice One variable for each ERC-7201 namespace: the compiler prints the layout of state variables only, and our
/// state lives in structs at fixed slots. tools/storage_layout.py reads it from here.
contract Layouts {
    HubStorage.HubState internal poCHub;
    RequestLimits.LimitStorage internal requestLimits;
    OracleRegistry.OracleStorage internal oracleRegistry;
    Platforms.PlatformStorage internal platforms;
    ResultRoots.RootStorage internal resultRoots;
    PolicyRegistry.PolicyStorage internal policyRegistry;
    PostRegistry.PostStorage internal postRegistry;
    AccountLinks.LinkStorage internal accountLinks;
    Ledger.LedgerStorage internal ledger;
    RevenueSplitter.SplitterStorage internal revenueSplitter;
    TokenPool.PoolStorage internal tokenPool;
    BonusVault.VaultStorage internal bonusVault;
    DisputeStorage.DisputesState internal poCDisputes;
    FraudGuard.GuardStorage internal fraudGuard;
}
