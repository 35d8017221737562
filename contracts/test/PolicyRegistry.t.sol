// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IPolicyErrors, IRuleErrors} from "../src/interfaces/IErrors.sol";
import {IPolicyRegistry} from "../src/interfaces/IPolicyRegistry.sol";
import {PolicyTerms} from "../src/types/Policy.sol";
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
        vm.expectRevert(refused);
        policy.setGradeCutoffs(4, 3, 2, 1);
        vm.expectRevert(refused);
        policy.setRequestTerms(0, 1 days);
        vm.expectRevert(refused);
        policy.setDisputeTerms(1 days, 1);
        vm.stopPrank();
    }

    // ---- terms

    function test_TheFirstTerms() public view {
        PolicyTerms memory terms = policy.termsAt(1);
        same(terms, PolicyTerms(8_000, 6_500, 5_000, 3_500, 1 days, 7 days, 0, 0.01 ether, 1 gwei));
    }

    function test_EveryChangeIsAVersionAndTheOldTermsStay() public {
        PolicyTerms memory graded = PolicyTerms(9_000, 7_000, 5_000, 1, 1 days, 7 days, 0, 0.01 ether, 1 gwei);
        vm.expectEmit(address(policy));
        emit IPolicyRegistry.TermsChanged(2, graded);
        policy.setGradeCutoffs(9_000, 7_000, 5_000, 1);
        policy.setRequestTerms(3, 1 hours);
        policy.setDisputeTerms(2 days, 5);
        policy.setThreshold(1, 9_000);
        policy.setBaseRedirect(9_000);
        eq(policy.currentVersion(), 6, "five changes");
        same(
            policy.termsAt(1), PolicyTerms(8_000, 6_500, 5_000, 3_500, 1 days, 7 days, 0, 0.01 ether, 1 gwei)
        );
        same(policy.termsAt(2), graded);
        same(policy.termsAt(3), PolicyTerms(9_000, 7_000, 5_000, 1, 1 hours, 7 days, 3, 0.01 ether, 1 gwei));
        same(policy.termsAt(6), PolicyTerms(9_000, 7_000, 5_000, 1, 1 hours, 2 days, 3, 5, 1 gwei));
        is_(4, 1, 9_500, 10_000);
        is_(5, 1, 9_000, 10_000);
        is_(6, 1, 9_000, 9_000);
        (,, uint32 window,) = policy.decisionTerms(3, 1);
        eq(window, 7 days, "before");
        (,, window,) = policy.decisionTerms(4, 1);
        eq(window, 2 days, "after");
        vm.expectRevert(abi.encodeWithSelector(IPolicyErrors.UnknownConfigVersion.selector, 7));
        policy.termsAt(7);
    }

    function testFuzz_CutoffsDescend(uint16 a, uint16 b, uint16 c, uint16 d, bool sound) public {
        if (sound) {
            (a, b) = (uint16(within(a, 4, 10_000)), uint16(within(b, 3, 10_000)));
            b = uint16(within(b, 3, a - 1));
            c = uint16(within(c, 2, b - 1));
            d = uint16(within(d, 1, c - 1));
        }
        bool valid = a <= 10_000 && a > b && b > c && c > d && d > 0;
        if (!valid) {
            vm.expectRevert(abi.encodeWithSelector(IPolicyErrors.InvalidCutoffs.selector, a, b, c, d));
        }
        policy.setGradeCutoffs(a, b, c, d);
        eq(policy.currentVersion(), valid ? 2 : 1, "version");
        if (sound) yes(valid, "every sound set is taken");
    }

    function testFuzz_TheGradeIsTheBestWhoseCutoffIsReached(uint16 score) public {
        score = uint16(within(score, 0, 10_000));
        uint8 expected = score >= 8_000 ? 1 : score >= 6_500 ? 2 : score >= 5_000 ? 3 : score >= 3_500 ? 4 : 5;
        eq(policy.gradeOf(1, score), expected, "grade");
        policy.setGradeCutoffs(10_000, 3, 2, 1);
        eq(policy.gradeOf(1, score), expected, "an old version keeps its grades");
    }

    function test_GradeEdges() public {
        uint16[5] memory edges = [8_000, 6_500, 5_000, 3_500, 0];
        for (uint8 i; i < 5; ++i) {
            eq(policy.gradeOf(1, edges[i]), i + 1, "at");
            if (i < 4) eq(policy.gradeOf(1, edges[i] - 1), i + 2, "below");
        }
        vm.expectRevert(abi.encodeWithSelector(IPolicyErrors.ScoreOutOfRange.selector, 10_001));
        policy.gradeOf(1, 10_001);
        vm.expectRevert(abi.encodeWithSelector(IPolicyErrors.UnknownConfigVersion.selector, 0));
        policy.gradeOf(0, 1);
    }

    function test_TermsStayInRange() public {
        vm.expectRevert(abi.encodeWithSelector(IPolicyErrors.FeeTooHigh.selector, 1 ether + 1, 1 ether));
        policy.setRequestTerms(1 ether + 1, 1 days);
        vm.expectRevert(abi.encodeWithSelector(IPolicyErrors.InvalidRequestTimeout.selector, 299));
        policy.setRequestTerms(0, 299);
        vm.expectRevert(abi.encodeWithSelector(IPolicyErrors.InvalidRequestTimeout.selector, 30 days + 1));
        policy.setRequestTerms(0, 30 days + 1);
        vm.expectRevert(abi.encodeWithSelector(IPolicyErrors.InvalidDisputeWindow.selector, 1 hours - 1));
        policy.setDisputeTerms(1 hours - 1, 1);
        vm.expectRevert(abi.encodeWithSelector(IPolicyErrors.InvalidDisputeWindow.selector, 90 days + 1));
        policy.setDisputeTerms(90 days + 1, 1);
        vm.expectRevert(abi.encodeWithSelector(IPolicyErrors.InvalidBond.selector, 0, 1 ether));
        policy.setDisputeTerms(1 hours, 0);
        vm.expectRevert(abi.encodeWithSelector(IPolicyErrors.InvalidBond.selector, 1 ether + 1, 1 ether));
        policy.setDisputeTerms(1 hours, 1 ether + 1);
        policy.setRequestTerms(1 ether, 300);
        policy.setRequestTerms(1 ether, 30 days);
        policy.setDisputeTerms(1 hours, 1 ether);
        policy.setDisputeTerms(90 days, 1);
        eq(policy.currentVersion(), 5, "the edges are taken");
    }

    function same(PolicyTerms memory actual, PolicyTerms memory expected) private pure {
        eq(abi.encode(actual), abi.encode(expected), "terms");
    }

    function is_(uint64 version, uint8 mediaType, uint256 threshold, uint256 base) private view {
        (uint16 actualThreshold, uint16 actualBase) = policy.policyAt(version, mediaType);
        eq(actualThreshold, threshold, "threshold");
        eq(actualBase, base, "base");
    }
}
