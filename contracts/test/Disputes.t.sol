// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IDisputeErrors, IPostErrors, IRuleErrors, IUnknownPostError} from "../src/interfaces/IErrors.sol";
import {IPoCDisputes} from "../src/interfaces/IPoCDisputes.sol";
import {IPostRegistry} from "../src/interfaces/IPostRegistry.sol";
import {DisputeStatus, Outcome, PostStatus} from "../src/types/Codes.sol";
import {PoCReport, PostResult, Ruling} from "../src/types/Reports.sol";
import {Economy} from "./utils/Economy.sol";

/// @notice Both sides are heard, the accuser decides nothing, and every dispute ends.
contract DisputesTest is Economy {
    address private constant ARBITER_2 = address(0xA2);

    function setUp() public override {
        super.setUp();
        manager.grantRole(9, address(this), 0);
        manager.grantRole(9, ARBITER_2, 0);
        bytes4[] memory selectors = new bytes4[](2);
        selectors[0] = IPoCDisputes.rule.selector;
        selectors[1] = IPoCDisputes.review.selector;
        manager.setTargetFunctionRole(address(disputes), selectors, 9);
        fulfill(derivative(reportFor(ask()), 9_800));
    }

    // ---- the whole story

    function test_AnOverturnedResultPaysBackWhatWasContestedAndGivesTheBadge() public {
        tip(POST, 100);
        uint256 id = dispute(POST);
        tip(POST, 100);
        owns(CREATOR, 80, "own share flows all along");
        eq(splitter.contested(POST, ETHER), 120, "held");
        ruled(id, Outcome.ORIGINAL);
        vm.warp(block.timestamp + 3 days + 1);
        vm.expectEmit(address(posts));
        emit IPostRegistry.PoCBadgeIssued(POST, CREATOR, 9_800);
        disputes.settle(id);
        yes(posts.hasBadge(POST), "badge");
        eq(posts.statusOf(POST), PostStatus.FINAL, "final");
        yes(posts.isRuled(POST), "ruled");
        splitter.payContested(POST, ETHER);
        owns(CREATOR, 200, "paid back whole");
        owns(FIRST_CREATOR, 0, "nothing moved");
        owesWhatItHas();
        // And it does not come back with the next analysis.
        fulfillReverts(
            derivative(reportFor(ask()), 9_900), abi.encodeWithSelector(IPostErrors.PostRuled.selector, POST)
        );
    }

    function test_AnUpheldResultIsFinalAtOnceAndPaysTheOriginal() public {
        tip(POST, 100);
        uint256 id = dispute(POST);
        ruled(id, Outcome.DERIVATIVE);
        vm.warp(block.timestamp + 3 days + 1);
        disputes.settle(id);
        eq(posts.statusOf(POST), PostStatus.FINAL, "final");
        splitter.payContested(POST, ETHER);
        owns(FIRST_CREATOR, 60, "original's");
        vm.expectRevert(
            abi.encodeWithSelector(
                IDisputeErrors.NotDisputable.selector, POST, Outcome.DERIVATIVE, PostStatus.FINAL
            )
        );
        vm.prank(CREATOR);
        disputes.open(POST, EVIDENCE);
    }

    function test_ARulingMayFindAPermission() public {
        uint256 id = dispute(POST);
        ruled(id, Outcome.LICENSED);
        vm.warp(block.timestamp + 3 days + 1);
        disputes.settle(id);
        eq(posts.resultOf(POST).outcome, Outcome.LICENSED, "licensed");
        no(posts.hasBadge(POST), "no badge");
    }

    // ---- silence

    function test_SilenceKeepsTheResultAndNothingStaysStuck() public {
        tip(POST, 100);
        uint256 id = dispute(POST);
        vm.warp(block.timestamp + 14 days);
        bytes memory early =
            abi.encodeWithSelector(IDisputeErrors.TooEarly.selector, id, uint256(block.timestamp));
        vm.expectRevert(early);
        disputes.settle(id);
        vm.warp(block.timestamp + 1);
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.TooLate.selector, id, block.timestamp - 1));
        disputes.rule(id, Outcome.ORIGINAL, REASON);
        vm.expectEmit(address(disputes));
        emit IPoCDisputes.DisputeSettled(id, POST, Outcome.DERIVATIVE, true);
        disputes.settle(id);
        no(posts.isRuled(POST), "nobody ruled");
        splitter.payContested(POST, ETHER);
        owns(FIRST_CREATOR, 60, "paid");
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.WrongStage.selector, id, DisputeStatus.CLOSED));
        disputes.settle(id);
    }

    function test_SilenceInALaterRoundKeepsTheRulingAndTakesNoBond() public {
        uint256 id = dispute(POST);
        ruled(id, Outcome.ORIGINAL);
        appeal(FIRST_CREATOR, id, 0.01 ether);
        vm.warp(block.timestamp + 7 days + 1);
        disputes.settle(id);
        yes(posts.hasBadge(POST), "the ruling stands");
        eq(disputes.claimable(FIRST_CREATOR, ETHER), 0.01 ether, "the bond is whose it was");
    }

    // ---- both sides are heard

    function test_NoRulingBeforeTheOtherSideSpokeOrItsTimeIsOver() public {
        uint256 id = dispute(POST);
        uint256 until = block.timestamp + 3 days;
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.TooEarly.selector, id, until));
        disputes.rule(id, Outcome.ORIGINAL, REASON);
        vm.warp(until + 1);
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.TooLate.selector, id, until));
        vm.prank(FIRST_CREATOR);
        disputes.answer(id, REASON);
        disputes.rule(id, Outcome.ORIGINAL, REASON);
    }

    function test_OnlyTheOtherPartyAnswersAndOnce() public {
        uint256 id = dispute(POST);
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.NotTheOtherParty.selector, id, CREATOR));
        vm.prank(CREATOR);
        disputes.answer(id, REASON);
        vm.startPrank(FIRST_CREATOR);
        vm.expectRevert(IDisputeErrors.MissingEvidence.selector);
        disputes.answer(id, 0);
        disputes.answer(id, REASON);
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.AlreadyAnswered.selector, id));
        disputes.answer(id, REASON);
        vm.stopPrank();
        eq(disputes.disputeOf(id).counterHash, REASON, "kept");
    }

    function test_NobodyRulesInTheirOwnCaseNorTwice() public {
        uint256 id = dispute(POST);
        manager.grantRole(9, FIRST_CREATOR, 0);
        vm.startPrank(FIRST_CREATOR);
        disputes.answer(id, REASON);
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.PartialArbiter.selector, id, FIRST_CREATOR));
        disputes.rule(id, Outcome.DERIVATIVE, REASON);
        vm.stopPrank();
        disputes.rule(id, Outcome.DERIVATIVE, REASON);
        appeal(CREATOR, id, 0.01 ether);
        vm.warp(block.timestamp + 3 days + 1);
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.PartialArbiter.selector, id, address(this)));
        disputes.rule(id, Outcome.DERIVATIVE, REASON);
        vm.prank(ARBITER_2);
        disputes.rule(id, Outcome.ORIGINAL, REASON);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, CREATOR));
        vm.prank(CREATOR);
        disputes.rule(id, Outcome.ORIGINAL, REASON);
    }

    function test_WhatARulingMaySay() public {
        uint256 id = dispute(POST);
        vm.prank(FIRST_CREATOR);
        disputes.answer(id, REASON);
        uint8[4] memory wrong = [Outcome.NONE, Outcome.SELF_DUPLICATE, Outcome.NEEDS_REVIEW, Outcome.FAILED];
        for (uint256 i; i < wrong.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.InvalidRuling.selector, id, wrong[i]));
            disputes.rule(id, wrong[i], REASON);
        }
        vm.expectRevert(IDisputeErrors.MissingEvidence.selector);
        disputes.rule(id, Outcome.ORIGINAL, 0);
    }

    // ---- rounds

    function test_BondsDoubleAndGoToWhoeverWasRight() public {
        uint256 id = dispute(POST);
        ruled(id, Outcome.DERIVATIVE);
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.NotTheLoser.selector, id, FIRST_CREATOR));
        vm.prank(FIRST_CREATOR);
        disputes.escalate(id, EVIDENCE);
        appeal(CREATOR, id, 0.01 ether);
        answerAndRule(id, FIRST_CREATOR, ARBITER_2, Outcome.ORIGINAL);
        eq(disputes.claimable(CREATOR, ETHER), 0.01 ether, "round 2 was won: bond back");
        appeal(FIRST_CREATOR, id, 0.02 ether);
        answerAndRule(id, CREATOR, address(this), Outcome.ORIGINAL);
        eq(disputes.claimable(CREATOR, ETHER), 0.03 ether, "round 3 was lost: bond to the other side");
        eq(disputes.owed(ETHER), address(disputes).balance, "owed is the balance");
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.NoFurtherRound.selector, id, 3));
        vm.prank(FIRST_CREATOR);
        disputes.escalate(id, EVIDENCE);
        disputes.settle(id); // the last ruling needs no further wait
        yes(posts.hasBadge(POST), "badge");
        vm.prank(CREATOR);
        disputes.withdraw(CREATOR, ETHER, CREATOR);
        eq(CREATOR.balance, 0.03 ether, "fetched");
    }

    function test_AnAppealHasItsTimeAndItsPrice() public {
        uint256 id = dispute(POST);
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.WrongStage.selector, id, DisputeStatus.OPEN));
        vm.prank(CREATOR);
        disputes.escalate(id, EVIDENCE);
        ruled(id, Outcome.DERIVATIVE);
        vm.deal(CREATOR, 1 ether);
        vm.expectRevert(abi.encodeWithSignature("IncorrectValue(uint256,uint256)", 0.01 ether, 1));
        vm.prank(CREATOR);
        disputes.escalate{value: 1}(id, EVIDENCE);
        vm.expectRevert(
            abi.encodeWithSelector(IDisputeErrors.TooEarly.selector, id, block.timestamp + 3 days)
        );
        disputes.settle(id);
        vm.warp(block.timestamp + 3 days + 1);
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.TooLate.selector, id, block.timestamp - 1));
        vm.prank(CREATOR);
        disputes.escalate{value: 0.01 ether}(id, EVIDENCE);
    }

    function test_TheLoserMayAcceptAndSpareEverybodyTheWait() public {
        uint256 id = dispute(POST);
        ruled(id, Outcome.ORIGINAL);
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.NotTheLoser.selector, id, CREATOR));
        vm.prank(CREATOR);
        disputes.accept(id);
        vm.prank(FIRST_CREATOR);
        disputes.accept(id);
        vm.deal(FIRST_CREATOR, 1 ether);
        vm.expectPartialRevert(IDisputeErrors.TooLate.selector);
        vm.prank(FIRST_CREATOR);
        disputes.escalate{value: 0.01 ether}(id, EVIDENCE);
        disputes.settle(id);
        yes(posts.hasBadge(POST), "badge");
    }

    // ---- opening

    function test_OnlyTheOwnerOfAContestablePostOpensADisputeAndFree() public {
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.NotPostOwner.selector, POST, FAN));
        vm.prank(FAN);
        disputes.open(POST, EVIDENCE);
        vm.startPrank(CREATOR);
        vm.expectRevert(abi.encodeWithSelector(IUnknownPostError.UnknownPost.selector, ORIGINAL_POST));
        disputes.open(ORIGINAL_POST, EVIDENCE);
        vm.expectRevert(IDisputeErrors.MissingEvidence.selector);
        disputes.open(POST, 0);
        eq(disputes.open(POST, EVIDENCE), 1, "first");
        vm.expectRevert(
            abi.encodeWithSelector(
                IDisputeErrors.NotDisputable.selector, POST, Outcome.DERIVATIVE, PostStatus.DISPUTED
            )
        );
        disputes.open(POST, EVIDENCE);
        vm.stopPrank();
        eq(disputes.openDisputeOf(POST), 1, "open");
        eq(disputes.disputeCount(), 1, "count");
        eq(disputes.bondOf(1, 1), 0, "free");
        original(keccak256("mine"));
        vm.expectRevert(
            abi.encodeWithSelector(
                IDisputeErrors.NotDisputable.selector,
                keccak256("mine"),
                Outcome.ORIGINAL,
                PostStatus.PROVISIONAL
            )
        );
        vm.prank(CREATOR);
        disputes.open(keccak256("mine"), EVIDENCE);
    }

    function test_AReportDoesNotTouchAPostInDispute() public {
        PoCReport memory again = reportFor(ask());
        dispute(POST);
        fulfillReverts(again, abi.encodeWithSelector(IPostErrors.PostDisputed.selector, POST));
        (address beneficiary, uint16 bps) = posts.redirectOf(POST);
        eq(beneficiary, FIRST_CREATOR, "beneficiary");
        eq(bps, 6_000, "redirect");
        vm.warp(block.timestamp + 30 days);
        eq(posts.statusOf(POST), PostStatus.DISPUTED, "time alone does not decide");
    }

    function test_OnlyTheDisputesContractRules() public {
        bytes memory denied = abi.encodeWithSelector(IPostErrors.UnauthorizedDisputes.selector, address(this));
        vm.expectRevert(denied);
        posts.contest(POST);
        vm.expectRevert(denied);
        posts.keep(POST, true, REASON);
        vm.expectRevert(denied);
        posts.decide(POST, Ruling(Outcome.ORIGINAL, address(0), 0, REASON, false));
        posts.setDisputes(address(this));
        vm.expectRevert(abi.encodeWithSelector(IPostErrors.WrongPostStatus.selector, POST, 1));
        posts.keep(POST, true, REASON);
        vm.expectRevert(abi.encodeWithSelector(IPostErrors.WrongPostStatus.selector, POST, 1));
        posts.decide(POST, Ruling(Outcome.ORIGINAL, address(0), 0, REASON, false));
        vm.expectRevert(abi.encodeWithSelector(IUnknownPostError.UnknownPost.selector, REASON));
        posts.contest(REASON);
        posts.contest(POST);
        vm.expectRevert(abi.encodeWithSelector(IPostErrors.WrongPostStatus.selector, POST, 3));
        posts.contest(POST);
        vm.expectRevert(abi.encodeWithSelector(IRuleErrors.InvalidOutcome.selector, Outcome.NEEDS_REVIEW));
        posts.decide(POST, Ruling(Outcome.NEEDS_REVIEW, address(0), 0, REASON, false));
    }

    // ---- needs review

    function test_AReviewGivesTheBadge() public {
        undecided(ORIGINAL_POST, 9_800);
        disputes.review(ORIGINAL_POST, Ruling(Outcome.ORIGINAL, address(0), 0, REASON, false));
        yes(posts.hasBadge(ORIGINAL_POST), "badge");
        eq(posts.statusOf(ORIGINAL_POST), PostStatus.FINAL, "final");
    }

    function test_AReviewThatCostsMoneyCanBeDisputed() public {
        undecided(ORIGINAL_POST, 9_800);
        makeFinal();
        disputes.review(ORIGINAL_POST, Ruling(Outcome.DERIVATIVE, FIRST_CREATOR, POST, REASON, false));
        PostResult memory result = posts.resultOf(ORIGINAL_POST);
        eq(result.status, PostStatus.PROVISIONAL, "contestable, whatever the arbiter asked for");
        eq(result.redirectBps, 6_000, "by the similarity that was measured");
        eq(result.originalCreator, FIRST_CREATOR, "beneficiary");
        eq(dispute(ORIGINAL_POST), 1, "disputed");
    }

    function test_AReviewObeysTheRules() public {
        undecided(ORIGINAL_POST, 9_400);
        vm.expectRevert(
            abi.encodeWithSelector(
                IRuleErrors.OutcomeContradictsPolicy.selector, Outcome.DERIVATIVE, 9_400, 9_500
            )
        );
        disputes.review(ORIGINAL_POST, Ruling(Outcome.DERIVATIVE, FIRST_CREATOR, POST, REASON, true));
        bytes32 third = keccak256("third");
        undecided(third, 9_900);
        vm.expectRevert(abi.encodeWithSelector(IRuleErrors.MissingOriginalCreator.selector, third));
        disputes.review(third, Ruling(Outcome.DERIVATIVE, address(0), POST, REASON, true));
        vm.expectRevert(abi.encodeWithSelector(IRuleErrors.SelfMatch.selector, third, CREATOR));
        disputes.review(third, Ruling(Outcome.DERIVATIVE, CREATOR, POST, REASON, true));
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.PartialArbiter.selector, 0, address(this)));
        disputes.review(third, Ruling(Outcome.DERIVATIVE, address(this), POST, REASON, true));
        vm.expectRevert(
            abi.encodeWithSelector(
                IDisputeErrors.NotDisputable.selector, POST, Outcome.DERIVATIVE, PostStatus.PROVISIONAL
            )
        );
        disputes.review(POST, Ruling(Outcome.ORIGINAL, address(0), 0, REASON, true));
    }

    // ---- bonds

    /// @dev A bond is of the version under which the post was decided, whatever governance says since.
    function test_BondsAreThoseOfTheDecisionsVersion() public {
        policy.setDisputeTerms(7 days, 5);
        uint256 before = dispute(POST);
        eq(disputes.bondOf(before, 1), 0, "the first round is free");
        eq(disputes.bondOf(before, 2), 0.01 ether, "second");
        eq(disputes.bondOf(before, 3), 0.02 ether, "third");
        copy(keccak256("later"), 9_800);
        uint256 later = dispute(keccak256("later"));
        eq(disputes.bondOf(later, 2), 5, "second");
        eq(disputes.bondOf(later, 3), 10, "third");
    }

    // ---- helpers

    function appeal(address who, uint256 id, uint256 bond) private {
        vm.deal(who, bond);
        vm.prank(who);
        disputes.escalate{value: bond}(id, keccak256(abi.encode(id, bond)));
    }

    function answerAndRule(uint256 id, address other, address arbiter, uint8 outcome) private {
        vm.prank(other);
        disputes.answer(id, REASON);
        vm.prank(arbiter);
        disputes.rule(id, outcome, REASON);
    }
}
