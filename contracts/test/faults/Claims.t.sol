// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Finding} from "../../src/interfaces/ICorrections.sol";
import {IDisputeErrors, IMoneyErrors, IPostErrors} from "../../src/interfaces/IErrors.sol";
import {IRevenueSplitter} from "../../src/interfaces/IRevenueSplitter.sol";
import {Outcome, PostStatus} from "../../src/types/Codes.sol";
import {PoCReport, Ruling} from "../../src/types/Reports.sol";
import {Economy} from "../utils/Economy.sol";

/// @notice What a poster tries against claims and corrections, and what a claimant tries against a poster.
contract ClaimsTest is Economy {
    address private constant MALLORY = address(0xBAD);
    address private constant SECOND = address(0x5EC0);
    /// @dev Numbers of works that are there before the post.
    uint256 private constant MALLORYS = 24;
    uint256 private constant ANOTHER = 36;
    uint256 private constant ALICES = 37;

    function setUp() public override {
        super.setUp();
        work(ORIGINAL_POST, FIRST_CREATOR);
        for (uint256 i; i < MALLORYS; ++i) {
            work(ground(i), accountOf(i));
        }
        for (uint256 i = MALLORYS; i < ANOTHER; ++i) {
            work(ground(i), MALLORY);
        }
        work(ground(ANOTHER), FIRST_CREATOR);
        work(ground(ALICES), links.accountOf("alice"));
        vm.warp(block.timestamp + 1 hours);
        original(POST);
        vm.deal(FIRST_CREATOR, 1 ether);
    }

    // ---- A20: the held share is taken before a decision is carried out

    /// @dev Upheld on the last day, the correction is ready three days after the hold would have ended.
    function test_A20_WhatWasUpheldLateStillWaits() public {
        makeFinal();
        uint256 id = claimed();
        tip(POST, 100);
        vm.warp(block.timestamp + 14 days);
        uint256 correction = disputes.upholdClaim(id, copied());
        takenAtOnce(POST, false);
        vm.warp(block.timestamp + 3 days);
        takenAtOnce(POST, false);
        disputes.execute(correction);
        makeFinal();
        splitter.payContested(POST, ETHER);
        owns(FIRST_CREATOR, 50, "what was held");
    }

    function test_A20_WhatIsFinalWaitsForACorrection() public {
        makeFinal();
        uint256 id = disputes.propose(POST, copied());
        tip(POST, 100);
        vm.warp(block.timestamp + 3 days);
        takenAtOnce(POST, false);
        // And as long again as anybody needs to send it.
        vm.warp(block.timestamp + 6 days);
        takenAtOnce(POST, false);
        disputes.execute(id);
        makeFinal();
        splitter.payContested(POST, ETHER);
        owns(FIRST_CREATOR, 50, "what was held");
    }

    // ---- A21: a poster claims against the own post, from another account

    function test_A21_AnHonestClaimStandsBesideAClaimByThePosterHimself() public {
        uint256 self = claimOn(MALLORYS);
        vm.warp(block.timestamp + 13 days);
        uint256 honest = claimed();
        tip(POST, 100);
        vm.warp(block.timestamp + 2 days);
        disputes.settleClaim(self);
        eq(disputes.claimable(CREATOR, ETHER) + disputes.claimable(MALLORY, ETHER), 0, "it costs the bond");
        eq(disputes.claimable(ECOSYSTEM, ETHER), 0.01 ether, "which nobody can have arranged to get");
        eq(disputes.claimBondOf(POST, MALLORY), 0.02 ether, "and makes the next one dearer");
        eq(disputes.claimBondOf(POST, FIRST_CREATOR), 0.01 ether, "for who failed alone");
        yes(posts.statusOf(POST) == PostStatus.PROVISIONAL, "the honest one still holds");
        uint256 id = disputes.upholdClaim(honest, copied());
        vm.warp(block.timestamp + 3 days);
        disputes.execute(id);
        makeFinal();
        splitter.payContested(POST, ETHER);
        owns(FIRST_CREATOR, 50, "what was held");
    }

    function test_A21_WhatWasUpheldIsTakenOffTheBondAgain() public {
        disputes.rejectClaim(claimed(), REASON);
        uint256 id = claimOn(ANOTHER);
        disputes.upholdClaim(id, copied());
        eq(disputes.claimable(FIRST_CREATOR, ETHER), 0.02 ether, "back");
        eq(disputes.claimBondOf(POST, FIRST_CREATOR), 0.01 ether, "as at first");
    }

    /// @dev Every place is taken by accounts of the poster's: a platform's word and an arbiter need none.
    function test_A21_TooManyClaimsLockNobodyOut() public {
        for (uint256 i; i < 8; ++i) {
            claimOn(i);
        }
        vm.prank(FIRST_CREATOR);
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.TooManyClaims.selector, POST, 8));
        disputes.claim{value: 0.01 ether}(POST, ORIGINAL_POST, EVIDENCE);
        disputes.claimOnWord(POST, ORIGINAL_POST, EVIDENCE);
        disputes.propose(POST, copied());
        vm.warp(block.timestamp + 14 days + 1);
        disputes.settleClaim(1);
        claimOn(ANOTHER);
    }

    // ---- A22: a chain of claims

    function test_A22_AChainOfClaimsHoldsNobodysIncomeForEver() public {
        makeFinal();
        uint256 held;
        for (uint256 i; i < 24; ++i) {
            uint256 id = claimOn(i);
            if (posts.statusOf(POST) == PostStatus.PROVISIONAL) held += 14;
            vm.warp(block.timestamp + 14 days + 1);
            eq(posts.statusOf(POST), PostStatus.FINAL, "over");
            disputes.settleClaim(id);
        }
        eq(held, 56, "of 336 days, within a year");
        vm.warp(block.timestamp + 30 days);
        claimed();
        eq(posts.statusOf(POST), PostStatus.PROVISIONAL, "and again in the next");
    }

    /// @dev Whoever burnt the budget has not won: a claim beyond it is decided like any other, and upheld it holds.
    function test_A22_AClaimBeyondTheBudgetHoldsOnceItIsUpheld() public {
        makeFinal();
        for (uint256 i; i < 4; ++i) {
            uint256 burnt = claimOn(i);
            vm.warp(block.timestamp + 14 days + 1);
            disputes.settleClaim(burnt);
        }
        uint256 id = claimed();
        tip(POST, 100);
        owns(CREATOR, 100, "nothing waits");
        uint256 correction = disputes.upholdClaim(id, copied());
        tip(POST, 100);
        owns(CREATOR, 150, "now it does");
        vm.warp(block.timestamp + 3 days);
        disputes.execute(correction);
        eq(posts.resultOf(POST).redirectBps, 6_000, "corrected");
    }

    function test_A22_OnlyTheTimeServedCounts() public {
        makeFinal();
        for (uint256 i; i < 20; ++i) {
            uint256 id = claimOn(i);
            eq(posts.statusOf(POST), PostStatus.PROVISIONAL, "held");
            vm.warp(block.timestamp + 2 days);
            disputes.rejectClaim(id, REASON);
            eq(posts.statusOf(POST), PostStatus.FINAL, "free at once");
        }
        claimed();
    }

    // ---- A23: disputes against claims

    /// @dev Both sides of a dispute can be one person, who takes the money in the transaction that ends it.
    function test_A23_ADisputeIsNoShieldAgainstClaims() public {
        bytes32 accused = keccak256("accused");
        PoCReport memory r = derivative(attestation(accused), 9_800);
        (r.originalCreator, r.originalPostId) = (MALLORY, ground(MALLORYS));
        attest(r);
        tip(accused, 100);
        uint256 id = dispute(accused);
        vm.warp(block.timestamp + 13 days);
        vm.prank(FIRST_CREATOR);
        uint256 claimId = disputes.claim{value: 0.01 ether}(accused, ORIGINAL_POST, EVIDENCE);
        eq(posts.statusOf(accused), PostStatus.DISPUTED, "as it was");
        vm.warp(block.timestamp + 1 days + 1);
        disputes.settle(id);
        takenAtOnce(accused, false);
        uint256 correction = disputes.upholdClaim(claimId, copied());
        vm.warp(block.timestamp + 3 days);
        disputes.execute(correction);
        makeFinal();
        splitter.payContested(accused, ETHER);
        owns(FIRST_CREATOR, 60, "whose it is");
        owns(MALLORY, 0, "nothing");
    }

    function test_A23_WhatIsUpheldDuringADisputeWaitsForItsEnd() public {
        bytes32 accused = keccak256("accused");
        copy(accused, 9_600);
        tip(accused, 100);
        uint256 id = dispute(accused);
        disputes.claimOnWord(accused, ORIGINAL_POST, EVIDENCE);
        manager.grantRole(0, SECOND, 0);
        vm.prank(SECOND);
        uint256 correction = disputes.upholdClaim(1, copied());
        vm.warp(block.timestamp + 4 days);
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.NotHeld.selector, accused));
        disputes.execute(correction);
        disputes.rule(id, 1, REASON);
        vm.warp(block.timestamp + 4 days);
        disputes.settle(id);
        takenAtOnce(accused, false);
        disputes.execute(correction);
        eq(posts.resultOf(accused).redirectBps, 6_000, "by the later finding");
    }

    // ---- A24: another disputes contract

    function test_A24_AnotherDisputesContractLosesNoHold() public {
        makeFinal();
        uint256 id = claimed();
        tip(POST, 100);
        posts.setDisputes(address(0xD15));
        vm.warp(block.timestamp + 14 days);
        uint256 correction = disputes.upholdClaim(id, copied());
        takenAtOnce(POST, false);
        vm.warp(block.timestamp + 3 days);
        disputes.execute(correction);
        makeFinal();
        splitter.payContested(POST, ETHER);
        owns(FIRST_CREATOR, 50, "by who held it");
    }

    function test_A24_ADisputeEndsAlthoughItsContractHoldsNoMore() public {
        bytes32 accused = keccak256("accused");
        copy(accused, 9_800);
        uint256 id = dispute(accused);
        vm.prank(FIRST_CREATOR);
        disputes.claim{value: 0.01 ether}(accused, ORIGINAL_POST, EVIDENCE);
        posts.setDisputes(address(0xD15));
        vm.warp(block.timestamp + 14 days + 1);
        disputes.settle(id);
        disputes.settleClaim(1);
        eq(posts.statusOf(accused), PostStatus.FINAL, "ended");
    }

    // ---- A25: two claims are true

    /// @dev A work by another account of the poster's is true ground too: the older one still comes into its own.
    function test_A25_TheSecondCorrectionFollowsTheFirstAndNothingIsPaidTwice() public {
        uint256 first = claimOn(MALLORYS);
        uint256 second = claimed();
        tip(POST, 100);
        Finding memory f = copied();
        (f.originalCreator, f.originalPostId) = (MALLORY, ground(MALLORYS));
        uint256 correction = disputes.upholdClaim(first, f);
        vm.expectRevert(abi.encodeWithSelector(IPostErrors.PostUnderReview.selector, POST));
        disputes.upholdClaim(second, copied());
        vm.warp(block.timestamp + 3 days);
        disputes.execute(correction);
        eq(posts.resultOf(POST).originalCreator, MALLORY, "for now");
        vm.warp(block.timestamp + 8 days);
        takenAtOnce(POST, false);
        correction = disputes.upholdClaim(second, copied());
        vm.warp(block.timestamp + 3 days);
        disputes.execute(correction);
        makeFinal();
        splitter.payContested(POST, ETHER);
        owns(FIRST_CREATOR, 50, "the older one's");
        owns(MALLORY, 0, "nothing");
        owesWhatItHas();
    }

    // ---- A26: what is undecided

    /// @dev A claim by the poster's other account would keep the arbiter from deciding for fourteen days.
    function test_A26_AClaimOnAnUndecidedPostStopsNoArbiter() public {
        bytes32 unsure = keccak256("unsure");
        undecided(unsure, 9_800);
        tip(unsure, 100);
        disputes.claimOnWord(unsure, ground(MALLORYS), EVIDENCE);
        vm.expectRevert(abi.encodeWithSelector(IPostErrors.PostUnderReview.selector, unsure));
        disputes.review(unsure, Ruling(2, FIRST_CREATOR, ORIGINAL_POST, REASON, true));
        uint256 correction = disputes.propose(unsure, copied());
        vm.warp(block.timestamp + 3 days);
        disputes.execute(correction);
        vm.warp(block.timestamp + 30 days);
        splitter.payContested(unsure, ETHER);
        owns(FIRST_CREATOR, 60, "decided");
    }

    // ---- A27: freezes on top

    function test_A27_AFreezeAndAClaimPayNobodyTwiceAndNobodyLess() public {
        uint256 id = claimed();
        guard.freezePost(POST, "1", "1", uint40(block.timestamp + 25 days));
        guard.freezeAccount(FIRST_CREATOR, "2", "2", uint40(block.timestamp + 30 days));
        tip(POST, 100);
        eq(splitter.frozenEarnings(POST, ETHER), 50, "own half frozen");
        eq(splitter.contested(POST, ETHER), 50, "the other held");
        uint256 correction = disputes.upholdClaim(id, copied());
        vm.warp(block.timestamp + 3 days);
        disputes.execute(correction);
        makeFinal();
        splitter.payContested(POST, ETHER);
        owns(FIRST_CREATOR, 50, "credited");
        vm.prank(FIRST_CREATOR);
        vm.expectRevert(abi.encodeWithSelector(IMoneyErrors.AccountFrozen.selector, FIRST_CREATOR));
        splitter.withdraw(FIRST_CREATOR, ETHER, FIRST_CREATOR);
        vm.warp(block.timestamp + 21 days);
        splitter.releaseFrozen(POST, ETHER);
        owns(CREATOR, 50, "own half");
        vm.prank(FIRST_CREATOR);
        eq(splitter.withdraw(FIRST_CREATOR, ETHER, FIRST_CREATOR), 50, "out");
        owesWhatItHas();
    }

    // ---- A28: links

    function test_A28_OnlyAnAccountsWalletClaimsForIt() public {
        address alice = links.accountOf("alice");
        bytes32 hers = ground(ALICES);
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = signature(KEY, links.hashLink(alice, MALLORY, uint64(block.timestamp), 1));
        links.link("alice", MALLORY, uint64(block.timestamp), 1, signatures);
        vm.deal(MALLORY, 1 ether);
        // A link that waits is nobody's yet.
        vm.prank(MALLORY);
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.NotPostOwner.selector, hers, MALLORY));
        disputes.claim{value: 0.01 ether}(POST, hers, EVIDENCE);
        vm.warp(block.timestamp + 2 days);
        address[] memory one = new address[](1);
        one[0] = alice;
        links.complete(one);
        vm.prank(MALLORY);
        uint256 id = disputes.claim{value: 0.01 ether}(POST, hers, EVIDENCE);
        // Governance gives the account to whose it is: the bond is the account's.
        links.relink(alice, SECOND);
        Finding memory f = Finding(Outcome.DERIVATIVE, 9_800, alice, hers, REASON);
        manager.grantRole(0, MALLORY, 0);
        manager.grantRole(0, SECOND, 0);
        vm.prank(SECOND);
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.PartialArbiter.selector, id, SECOND));
        disputes.upholdClaim(id, f);
        disputes.upholdClaim(id, f);
        vm.prank(MALLORY);
        vm.expectRevert(abi.encodeWithSelector(IMoneyErrors.NotYourAccount.selector, alice, MALLORY));
        disputes.withdraw(alice, ETHER, MALLORY);
        vm.prank(SECOND);
        disputes.withdraw(alice, ETHER, SECOND);
        eq(SECOND.balance, 0.01 ether, "bond");
    }

    // ---- A29: platforms

    /// @dev A platform's word is free, once for each pair of posts: its works are many.
    function test_A29_APlatformsWordsHoldNoLongerThanTheBudget() public {
        makeFinal();
        uint256 held;
        for (uint256 i; i < 12; ++i) {
            disputes.claimOnWord(POST, ground(MALLORYS + i), EVIDENCE);
            if (posts.statusOf(POST) == PostStatus.PROVISIONAL) held += 14;
            vm.warp(block.timestamp + 14 days + 1);
            disputes.settleClaim(i + 1);
        }
        eq(held, 56, "of 168 days");
        eq(disputes.claimBondOf(POST, address(this)), 0.01 ether, "no bond to double");
    }

    // ---- A30: money that comes meanwhile

    function test_A30_ABonusDuringAClaimWaitsLikeATip() public {
        uint256 id = claimed();
        vm.deal(address(this), 100);
        vault.fund{value: 100}(ETHER, 100);
        vault.creditBonus(POST, "w", ETHER, 100, 5);
        eq(splitter.contested(POST, ETHER), 50, "half waits");
        disputes.rejectClaim(id, REASON);
        makeFinal();
        splitter.payContested(POST, ETHER);
        owns(CREATOR, 100, "whole");
    }

    // ---- steps

    function takenAtOnce(bytes32 postId, bool yes_) private {
        uint256 again = vm.snapshotState();
        vm.prank(CREATOR);
        (bool paid,) = address(splitter).call(abi.encodeCall(IRevenueSplitter.payContested, (postId, ETHER)));
        vm.revertToState(again);
        yes(paid == yes_, "taken before it is carried out");
    }

    /// @dev A work of that creator, recorded now.
    function work(bytes32 postId, address creator) private {
        PoCReport memory r = attestation(postId);
        r.creator = creator;
        attest(r);
    }

    function ground(uint256 number) private pure returns (bytes32) {
        return keccak256(abi.encode("work", number));
    }

    function accountOf(uint256 number) private pure returns (address) {
        return address(uint160(0xC1A0 + number));
    }

    /// @dev By who made that work.
    function claimOn(uint256 number) private returns (uint256) {
        address by = number < MALLORYS ? accountOf(number) : number < ANOTHER ? MALLORY : FIRST_CREATOR;
        uint256 bond = disputes.claimBondOf(POST, by);
        vm.deal(by, bond);
        vm.prank(by);
        return disputes.claim{value: bond}(POST, ground(number), EVIDENCE);
    }

    function copied() private pure returns (Finding memory) {
        return Finding(Outcome.DERIVATIVE, 9_800, FIRST_CREATOR, ORIGINAL_POST, REASON);
    }

    function claimed() private returns (uint256) {
        vm.prank(FIRST_CREATOR);
        return disputes.claim{value: 0.01 ether}(POST, ORIGINAL_POST, EVIDENCE);
    }
}
