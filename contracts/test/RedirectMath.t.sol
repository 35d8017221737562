// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {RedirectMathView} from "../src/RedirectMathView.sol";
import {IRuleErrors} from "../src/interfaces/IErrors.sol";
import {Check} from "./utils/Check.sol";

/// @notice The formulas over their whole domain.
contract RedirectMathTest is Check {
    RedirectMathView internal rules = new RedirectMathView();

    /// @dev Every similarity there is, under policies at the corners and the default.
    function test_RedirectIsBoundedAndMonotoneEverywhere() external view {
        uint16[4] memory thresholds = [9_500, 5_000, 9_999, 7_000];
        uint16[4] memory bases = [10_000, 3_333, 1, 9_999];
        for (uint256 p; p < 4; ++p) {
            uint256 before;
            for (uint256 s; s <= 10_000; ++s) {
                uint256 bps = rules.redirectBps(s, thresholds[p], bases[p]);
                yes(bps >= before && bps <= bases[p], "monotone and bounded");
                before = bps;
            }
            eq(before, bases[p], "all of the base at 100 %");
        }
    }

    function testFuzz_RedirectIsBoundedAndMonotone(uint256 s, uint256 t, uint256 base) public view {
        s = within(s, 0, 9_999);
        t = within(t, 0, 9_999);
        base = within(base, 0, 10_000);
        uint256 redirect = rules.redirectBps(s, t, base);
        yes(redirect <= base, "at most the base");
        yes(rules.redirectBps(s + 1, t, base) >= redirect, "grows with similarity");
        if (t > 0) yes(rules.redirectBps(s, t - 1, base) >= redirect, "a higher threshold adds no redirect");
        if (s <= t) eq(redirect, 0, "nothing up to the threshold");
        eq(rules.redirectBps(10_000, t, base), base, "all of the base for an exact copy");
    }

    function testFuzz_RedirectFloorsOnce(uint256 s, uint256 t, uint256 base) public view {
        t = within(t, 0, 9_999);
        s = within(s, t, 10_000);
        base = within(base, 0, 10_000);
        uint256 redirect = rules.redirectBps(s, t, base);
        // The floor of base * (s - t) / (10000 - t), stated without a division.
        yes(redirect * (10_000 - t) <= base * (s - t), "not above the exact value");
        yes((redirect + 1) * (10_000 - t) > base * (s - t), "less than one below it");
    }

    function testFuzz_ErrorsComeInOrder(uint256 s, uint256 t, uint256 base) public {
        s = within(s, 0, 20_000);
        t = within(t, 0, 20_000);
        base = within(base, 0, 20_000);
        vm.assume(s > 10_000 || t >= 10_000 || base > 10_000);
        bytes memory expected;
        if (t >= 10_000) expected = abi.encodeWithSelector(IRuleErrors.InvalidThreshold.selector, t);
        else if (s > 10_000) expected = abi.encodeWithSelector(IRuleErrors.SimilarityOutOfRange.selector, s);
        else expected = abi.encodeWithSelector(IRuleErrors.InvalidBase.selector, base);
        vm.expectRevert(expected);
        rules.redirectBps(s, t, base);
    }

    function testFuzz_TierRefusesWhatIsNoSimilarity(uint256 s) public {
        s = within(s, 10_001, type(uint256).max - 1);
        vm.expectRevert(abi.encodeWithSelector(IRuleErrors.SimilarityOutOfRange.selector, s));
        rules.tier(s);
    }

    function testFuzz_SplitLosesNothing(uint256 amount, uint256 redirect) public view {
        redirect = within(redirect, 0, 10_000);
        (uint256 toOriginal, uint256 toPoster) = rules.splitRedirect(amount, redirect);
        eq(toOriginal + toPoster, amount, "parts sum to the whole");
        if (amount < type(uint256).max / 10_000) {
            yes(toOriginal * 10_000 <= amount * redirect, "the accused is never over-charged");
            yes((toOriginal + 1) * 10_000 > amount * redirect, "by less than one unit");
        }
    }

    function testFuzz_TipsLoseNothing(uint256 amount) public view {
        (uint256 first, uint256 owner) = rules.splitCommentTip(amount);
        eq(first + owner, amount, "comment tip");
        yes(owner >= amount / 5, "dust of a comment tip stays with the post owner");
        (first, owner) = rules.splitRepostTip(amount);
        eq(first + owner, amount, "repost tip");
        yes(owner >= first && owner - first <= 1, "dust of a repost tip stays with the post owner");
    }

    function testFuzz_TradeFeesStayUnderTheirShare(uint256 amount) public view {
        amount = within(amount, 0, type(uint256).max / 10_000);
        (uint256 creator, uint256 platform, uint256 ecosystem) = rules.tradeFees(amount);
        eq(creator, amount / 100, "1 %");
        eq(platform, amount / 400, "0.25 %");
        eq(ecosystem, platform, "0.25 %");
    }

    function test_SplitRefusesMoreThanAll() public {
        vm.expectRevert(abi.encodeWithSelector(IRuleErrors.InvalidRedirect.selector, 10_001));
        rules.splitRedirect(1, 10_001);
    }

    function testFuzz_BonusKnowsItsGradesAndOutcomes(uint8 grade, uint8 outcome) public {
        bool validGrade = grade >= 1 && grade <= 5;
        bool validOutcome = outcome >= 1 && outcome <= 7;
        if (!validGrade) {
            vm.expectRevert(abi.encodeWithSelector(IRuleErrors.InvalidGrade.selector, grade));
        } else if (!validOutcome) {
            vm.expectRevert(abi.encodeWithSelector(IRuleErrors.InvalidOutcome.selector, outcome));
        }
        uint256 bonus = rules.bonusBps(grade, outcome);
        if (!validGrade || !validOutcome) return;
        bool copied = outcome == 2 || outcome == 3;
        uint256 full = grade == 1 ? 2_000 : grade == 2 ? 1_000 : 0;
        eq(bonus, copied ? full / 2 : full, "bonus");
    }
}
