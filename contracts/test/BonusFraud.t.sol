// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {PausableUpgradeable} from "@openzeppelin/contracts-upgradeable/utils/PausableUpgradeable.sol";
import {
    IBonusErrors,
    IFraudErrors,
    IMoneyErrors,
    IRuleErrors,
    IUnknownPostError
} from "../src/interfaces/IErrors.sol";
import {IFraudGuard} from "../src/interfaces/IFraudGuard.sol";
import {FreezeStatus, Grade} from "../src/types/Codes.sol";
import {TestToken} from "./mocks/Tokens.sol";
import {Economy} from "./utils/Economy.sol";

/// @notice Pay by grade and outcome, and money that waits but is never taken.
contract BonusFraudTest is Economy {
    bytes32 private constant WEEK = keccak256("2026-W47");
    bytes32 private constant ALERT = keccak256("alert");
    bytes32 private constant STATEMENT = keccak256("what happened");
    address private constant OFFICER = address(0x0FF1CE);

    function setUp() public override {
        super.setUp();
        vm.deal(address(this), 1_000_000);
        vault.fund{value: 1_000_000}(ETHER, 1_000_000);
        manager.grantRole(9, OFFICER, 0);
        bytes4[] memory selectors = new bytes4[](2);
        selectors[0] = IFraudGuard.freezeAccount.selector;
        selectors[1] = IFraudGuard.freezePost.selector;
        manager.setTargetFunctionRole(address(guard), selectors, 9);
    }

    // ---- bonus

    function test_BonusFirstThenRedirectThenPayout() public {
        copy(POST, 9_800);
        makeFinal();
        eq(vault.creditBonus(POST, WEEK, ETHER, 100, Grade.A), 110, "base and bonus");
        owns(FIRST_CREATOR, 66, "60 % of 110");
        owns(CREATOR, 44, "the rest");
        eq(vault.budgetOf(ETHER), 1_000_000 - 110, "budget");
        eq(address(vault).balance, vault.owed(ETHER), "owed is the balance");
        owesWhatItHas();
    }

    function test_BonusesByGradeAndOutcome() public {
        original(POST);
        undecided(keccak256("undecided"), 9_800);
        eq(vault.creditBonus(POST, "a", ETHER, 100, Grade.A), 120, "A, original");
        eq(vault.creditBonus(POST, "b", ETHER, 100, Grade.B), 110, "B, original");
        eq(vault.creditBonus(POST, "c", ETHER, 100, Grade.C), 100, "C");
        eq(vault.creditBonus(keccak256("undecided"), "a", ETHER, 100, Grade.A), 120, "undecided is paid");
    }

    function test_ACopyEarnsHalfTheBonus() public {
        fulfill(derivative(reportFor(ask()), 9_500));
        eq(vault.creditBonus(POST, "a", ETHER, 100, Grade.A), 110, "A, copy");
        eq(vault.creditBonus(POST, "b", ETHER, 100, Grade.B), 105, "B, copy");
    }

    function test_APeriodIsPaidOnceAndWithinTheBudget() public {
        original(POST);
        vault.creditBonus(POST, WEEK, ETHER, 100, Grade.A);
        yes(vault.isPaid(POST, WEEK), "paid");
        vm.expectRevert(abi.encodeWithSelector(IBonusErrors.AlreadyPaid.selector, POST, WEEK));
        vault.creditBonus(POST, WEEK, ETHER, 100, Grade.A);
        vm.expectRevert(
            abi.encodeWithSelector(IBonusErrors.BudgetExceeded.selector, ETHER, 999_880, 1_200_000)
        );
        vault.creditBonus(POST, "x", ETHER, 1_000_000, Grade.A);
        vm.expectRevert(abi.encodeWithSelector(IRuleErrors.InvalidGrade.selector, 6));
        vault.creditBonus(POST, "x", ETHER, 1, 6);
        vm.expectRevert(abi.encodeWithSelector(IUnknownPostError.UnknownPost.selector, WEEK));
        vault.creditBonus(WEEK, WEEK, ETHER, 1, Grade.A);
        vault.pause();
        vm.expectRevert(PausableUpgradeable.EnforcedPause.selector);
        vault.creditBonus(POST, "x", ETHER, 1, Grade.A);
        vault.unpause();
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, FAN));
        vm.prank(FAN);
        vault.creditBonus(POST, "x", ETHER, 1, Grade.A);
    }

    function test_TheBudgetCanBeInATokenAndGoBack() public {
        TestToken token = new TestToken();
        token.mint(address(this), 500);
        token.approve(address(vault), 500);
        vm.expectRevert(abi.encodeWithSelector(IMoneyErrors.TokenNotAllowed.selector, address(token)));
        vault.fund(address(token), 500);
        splitter.setTokenAllowed(address(token), true);
        vault.fund(address(token), 500);
        original(POST);
        vault.creditBonus(POST, WEEK, address(token), 100, Grade.A);
        eq(splitter.claimable(CREATOR, address(token)), 120, "credited");
        vm.expectRevert(
            abi.encodeWithSelector(IBonusErrors.BudgetExceeded.selector, address(token), 380, 381)
        );
        vault.defund(address(token), 381, FAN);
        vault.defund(address(token), 380, FAN);
        eq(vault.budgetOf(address(token)), 0, "no budget");
        vm.prank(FAN);
        vault.withdraw(FAN, address(token), FAN);
        eq(token.balanceOf(FAN), 380, "back");
        eq(token.balanceOf(address(vault)), 0, "empty");
    }

    // ---- freezes

    function test_AFrozenAccountKeepsItsMoneyWhole() public {
        original(POST);
        tip(POST, 100);
        freezeCreator(30 days);
        vm.expectRevert(abi.encodeWithSelector(IMoneyErrors.AccountFrozen.selector, CREATOR));
        vm.prank(CREATOR);
        splitter.withdraw(CREATOR, ETHER, CREATOR);
        tip(POST, 100);
        owns(CREATOR, 200, "whole, and growing");
        guard.resolve(ALERT, false, 0, REASON);
        vm.prank(CREATOR);
        splitter.withdraw(CREATOR, ETHER, CREATOR);
        eq(CREATOR.balance, 200, "all of it");
    }

    function test_SilenceReleases() public {
        original(POST);
        tip(POST, 100);
        freezeCreator(30 days);
        vm.warp(block.timestamp + 30 days - 1);
        yes(guard.isAccountFrozen(CREATOR), "until the last second");
        vm.warp(block.timestamp + 1);
        no(guard.isAccountFrozen(CREATOR), "then free");
        eq(guard.statusOf(ALERT), FreezeStatus.EXPIRED, "expired");
        vm.prank(CREATOR);
        splitter.withdraw(CREATOR, ETHER, CREATOR);
        vm.expectRevert(
            abi.encodeWithSelector(IFraudErrors.FreezeNotOpen.selector, ALERT, FreezeStatus.EXPIRED)
        );
        guard.resolve(ALERT, true, uint40(block.timestamp + 1), REASON);
    }

    function test_AFrozenPostsEarningsWaitAndTheOriginalsDoNot() public {
        copy(POST, 9_800);
        makeFinal();
        vm.prank(OFFICER);
        guard.freezePost(POST, ALERT, STATEMENT, uint40(block.timestamp + 1 days));
        tip(POST, 100);
        eq(splitter.frozenEarnings(POST, ETHER), 40, "poster's waits");
        owns(FIRST_CREATOR, 60, "the original's creator did nothing");
        vm.expectRevert(abi.encodeWithSelector(IMoneyErrors.PostFrozen.selector, POST));
        splitter.releaseFrozen(POST, ETHER);
        vm.warp(block.timestamp + 1 days);
        splitter.releaseFrozen(POST, ETHER);
        owns(CREATOR, 40, "whole");
        vm.expectRevert(abi.encodeWithSelector(IMoneyErrors.NothingHeld.selector, POST, ETHER));
        splitter.releaseFrozen(POST, ETHER);
        owesWhatItHas();
    }

    function test_AnAppealIsFreeAndOnlyTheSubjects() public {
        original(POST);
        freezeCreator(30 days);
        vm.expectRevert(abi.encodeWithSelector(IFraudErrors.NotTheSubject.selector, ALERT, FAN));
        vm.prank(FAN);
        guard.appeal(ALERT, EVIDENCE);
        vm.startPrank(CREATOR);
        vm.expectRevert(abi.encodeWithSelector(IFraudErrors.MissingStatement.selector, ALERT));
        guard.appeal(ALERT, 0);
        guard.appeal(ALERT, EVIDENCE);
        vm.expectRevert(
            abi.encodeWithSelector(IFraudErrors.FreezeNotOpen.selector, ALERT, FreezeStatus.APPEALED)
        );
        guard.appeal(ALERT, EVIDENCE);
        vm.stopPrank();
        eq(guard.freezeOf(ALERT).appealHash, EVIDENCE, "kept");
        vm.prank(OFFICER);
        guard.freezePost(POST, "second", keccak256("another statement"), uint40(block.timestamp + 1));
        vm.prank(CREATOR);
        guard.appeal("second", EVIDENCE);
    }

    function test_WhoFreezesDoesNotDecide() public {
        manager.grantRole(0, OFFICER, 0);
        freezeCreator(30 days);
        vm.expectRevert(abi.encodeWithSelector(IFraudErrors.AccuserCannotDecide.selector, ALERT, OFFICER));
        vm.prank(OFFICER);
        guard.resolve(ALERT, false, 0, REASON);
        vm.expectRevert(abi.encodeWithSelector(IFraudErrors.MissingStatement.selector, ALERT));
        guard.resolve(ALERT, false, 0, 0);
    }

    function test_AnUpheldFreezeEndsAllTheSame() public {
        freezeCreator(30 days);
        uint40 latest = uint40(block.timestamp + 180 days);
        vm.expectRevert(abi.encodeWithSelector(IFraudErrors.InvalidEndDate.selector, latest + 1, latest));
        guard.resolve(ALERT, true, latest + 1, REASON);
        guard.resolve(ALERT, true, latest, REASON);
        eq(guard.statusOf(ALERT), FreezeStatus.UPHELD, "upheld");
        vm.expectRevert(
            abi.encodeWithSelector(IFraudErrors.FreezeNotOpen.selector, ALERT, FreezeStatus.UPHELD)
        );
        guard.resolve(ALERT, true, latest, REASON);
        vm.warp(latest - 1);
        yes(guard.isAccountFrozen(CREATOR), "frozen");
        guard.resolve(ALERT, false, 0, REASON); // a later reversal is always possible
        no(guard.isAccountFrozen(CREATOR), "free");
        vm.expectRevert(
            abi.encodeWithSelector(IFraudErrors.FreezeNotOpen.selector, ALERT, FreezeStatus.RELEASED)
        );
        guard.resolve(ALERT, false, 0, REASON);
    }

    function test_AFreezeHasAStatementAnEndAndComesOnce() public {
        vm.startPrank(OFFICER);
        uint40 soon = uint40(block.timestamp + 1);
        vm.expectRevert(abi.encodeWithSelector(IFraudErrors.MissingStatement.selector, ALERT));
        guard.freezeAccount(CREATOR, ALERT, 0, soon);
        vm.expectRevert(abi.encodeWithSelector(IFraudErrors.MissingStatement.selector, bytes32(0)));
        guard.freezeAccount(CREATOR, 0, STATEMENT, soon);
        uint40 latest = uint40(block.timestamp + 30 days);
        vm.expectRevert(abi.encodeWithSelector(IFraudErrors.InvalidEndDate.selector, latest + 1, latest));
        guard.freezeAccount(CREATOR, ALERT, STATEMENT, latest + 1);
        vm.expectRevert(abi.encodeWithSelector(IFraudErrors.InvalidEndDate.selector, block.timestamp, latest));
        guard.freezeAccount(CREATOR, ALERT, STATEMENT, uint40(block.timestamp));
        vm.expectRevert(abi.encodeWithSelector(IFraudErrors.UnknownSubject.selector, POST));
        guard.freezePost(POST, ALERT, STATEMENT, soon);
        guard.freezeAccount(CREATOR, ALERT, STATEMENT, soon);
        vm.expectRevert(abi.encodeWithSelector(IFraudErrors.AlertUsed.selector, ALERT));
        guard.freezeAccount(CREATOR, ALERT, STATEMENT, soon);
        vm.expectRevert(abi.encodeWithSelector(IFraudErrors.StatementUsed.selector, STATEMENT));
        guard.freezeAccount(FAN, "2", STATEMENT, soon);
        bytes32 subject = bytes32(uint256(uint160(CREATOR)));
        vm.expectRevert(abi.encodeWithSelector(IFraudErrors.AlreadyFrozen.selector, subject, ALERT));
        guard.freezeAccount(CREATOR, "2", "other", soon);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, FAN));
        vm.prank(FAN);
        guard.freezeAccount(CREATOR, "2", "other", soon);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, FAN));
        vm.prank(FAN);
        guard.resolve(ALERT, false, 0, REASON);
    }

    function freezeCreator(uint40 forSeconds) private {
        vm.expectEmit(address(guard));
        emit IFraudGuard.Frozen(
            ALERT,
            bytes32(uint256(uint160(CREATOR))),
            OFFICER,
            false,
            STATEMENT,
            uint40(block.timestamp) + forSeconds
        );
        vm.prank(OFFICER);
        guard.freezeAccount(CREATOR, ALERT, STATEMENT, uint40(block.timestamp) + forSeconds);
    }
}
