// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Finding} from "../../src/interfaces/ICorrections.sol";
import {IDisputeErrors, IPostErrors, IRuleErrors} from "../../src/interfaces/IErrors.sol";
import {CaseStatus, Outcome, PostStatus} from "../../src/types/Codes.sol";
import {PoCReport, PostResult, VerificationRequest} from "../../src/types/Reports.sol";
import {Economy} from "../utils/Economy.sol";

/// @notice People correct what a machine got wrong, without the owner, after a delay, and only what is still held moves.
contract CorrectionsTest is Economy {
    address private constant MALLORY = address(0xBAD);
    address private constant SECOND = address(0x5EC0);

    function setUp() public override {
        super.setUp();
        // FIRST_CREATOR's work is there first.
        PoCReport memory earlier = attestation(ORIGINAL_POST);
        earlier.creator = FIRST_CREATOR;
        attest(earlier);
        vm.warp(block.timestamp + 1 hours);
        original(POST);
        vm.deal(FIRST_CREATOR, 1 ether);
    }

    // ---- corrections

    function test_ACorrectionNeedsNoWalletAndMovesWhatIsHeld() public {
        makeFinal();
        uint256 id = disputes.propose(POST, copied(9_800));
        tip(POST, 100);
        owns(CREATOR, 50, "own half flows");
        eq(splitter.contested(POST, ETHER), 50, "what nobody measured waits");
        vm.expectRevert(
            abi.encodeWithSelector(IDisputeErrors.TooEarly.selector, id, block.timestamp + 3 days)
        );
        disputes.execute(id);
        vm.warp(block.timestamp + 3 days);
        vm.prank(MALLORY);
        disputes.execute(id);
        PostResult memory result = posts.resultOf(POST);
        eq(result.redirectBps, 6_000, "by the formula, of the similarity that was found");
        eq(result.status, PostStatus.PROVISIONAL, "and it can be disputed");
        vm.warp(block.timestamp + 7 days);
        splitter.payContested(POST, ETHER);
        owns(FIRST_CREATOR, 50, "60 of 100, and no more than was held");
        owns(CREATOR, 50, "nothing is taken back");
        owesWhatItHas();
    }

    function test_AVetoLeavesThePostAsItWas() public {
        makeFinal();
        uint256 id = disputes.propose(POST, copied(9_800));
        tip(POST, 100);
        vm.expectRevert(IDisputeErrors.MissingEvidence.selector);
        disputes.vetoCorrection(id, 0);
        disputes.vetoCorrection(id, REASON);
        eq(posts.statusOf(POST), PostStatus.FINAL, "final as before");
        yes(posts.hasBadge(POST), "badge");
        splitter.payContested(POST, ETHER);
        owns(CREATOR, 100, "whole");
        vm.warp(block.timestamp + 30 days);
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.WrongStage.selector, id, CaseStatus.REJECTED));
        disputes.execute(id);
    }

    function test_WhoFoundItDoesNotRuleOnIt() public {
        uint256 id = disputes.propose(POST, copied(9_800));
        vm.warp(block.timestamp + 3 days);
        disputes.execute(id);
        uint256 about = dispute(POST);
        vm.prank(FIRST_CREATOR);
        disputes.answer(about, REASON);
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.PartialArbiter.selector, about, address(this)));
        disputes.rule(about, 2, REASON);
    }

    function test_ACorrectionTakesAnAccusationBackToo() public {
        bytes32 accused = keccak256("accused");
        copy(accused, 9_800);
        tip(accused, 100);
        Finding memory f = Finding(Outcome.ORIGINAL, 100, address(0), 0, REASON);
        uint256 id = disputes.propose(accused, f);
        vm.warp(block.timestamp + 3 days);
        disputes.execute(id);
        yes(posts.hasBadge(accused), "badge");
        splitter.payContested(accused, ETHER);
        owns(CREATOR, 100, "whole");
    }

    function test_AFindingObeysTheRulesOfAReport() public {
        vm.expectRevert(
            abi.encodeWithSelector(IRuleErrors.OutcomeContradictsPolicy.selector, 2, 9_400, 9_500)
        );
        disputes.propose(POST, copied(9_400));
        vm.expectRevert(abi.encodeWithSelector(IRuleErrors.SimilarityOutOfRange.selector, 10_001));
        disputes.propose(POST, copied(10_001));
        Finding memory f = copied(9_800);
        f.originalCreator = CREATOR;
        vm.expectRevert(abi.encodeWithSelector(IRuleErrors.SelfMatch.selector, POST, CREATOR));
        disputes.propose(POST, f);
        f.originalCreator = address(0);
        vm.expectRevert(abi.encodeWithSelector(IRuleErrors.MissingOriginalCreator.selector, POST));
        disputes.propose(POST, f);
        f.outcome = Outcome.NEEDS_REVIEW;
        vm.expectRevert(abi.encodeWithSelector(IRuleErrors.InvalidOutcome.selector, 5));
        disputes.propose(POST, f);
        eq(posts.resultOf(POST).heldBps, 0, "nothing waits for what could never be carried out");
    }

    function test_NoReportAndNoDisputeTouchesAPostUnderReview() public {
        fulfillCopy();
        bytes32 postId = hub.postIdOf(bytes32(uint256(uint160(REQUESTER))), keccak256("mine"));
        disputes.propose(postId, copied(9_900));
        VerificationRequest memory r = aRequest();
        r.postId = keccak256("mine");
        bytes memory held = abi.encodeWithSelector(IPostErrors.PostUnderReview.selector, postId);
        fulfillReverts(reportFor(ask(r)), held);
        vm.expectRevert(held);
        vm.prank(CREATOR);
        disputes.open(postId, EVIDENCE);
        vm.expectRevert(held);
        disputes.propose(postId, copied(9_900));
        vm.warp(block.timestamp + 30 days);
        fulfillReverts(reportFor(ask(r)), held);
        vm.expectRevert(abi.encodeWithSelector(IPostErrors.UnauthorizedDisputes.selector, MALLORY));
        vm.prank(MALLORY);
        posts.release(postId, 0);
    }

    // ---- claims

    function test_AnEarlierCreatorClaimsWithABondAndIsPaid() public {
        uint256 id = claimed();
        tip(POST, 100);
        eq(splitter.contested(POST, ETHER), 50, "held");
        uint256 correction = disputes.upholdClaim(id, copied(9_800));
        eq(disputes.claimable(FIRST_CREATOR, ETHER), 0.01 ether, "bond back");
        vm.warp(block.timestamp + 3 days);
        disputes.execute(correction);
        vm.warp(block.timestamp + 7 days);
        splitter.payContested(POST, ETHER);
        owns(FIRST_CREATOR, 50, "paid out of what was held");
    }

    function test_AFalseClaimCostsItsBondAndTheNextOneTwice() public {
        uint256 id = claimed();
        tip(POST, 100);
        disputes.rejectClaim(id, REASON);
        eq(disputes.claimable(ECOSYSTEM, ETHER), 0.01 ether, "nobody's who could have arranged it");
        eq(disputes.claimBondOf(POST, FIRST_CREATOR), 0.02 ether, "dearer");
        vm.prank(FIRST_CREATOR);
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.AlreadyClaimed.selector, POST, ORIGINAL_POST));
        disputes.claim{value: 0.02 ether}(POST, ORIGINAL_POST, EVIDENCE);
        makeFinal();
        splitter.payContested(POST, ETHER);
        owns(CREATOR, 100, "whole");
        eq(disputes.owed(ETHER), address(disputes).balance, "owed is the balance");
    }

    function test_SilenceEndsAClaimAndNothingStaysHeld() public {
        uint256 id = claimed();
        tip(POST, 100);
        vm.warp(block.timestamp + 14 days);
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.TooEarly.selector, id, block.timestamp));
        disputes.settleClaim(id);
        vm.warp(block.timestamp + 1);
        uint256 again = vm.snapshotState();
        // Even if nobody says so, time gives the money back: after what the owner's window had left.
        vm.warp(block.timestamp + 7 days);
        splitter.payContested(POST, ETHER);
        owns(CREATOR, 100, "whole");
        disputes.settleClaim(id);
        eq(posts.statusOf(POST), PostStatus.FINAL, "and does not take it again");
        vm.revertToState(again);
        disputes.settleClaim(id);
        eq(disputes.claimable(ECOSYSTEM, ETHER), 0.01 ether, "and the bond is lost");
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.WrongStage.selector, id, CaseStatus.LAPSED));
        disputes.settleClaim(id);
    }

    /// @dev The original's creator would claim against a copy to run its owner's time to dispute out.
    function test_AClaimDoesNotRunTheOwnersWindowOut() public {
        bytes32 accused = keccak256("accused");
        vm.warp(block.timestamp + 1);
        copy(accused, 9_800);
        vm.prank(FIRST_CREATOR);
        uint256 id = disputes.claim{value: 0.01 ether}(accused, ORIGINAL_POST, EVIDENCE);
        vm.warp(block.timestamp + 14 days + 1);
        eq(posts.statusOf(accused), PostStatus.PROVISIONAL, "still");
        disputes.settleClaim(id);
        vm.prank(CREATOR);
        disputes.open(accused, EVIDENCE);
    }

    function test_OnlyAnEarlierWorkOfAnotherIsAGround() public {
        bytes32 later = keccak256("later");
        vm.warp(block.timestamp + 1);
        PoCReport memory r = attestation(later);
        r.creator = MALLORY;
        attest(r);
        vm.deal(MALLORY, 1 ether);
        vm.prank(MALLORY);
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.NotEarlier.selector, POST, later));
        disputes.claim{value: 0.01 ether}(POST, later, EVIDENCE);
        vm.prank(MALLORY);
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.NotPostOwner.selector, ORIGINAL_POST, MALLORY));
        disputes.claim{value: 0.01 ether}(POST, ORIGINAL_POST, EVIDENCE);
        vm.prank(FIRST_CREATOR);
        vm.expectRevert(abi.encodeWithSignature("IncorrectValue(uint256,uint256)", 0.01 ether, 0.001 ether));
        disputes.claim{value: 0.001 ether}(POST, ORIGINAL_POST, EVIDENCE);
        vm.prank(MALLORY);
        vm.expectPartialRevert(bytes4(keccak256("AccessManagedUnauthorized(address)")));
        disputes.claimOnWord(POST, ORIGINAL_POST, EVIDENCE);
        eq(disputes.claimOnWord(POST, ORIGINAL_POST, EVIDENCE), 1, "a platform's word");
    }

    function test_AnotherDisputesContractStrandsNoClaim() public {
        uint256 id = claimed();
        posts.setDisputes(address(0xD15));
        disputes.rejectClaim(id, REASON);
        vm.prank(address(0xD15));
        vm.expectRevert(abi.encodeWithSelector(IPostErrors.UnauthorizedDisputes.selector, address(0xD15)));
        posts.release(POST, 0);
    }

    // ---- undecided

    function test_WhatIsUndecidedWaitsForAPersonOrTheDeadline() public {
        bytes32 unsure = keccak256("unsure");
        undecided(unsure, 9_800);
        tip(unsure, 100);
        owns(CREATOR, 40, "the rest flows");
        eq(splitter.contested(unsure, ETHER), 60, "what a copy would cost waits");
        uint256 again = vm.snapshotState();
        makeFinal();
        splitter.payContested(unsure, ETHER);
        owns(CREATOR, 100, "nobody decided");
        vm.revertToState(again);
        PostResult memory r = posts.resultOf(unsure);
        eq(r.redirectBps, 0, "no redirect until somebody says so");
        manager.grantRole(0, SECOND, 0);
    }

    // ---- steps

    function copied(uint16 similarityBps) private pure returns (Finding memory) {
        return Finding(Outcome.DERIVATIVE, similarityBps, FIRST_CREATOR, ORIGINAL_POST, REASON);
    }

    function claimed() private returns (uint256) {
        vm.prank(FIRST_CREATOR);
        return disputes.claim{value: 0.01 ether}(POST, ORIGINAL_POST, EVIDENCE);
    }

    function fulfillCopy() private {
        VerificationRequest memory r = aRequest();
        r.postId = keccak256("mine");
        fulfill(derivative(reportFor(ask(r)), 9_800));
    }
}
