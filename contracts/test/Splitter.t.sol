// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {PausableUpgradeable} from "@openzeppelin/contracts-upgradeable/utils/PausableUpgradeable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IMoneyErrors, IUnknownPostError, IWiringErrors} from "../src/interfaces/IErrors.sol";
import {IRevenueSplitter} from "../src/interfaces/IRevenueSplitter.sol";
import {Outcome, PostStatus, Revenue} from "../src/types/Codes.sol";
import {HostileToken, Payee, TestToken} from "./mocks/Tokens.sol";
import {Economy} from "./utils/Economy.sol";

/// @notice Every unit that comes in belongs to somebody, and nobody can keep it from them.
contract SplitterTest is Economy {
    address private constant COMMENTER = address(0xC0);

    // ---- tips

    function test_ATipForACopySplitsByItsRedirect() public {
        copy(POST, 9_800);
        makeFinal();
        vm.expectEmit(address(splitter));
        emit IRevenueSplitter.RevenueSplit(POST, FAN, ETHER, Revenue.TIP, 100, 60, 40, false, false);
        tip(POST, 100);
        owns(FIRST_CREATOR, 60, "original's");
        owns(CREATOR, 40, "poster's");
        owesWhatItHas();
    }

    function test_WhileContestableTheRedirectedShareWaitsAndTheRestDoesNot() public {
        copy(POST, 9_800);
        tip(POST, 100);
        owns(FIRST_CREATOR, 0, "original's waits");
        owns(CREATOR, 40, "poster's does not");
        eq(splitter.contested(POST, ETHER), 60, "held");
        vm.expectRevert(
            abi.encodeWithSelector(IMoneyErrors.ResultNotFinal.selector, POST, PostStatus.PROVISIONAL)
        );
        splitter.payContested(POST, ETHER);
        makeFinal();
        vm.expectEmit(address(splitter));
        emit IRevenueSplitter.ContestedPaid(POST, ETHER, FIRST_CREATOR, 60, 0, false);
        splitter.payContested(POST, ETHER);
        owns(FIRST_CREATOR, 60, "original's");
        eq(splitter.contested(POST, ETHER), 0, "nothing held");
        vm.expectRevert(abi.encodeWithSelector(IMoneyErrors.NothingHeld.selector, POST, ETHER));
        splitter.payContested(POST, ETHER);
        owesWhatItHas();
    }

    function test_AnOriginalKeepsItAllAtOnce() public {
        original(POST);
        tip(POST, 100);
        owns(CREATOR, 100, "all");
        eq(splitter.contested(POST, ETHER), 0, "nothing held");
    }

    function test_DustStaysWithThePoster() public {
        copy(POST, 9_501);
        makeFinal();
        tip(POST, 499); // 20 bps of 499 is 0.998
        owns(FIRST_CREATOR, 0, "floored");
        owns(CREATOR, 499, "dust");
    }

    function test_CommentAndRepostTipsSplitFirstAndRedirectTheOwnersPart() public {
        copy(POST, 9_800);
        makeFinal();
        vm.deal(FAN, 2_000);
        vm.startPrank(FAN);
        splitter.tipComment{value: 1_000}(POST, COMMENTER, ETHER, 1_000);
        owns(COMMENTER, 800, "commenter");
        owns(FIRST_CREATOR, 120, "60 % of 200");
        owns(CREATOR, 80, "40 % of 200");
        splitter.tipRepost{value: 1_000}(POST, COMMENTER, ETHER, 1_000);
        vm.stopPrank();
        owns(COMMENTER, 1_300, "reposter");
        owns(FIRST_CREATOR, 420, "60 % of 500 more");
        owns(CREATOR, 280, "40 % of 500 more");
        owesWhatItHas();
    }

    function test_ATradeOf1000PaysTenToTheCreatorsSixOfThemToTheOriginals() public {
        copy(POST, 9_800);
        makeFinal();
        eq(splitter.tradeFees(1_000), 14, "10 + 2 + 2");
        vm.deal(FAN, 14);
        vm.prank(FAN);
        splitter.payTradeFees{value: 14}(POST, ETHER, 1_000);
        owns(FIRST_CREATOR, 6, "original's");
        owns(CREATOR, 4, "poster's");
        owns(PLATFORM, 2, "platform");
        owns(ECOSYSTEM, 2, "ecosystem");
        splitter.payTradeFees(POST, ETHER, 99); // floors to nothing
        owesWhatItHas();
    }

    function testFuzz_NothingIsLostAndTheAccusedIsNeverOverCharged(
        uint256 amount,
        uint16 similarity,
        uint8 kind,
        bool decided
    ) public {
        amount = within(amount, 1, 1e30);
        similarity = uint16(within(similarity, 9_500, 10_000));
        copy(POST, similarity);
        if (decided) makeFinal();
        vm.deal(FAN, amount);
        vm.startPrank(FAN);
        if (kind % 3 == 0) splitter.tip{value: amount}(POST, ETHER, amount);
        else if (kind % 3 == 1) splitter.tipComment{value: amount}(POST, COMMENTER, ETHER, amount);
        else splitter.tipRepost{value: amount}(POST, COMMENTER, ETHER, amount);
        vm.stopPrank();
        uint256 toOriginal = splitter.claimable(FIRST_CREATOR, ETHER) + splitter.contested(POST, ETHER);
        uint256 toPoster = splitter.claimable(CREATOR, ETHER);
        uint256 toOther = splitter.claimable(COMMENTER, ETHER);
        eq(toOriginal + toPoster + toOther, amount, "sums to the deposit");
        uint256 bps = posts.resultOf(POST).redirectBps;
        yes(toOriginal * 10_000 <= (toOriginal + toPoster) * bps, "never over-charged");
        bool paid = splitter.claimable(FIRST_CREATOR, ETHER) != 0;
        yes(paid == (decided && toOriginal != 0), "waits while contestable");
        owesWhatItHas();
    }

    // ---- a result that changes while money waits

    function test_ARedirectThatFellReturnsTheDifference() public {
        fulfill(derivative(reportFor(ask()), 9_800));
        tip(POST, 100);
        fulfill(derivative(reportFor(ask()), 9_600));
        makeFinal();
        splitter.payContested(POST, ETHER);
        owns(FIRST_CREATOR, 20, "at the final redirect");
        owns(CREATOR, 80, "the rest");
    }

    function test_ARedirectThatRoseTakesNoMoreThanWasHeld() public {
        fulfill(derivative(reportFor(ask()), 9_600));
        tip(POST, 100);
        fulfill(derivative(reportFor(ask()), 9_800));
        makeFinal();
        splitter.payContested(POST, ETHER);
        owns(FIRST_CREATOR, 20, "what was held");
        owns(CREATOR, 80, "what was paid stays paid");
    }

    function test_AskingAgainForTheSameAnswerDoesNotDelayTheMoney() public {
        fulfill(derivative(reportFor(ask()), 9_800));
        tip(POST, 100);
        vm.warp(block.timestamp + 6 days);
        fulfill(derivative(reportFor(ask()), 9_800));
        vm.warp(block.timestamp + 1 days);
        splitter.payContested(POST, ETHER);
        owns(FIRST_CREATOR, 60, "after the first window");
    }

    // ---- withdrawals

    function test_MoneyIsFetched() public {
        original(POST);
        tip(POST, 100);
        vm.prank(CREATOR);
        eq(splitter.withdraw(CREATOR, ETHER, address(0xBA9C)), 100, "returned");
        eq(address(0xBA9C).balance, 100, "arrived");
        eq(splitter.owed(ETHER), 0, "nothing owed");
        vm.expectRevert(abi.encodeWithSelector(IMoneyErrors.NothingToClaim.selector, CREATOR, ETHER));
        vm.prank(CREATOR);
        splitter.withdraw(CREATOR, ETHER, CREATOR);
    }

    function test_NobodyFetchesWhatIsAnothers() public {
        original(POST);
        tip(POST, 100);
        vm.expectRevert(abi.encodeWithSelector(IMoneyErrors.NotYourAccount.selector, CREATOR, FAN));
        vm.prank(FAN);
        splitter.withdraw(CREATOR, ETHER, FAN);
        vm.expectRevert(IWiringErrors.ZeroAddress.selector);
        vm.prank(CREATOR);
        splitter.withdraw(CREATOR, ETHER, address(0));
    }

    function test_APayeeThatRefusesOrComesBackHarmsNobody() public {
        Payee payee = new Payee(splitter);
        vm.deal(FAN, 150);
        vm.prank(FAN);
        splitter.deposit{value: 100}(address(payee), ETHER, 100);
        vm.prank(FAN);
        splitter.deposit{value: 50}(CREATOR, ETHER, 50);
        payee.refuse(true);
        vm.expectRevert(abi.encodeWithSelector(IMoneyErrors.PaymentRefused.selector, address(payee)));
        payee.fetch();
        owns(address(payee), 100, "still there");
        payee.refuse(false);
        payee.fetch();
        eq(payee.taken(), 100, "once, not twice");
        owns(CREATOR, 50, "nobody else's");
        owesWhatItHas();
    }

    // ---- tokens

    function test_OnlyAllowedTokensAndExactEtherAreTaken() public {
        original(POST);
        TestToken token = new TestToken();
        vm.expectRevert(abi.encodeWithSelector(IMoneyErrors.TokenNotAllowed.selector, address(token)));
        splitter.tip(POST, address(token), 1);
        vm.deal(address(this), 10);
        vm.expectRevert(abi.encodeWithSelector(IMoneyErrors.IncorrectValue.selector, 2, 1));
        splitter.tip{value: 1}(POST, ETHER, 2);
        vm.expectRevert(IMoneyErrors.NoMoney.selector);
        splitter.tip(POST, ETHER, 0);
        splitter.setTokenAllowed(address(token), true);
        vm.expectRevert(abi.encodeWithSelector(IMoneyErrors.IncorrectValue.selector, 0, 1));
        splitter.tip{value: 1}(POST, address(token), 1);
    }

    function test_ATokenThatTakesAFeeIsCreditedAsItArrives() public {
        copy(POST, 9_800);
        makeFinal();
        TestToken token = new TestToken();
        splitter.setTokenAllowed(address(token), true);
        token.setFee(1_000);
        token.mint(address(this), 2_000);
        token.approve(address(splitter), 2_000);
        splitter.tip(POST, address(token), 1_000);
        eq(splitter.claimable(FIRST_CREATOR, address(token)), 540, "60 % of 900");
        eq(splitter.claimable(CREATOR, address(token)), 360, "40 % of 900");
        eq(splitter.owed(address(token)), token.balanceOf(address(splitter)), "owed is the balance");
        // Taken off the list, it is still paid out.
        splitter.setTokenAllowed(address(token), false);
        vm.prank(CREATOR);
        splitter.withdraw(CREATOR, address(token), CREATOR);
        eq(token.balanceOf(CREATOR), 324, "less its own fee again");
    }

    function test_AHostileTokenGetsNowhere() public {
        original(POST);
        HostileToken token = new HostileToken(splitter, POST);
        splitter.setTokenAllowed(address(token), true);
        // It says it paid and delivers nothing.
        vm.expectRevert(IMoneyErrors.NoMoney.selector);
        splitter.tip(POST, address(token), 100);
        token.behave(false, true);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(token)));
        splitter.tip(POST, address(token), 100);
        // It pays, and comes back in the middle of being paid with.
        token.behave(true, false);
        splitter.tip(POST, address(token), 100);
        eq(
            token.caught(),
            abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector),
            "refused"
        );
        eq(splitter.owed(address(token)), 100, "once");
        eq(splitter.claimable(CREATOR, address(token)), 100, "whole");
    }

    // ---- refusals

    function test_APostWithoutAResultTakesNoMoney() public {
        vm.deal(address(this), 9);
        vm.expectRevert(abi.encodeWithSelector(IUnknownPostError.UnknownPost.selector, POST));
        splitter.tip{value: 1}(POST, ETHER, 1);
        vm.expectRevert(abi.encodeWithSelector(IUnknownPostError.UnknownPost.selector, POST));
        splitter.payEarnings{value: 1}(POST, ETHER, 1);
        original(POST);
        vm.expectRevert(IWiringErrors.ZeroAddress.selector);
        splitter.tipComment{value: 1}(POST, address(0), ETHER, 1);
        vm.expectRevert(IWiringErrors.ZeroAddress.selector);
        splitter.tipRepost{value: 1}(POST, address(0), ETHER, 1);
        vm.expectRevert(IWiringErrors.ZeroAddress.selector);
        splitter.deposit{value: 1}(address(0), ETHER, 1);
        (bool sent,) = address(splitter).call{value: 1}("");
        no(sent, "no ether without a purpose");
    }

    function test_APauseStopsNewMoneyAndNoClaim() public {
        copy(POST, 9_800);
        tip(POST, 100);
        splitter.pause();
        vm.deal(address(this), 2);
        vm.expectRevert(PausableUpgradeable.EnforcedPause.selector);
        splitter.tip{value: 1}(POST, ETHER, 1);
        vm.expectRevert(PausableUpgradeable.EnforcedPause.selector);
        splitter.tipComment{value: 1}(POST, FAN, ETHER, 1);
        vm.expectRevert(PausableUpgradeable.EnforcedPause.selector);
        splitter.tipRepost{value: 1}(POST, FAN, ETHER, 1);
        vm.expectRevert(PausableUpgradeable.EnforcedPause.selector);
        splitter.payEarnings{value: 1}(POST, ETHER, 1);
        makeFinal();
        splitter.payContested(POST, ETHER);
        vm.prank(FIRST_CREATOR);
        splitter.withdraw(FIRST_CREATOR, ETHER, FIRST_CREATOR);
        eq(FIRST_CREATOR.balance, 60, "claimed");
        splitter.unpause();
        splitter.tip{value: 1}(POST, ETHER, 1);
    }

    function test_OnlyGovernanceSetsTokensTreasuriesAndPauses() public {
        bytes memory denied = abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, FAN);
        vm.startPrank(FAN);
        vm.expectRevert(denied);
        splitter.setTokenAllowed(address(1), true);
        vm.expectRevert(denied);
        splitter.setTreasuries(FAN, FAN);
        vm.expectRevert(denied);
        splitter.pause();
        vm.expectRevert(denied);
        splitter.unpause();
        vm.stopPrank();
        splitter.setTreasuries(address(1), address(2));
        (address platform, address ecosystem) = splitter.treasuries();
        eq(platform, address(1), "platform");
        eq(ecosystem, address(2), "ecosystem");
        vm.expectRevert(IWiringErrors.ZeroAddress.selector);
        splitter.setTreasuries(address(0), address(2));
    }

    /// @dev Named after what went wrong elsewhere: the accused was the only one who could synchronise a pool.
    function test_NoSynchronisationCanBeWithheld() public {
        fulfill(reportFor(ask()));
        tip(POST, 100);
        owns(CREATOR, 100, "original so far");
        fulfill(derivative(reportFor(ask()), 9_800));
        makeFinal();
        tip(POST, 100);
        owns(FIRST_CREATOR, 60, "the next tip follows by itself");
        eq(posts.resultOf(POST).outcome, Outcome.DERIVATIVE, "outcome");
    }

    receive() external payable {}
}
