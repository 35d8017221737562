// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IPolicyErrors, IRuleErrors} from "../src/interfaces/IErrors.sol";
import {IPolicyRegistry} from "../src/interfaces/IPolicyRegistry.sol";
import {System} from "./utils/System.sol";

/// @notice Policy versions.
contract PolicyRegistryTest is System {
    function test_VersionOneIsTheDefault() public view {
        eq(policy.currentVersion(), 1, "version");
        for (uint8 mediaType = 1; mediaType <= 3; ++mediaType) {
            is_(1, mediaType, 9_500, 10_000);
        }
    }

    function test_AChangeIsANewVersionAndTheOldOneStays() public {
        vm.expectEmit(address(policy));
        emit IPolicyRegistry.PolicyChanged(2, 2, 8_000, 10_000);
        policy.setThreshold(2, 8_000);
        policy.setBaseRedirect(5_000);
        eq(policy.currentVersion(), 3, "version");
        is_(1, 2, 9_500, 10_000);
        is_(2, 1, 9_500, 10_000);
        is_(2, 2, 8_000, 10_000);
        is_(3, 2, 8_000, 5_000);
        is_(3, 3, 9_500, 5_000);
    }

    function testFuzz_ThresholdsStayInRange(uint8 mediaType, uint16 threshold) public {
        bool validMedia = mediaType >= 1 && mediaType <= 3;
        bool validThreshold = threshold >= 5_000 && threshold <= 9_999;
        if (!validThreshold) {
            vm.expectRevert(abi.encodeWithSelector(IRuleErrors.InvalidThreshold.selector, threshold));
        } else if (!validMedia) {
            vm.expectRevert(abi.encodeWithSelector(IRuleErrors.InvalidMediaType.selector, mediaType));
        }
        policy.setThreshold(mediaType, threshold);
        eq(policy.currentVersion(), validMedia && validThreshold ? 2 : 1, "version");
    }

    function test_ThresholdEdges() public {
        policy.setThreshold(1, 5_000);
        policy.setThreshold(1, 9_999);
        is_(3, 1, 9_999, 10_000);
        vm.expectRevert(abi.encodeWithSelector(IRuleErrors.InvalidThreshold.selector, 4_999));
        policy.setThreshold(1, 4_999);
        vm.expectRevert(abi.encodeWithSelector(IRuleErrors.InvalidThreshold.selector, 10_000));
        policy.setThreshold(1, 10_000);
        vm.expectRevert(abi.encodeWithSelector(IRuleErrors.InvalidMediaType.selector, 4));
        policy.setThreshold(4, 9_500);
    }

    function testFuzz_BaseStaysInRange(uint16 base) public {
        if (base > 10_000) vm.expectRevert(abi.encodeWithSelector(IRuleErrors.InvalidBase.selector, base));
        policy.setBaseRedirect(base);
        if (base <= 10_000) is_(2, 1, 9_500, base);
    }

    function testFuzz_UnknownVersionsAndMediaAreNamed(uint64 version, uint8 mediaType) public {
        vm.assume(version != 1);
        vm.expectRevert(abi.encodeWithSelector(IPolicyErrors.UnknownConfigVersion.selector, version));
        policy.policyAt(version, 1);
        if (mediaType == 0 || mediaType > 3) {
            vm.expectRevert(abi.encodeWithSelector(IRuleErrors.InvalidMediaType.selector, mediaType));
            policy.policyAt(1, mediaType);
        }
    }

    function test_OnlyGovernanceChangesPolicy() public {
        bytes memory refused =
            abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, CREATOR);
        vm.startPrank(CREATOR);
        vm.expectRevert(refused);
        policy.setThreshold(1, 9_000);
        vm.expectRevert(refused);
        policy.setBaseRedirect(9_000);
        vm.stopPrank();
    }

    function is_(uint64 version, uint8 mediaType, uint256 threshold, uint256 base) private view {
        (uint16 actualThreshold, uint16 actualBase) = policy.policyAt(version, mediaType);
        eq(actualThreshold, threshold, "threshold");
        eq(actualBase, base, "base");
    }
}
