// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {ERC1967Utils} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Utils.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {SlotDerivation} from "@openzeppelin/contracts/utils/SlotDerivation.sol";
import {OracleRegistry} from "../src/OracleRegistry.sol";
import {PoCHub} from "../src/PoCHub.sol";
import {IWiringErrors} from "../src/interfaces/IErrors.sol";
import {PoCReport} from "../src/types/Reports.sol";
import {
    NotUpgradeable,
    OracleRegistryNext,
    PoCHubNext,
    PolicyRegistryNext,
    PostRegistryNext,
    Versioned
} from "./mocks/NextVersions.sol";
import {System} from "./utils/System.sol";

/// @notice Upgrades keep state, and only governance makes them.
contract UpgradeTest is System {
    using SlotDerivation for string;

    function test_UpgradesKeepState() public {
        setFee(9);
        policy.setThreshold(1, 9_000);
        fulfill(derivative(reportFor(ask()), 9_900));
        bytes32 open = ask();
        bytes32 hubBefore = keccak256(abi.encode(hub.getRequest(open), hub.fee(), hub.claimable(TRANSMITTER)));
        bytes32 postsBefore = keccak256(abi.encode(posts.resultOf(POST), posts.hub(), posts.policy()));

        upgrade(address(hub), address(new PoCHubNext()));
        upgrade(address(posts), address(new PostRegistryNext()));
        upgrade(address(oracles), address(new OracleRegistryNext()));
        upgrade(address(policy), address(new PolicyRegistryNext()));

        eq(
            keccak256(abi.encode(hub.getRequest(open), hub.fee(), hub.claimable(TRANSMITTER))),
            hubBefore,
            "hub"
        );
        eq(keccak256(abi.encode(posts.resultOf(POST), posts.hub(), posts.policy())), postsBefore, "posts");
        eq(policy.currentVersion(), 3, "policy");
        yes(oracles.isSigner(vm.addr(KEY)), "signers");
        // And a request made before is answered after.
        fulfill(reportFor(open));
        yes(posts.hasBadge(POST), "badge");
    }

    function test_OnlyGovernanceUpgrades() public {
        address next = address(new PoCHubNext());
        vm.prank(CREATOR);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, CREATOR));
        hub.upgradeToAndCall(next, "");
    }

    function test_AnUpgradeThatWouldBeTheLastIsRefused() public {
        address last = address(new NotUpgradeable());
        vm.expectRevert(abi.encodeWithSelector(ERC1967Utils.ERC1967InvalidImplementation.selector, last));
        hub.upgradeToAndCall(last, "");
    }

    function test_NothingIsInitialisedTwice() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        hub.initialize(CREATOR, CREATOR, CREATOR, CREATOR, CREATOR);
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        posts.initialize(CREATOR, CREATOR, CREATOR);
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        policy.initialize(CREATOR);
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        oracles.initialize(CREATOR, new address[](0), 0, 0);
    }

    function test_AnImplementationIsNobodys() public {
        PoCHub implementation = new PoCHub();
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        implementation.initialize(CREATOR, CREATOR, CREATOR, CREATOR, CREATOR);
        vm.expectRevert(UUPSUpgradeable.UUPSUnauthorizedCallContext.selector);
        implementation.upgradeToAndCall(address(implementation), "");
    }

    function test_NoModuleIsZero() public {
        PoCHub implementation = new PoCHub();
        for (uint256 missing; missing < 5; ++missing) {
            address[5] memory wired = [CREATOR, CREATOR, CREATOR, CREATOR, CREATOR];
            wired[missing] = address(0);
            bytes memory init =
                abi.encodeCall(PoCHub.initialize, (wired[0], wired[1], wired[2], wired[3], wired[4]));
            vm.expectRevert(IWiringErrors.ZeroAddress.selector);
            proxy(address(implementation), init);
        }
    }

    /// @dev The first word of each namespace holds an address or counter that is known here: were a constant
    /// not the ERC-7201 slot of its annotation, the word would be empty.
    function test_StateLivesInItsNamespace() public {
        ask();
        eq(word(address(hub), "creativity.storage.PoCHub") & low(160), uint160(address(oracles)), "hub");
        eq(word(address(posts), "creativity.storage.PostRegistry") & low(160), uint160(address(hub)), "posts");
        eq(word(address(oracles), "creativity.storage.OracleRegistry") & low(64), 1, "oracles");
        eq(word(address(policy), "creativity.storage.PolicyRegistry") & low(64), 1, "policy");
        for (uint256 slot; slot < 8; ++slot) {
            eq(vm.load(address(hub), bytes32(slot)), 0, "nothing outside");
            eq(vm.load(address(posts), bytes32(slot)), 0, "nothing outside");
        }
    }

    function upgrade(address target, address implementation) private {
        UUPSUpgradeable(target).upgradeToAndCall(implementation, "");
        eq(Versioned(target).version(), 2, "upgraded");
    }

    function word(address target, string memory namespace) private view returns (uint256) {
        return uint256(vm.load(target, namespace.erc7201Slot()));
    }

    function low(uint256 bits) private pure returns (uint256) {
        return (1 << bits) - 1;
    }
}
