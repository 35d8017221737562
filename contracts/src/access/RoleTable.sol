// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {ManagedPausable} from "../ManagedPausable.sol";
import {RequestLimits} from "../RequestLimits.sol";
import {IAccountLinks} from "../interfaces/IAccountLinks.sol";
import {ICorrections} from "../interfaces/ICorrections.sol";
import {IBonusVault} from "../interfaces/IBonusVault.sol";
import {IFraudGuard} from "../interfaces/IFraudGuard.sol";
import {IOracleRegistry} from "../interfaces/IOracleRegistry.sol";
import {IPoCDisputes} from "../interfaces/IPoCDisputes.sol";
import {IPolicyRegistry} from "../interfaces/IPolicyRegistry.sol";
import {IPostRegistry} from "../interfaces/IPostRegistry.sol";
import {IResultRoots} from "../interfaces/IResultRoots.sol";
import {IRevenueSplitter} from "../interfaces/IRevenueSplitter.sol";
import {Roles} from "./Roles.sol";

/// @title Which role may call what
/// @notice The one place with the table, in the form the AccessManager takes it; the deployment and the tests read it
/// here. Holds no state and no right.
contract RoleTable {
    /// @notice The contracts of one system.
    struct System {
        address hub;
        address oracles;
        address policy;
        address posts;
        address links;
        address guard;
        address splitter;
        address pool;
        address disputes;
        address vault;
        address platforms;
        address roots;
    }

    /// @notice Who gets which role, and how long what they do can be seen coming, in seconds.
    struct Officers {
        address governor;
        address guardian;
        address oracleAdmin;
        address arbiter;
        address fraudOfficer;
        address upgrader;
        address paymaster;
        // Another person than the arbiter: who ruled once does not rule on the appeal.
        address secondArbiter;
        // Another key than the signers': their attestations of wallets take both.
        address registrar;
        uint32 governanceDelay;
        uint32 upgradeDelay;
    }

    /// @notice Calls for `AccessManager.multicall` that give each restricted function its role.
    function functionRoles(System calldata s) external pure returns (bytes[] memory calls) {
        calls = new bytes[](40);
        uint256 n;
        address[12] memory all = [
            s.hub,
            s.oracles,
            s.policy,
            s.posts,
            s.links,
            s.guard,
            s.splitter,
            s.pool,
            s.disputes,
            s.vault,
            s.platforms,
            s.roots
        ];
        for (uint256 i; i < all.length; ++i) {
            calls[n++] = _one(all[i], UUPSUpgradeable.upgradeToAndCall.selector, Roles.UPGRADER);
        }
        address[4] memory pausable = [s.hub, s.splitter, s.pool, s.vault];
        for (uint256 i; i < pausable.length; ++i) {
            calls[n++] = _two(
                pausable[i], ManagedPausable.pause.selector, ManagedPausable.unpause.selector, Roles.GUARDIAN
            );
        }
        calls[n++] = _one(s.oracles, IOracleRegistry.revokeSigner.selector, Roles.GUARDIAN);
        calls[n++] = _two(
            s.oracles,
            IOracleRegistry.setSigners.selector,
            IOracleRegistry.setHub.selector,
            Roles.ORACLE_ADMIN
        );
        calls[n++] = _one(s.hub, RequestLimits.setOpenRequestsCap.selector, Roles.GOVERNANCE);
        calls[n++] = _two(
            s.policy,
            IPolicyRegistry.setThreshold.selector,
            IPolicyRegistry.setBaseRedirect.selector,
            Roles.GOVERNANCE
        );
        calls[n++] = _two(
            s.policy,
            IPolicyRegistry.setRequestTerms.selector,
            IPolicyRegistry.setDisputeTerms.selector,
            Roles.GOVERNANCE
        );
        calls[n++] = _two(
            s.policy,
            IPolicyRegistry.setGradeCutoffs.selector,
            IPolicyRegistry.setCallbackPrice.selector,
            Roles.GOVERNANCE
        );
        calls[n++] = _two(
            s.posts, IPostRegistry.setDisputes.selector, IPostRegistry.setRoots.selector, Roles.GOVERNANCE
        );
        calls[n++] = _one(s.roots, IResultRoots.revokeRoot.selector, Roles.GUARDIAN);
        calls[n++] =
            _two(s.links, IAccountLinks.relink.selector, IAccountLinks.setLinkCap.selector, Roles.GOVERNANCE);
        calls[n++] = _one(s.links, IAccountLinks.complete.selector, Roles.REGISTRAR);
        calls[n++] = _one(s.links, IAccountLinks.veto.selector, Roles.GUARDIAN);
        calls[n++] = _two(
            s.splitter,
            IRevenueSplitter.setTokenAllowed.selector,
            IRevenueSplitter.setTreasuries.selector,
            Roles.GOVERNANCE
        );
        calls[n++] = _two(s.disputes, IPoCDisputes.rule.selector, IPoCDisputes.review.selector, Roles.ARBITER);
        calls[n++] =
            _two(s.disputes, ICorrections.propose.selector, ICorrections.upholdClaim.selector, Roles.ARBITER);
        calls[n++] = _one(s.disputes, ICorrections.rejectClaim.selector, Roles.ARBITER);
        calls[n++] = _one(s.disputes, ICorrections.vetoCorrection.selector, Roles.GUARDIAN);
        calls[n++] = _one(s.disputes, ICorrections.claimOnWord.selector, Roles.PLATFORM);
        calls[n++] = _one(s.guard, IFraudGuard.resolve.selector, Roles.ARBITER);
        calls[n++] = _two(
            s.guard, IFraudGuard.freezeAccount.selector, IFraudGuard.freezePost.selector, Roles.FRAUD_OFFICER
        );
        calls[n++] = _one(s.vault, IBonusVault.creditBonus.selector, Roles.PAYMASTER);
        calls[n++] = _one(s.vault, IBonusVault.defund.selector, Roles.GOVERNANCE);
        assembly {
            mstore(calls, n)
        }
    }

    /// @notice Calls for `AccessManager.multicall` that give the officers their roles, and the guardian its veto.
    function officerRoles(Officers calldata o) external pure returns (bytes[] memory calls) {
        calls = new bytes[](12);
        calls[0] = _grant(Roles.GOVERNANCE, o.governor, o.governanceDelay);
        calls[1] = _grant(Roles.GUARDIAN, o.guardian, 0);
        calls[2] = _grant(Roles.ORACLE_ADMIN, o.oracleAdmin, o.governanceDelay);
        calls[3] = _grant(Roles.ARBITER, o.arbiter, 0);
        calls[4] = _grant(Roles.FRAUD_OFFICER, o.fraudOfficer, 0);
        calls[5] = _grant(Roles.UPGRADER, o.upgrader, o.upgradeDelay);
        calls[6] = _grant(Roles.PAYMASTER, o.paymaster, 0);
        // What was scheduled under these roles the guardian may cancel.
        calls[7] = _guarded(Roles.GOVERNANCE);
        calls[8] = _guarded(Roles.ORACLE_ADMIN);
        calls[9] = _guarded(Roles.UPGRADER);
        calls[10] = _grant(Roles.ARBITER, o.secondArbiter, 0);
        calls[11] = _grant(Roles.REGISTRAR, o.registrar, 0);
    }

    function _one(address target, bytes4 selector, uint64 role) private pure returns (bytes memory) {
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = selector;
        return abi.encodeCall(IAccessManager.setTargetFunctionRole, (target, selectors, role));
    }

    function _two(address target, bytes4 first, bytes4 second, uint64 role)
        private
        pure
        returns (bytes memory)
    {
        bytes4[] memory selectors = new bytes4[](2);
        selectors[0] = first;
        selectors[1] = second;
        return abi.encodeCall(IAccessManager.setTargetFunctionRole, (target, selectors, role));
    }

    function _grant(uint64 role, address account, uint32 delay) private pure returns (bytes memory) {
        return abi.encodeCall(IAccessManager.grantRole, (role, account, delay));
    }

    function _guarded(uint64 role) private pure returns (bytes memory) {
        return abi.encodeCall(IAccessManager.setRoleGuardian, (role, Roles.GUARDIAN));
    }
}
