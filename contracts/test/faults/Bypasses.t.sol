// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Finding} from "../../src/interfaces/ICorrections.sol";
import {IDisputeErrors, IHubErrors, IPostErrors, IQuorumErrors} from "../../src/interfaces/IErrors.sol";
import {Authorisation} from "../../src/interfaces/IPlatforms.sol";
import {Outcome, PostStatus} from "../../src/types/Codes.sol";
import {PoCReport, Ruling, VerificationRequest} from "../../src/types/Reports.sol";
import {Economy} from "../utils/Economy.sol";

/// @notice Ways around what was decided: by asking again, by signing once for two things, by keeping people from ruling.
contract BypassesTest is Economy {
    address private constant MALLORY = address(0xBAD);
    address private constant SECOND = address(0x5EC0);
    bytes32 private constant EARLIER = keccak256("an earlier work");

    // ---- A36: a copyist takes the own copy over with a harmless picture

    function test_A36_ACopyIsNotTakenOverByItsMaker() public {
        bytes32 postId = ownName();
        attest(derivative(attestation(postId), 9_800));
        tip(postId, 100);
        bytes32 id = askHarmless();
        fulfillReverts(
            reportFor(id), abi.encodeWithSelector(IPostErrors.CreatorMismatch.selector, CREATOR, MALLORY)
        );
        makeFinal();
        id = askHarmless();
        fulfillReverts(reportFor(id), abi.encodeWithSelector(IPostErrors.PostFinal.selector, postId));
        splitter.payContested(postId, ETHER);
        owns(FIRST_CREATOR, 60, "whose it is");
    }

    function test_A36_NorWhatPeopleCorrected() public {
        earlier();
        bytes32 postId = ownName();
        attest(attestation(postId));
        uint256 correction = disputes.propose(postId, copied());
        tip(postId, 100);
        vm.warp(block.timestamp + 3 days);
        disputes.execute(correction);
        bytes32 id = askHarmless();
        fulfillReverts(reportFor(id), abi.encodeWithSelector(IPostErrors.PostRuled.selector, postId));
        makeFinal();
        splitter.payContested(postId, ETHER);
        owns(FIRST_CREATOR, 50, "what was held");
    }

    function test_A36_NorWhatNobodyDecidedYet() public {
        bytes32 postId = ownName();
        PoCReport memory r = attestation(postId);
        (r.outcome, r.similarityBps) = (Outcome.NEEDS_REVIEW, 9_800);
        attest(r);
        bytes32 id = askHarmless();
        fulfillReverts(
            reportFor(id), abi.encodeWithSelector(IPostErrors.CreatorMismatch.selector, CREATOR, MALLORY)
        );
    }

    // ---- A37: asking the machine again after people decided

    function test_A37_TheMachineDoesNotOverwriteWhatPeopleDecided() public {
        undecided(POST, 9_800);
        disputes.review(POST, Ruling(Outcome.DERIVATIVE, FIRST_CREATOR, ORIGINAL_POST, REASON, true));
        bytes32 id = ask();
        fulfillReverts(reportFor(id), abi.encodeWithSelector(IPostErrors.PostRuled.selector, POST));
        // Its owner may still dispute it, and another arbiter take it back.
        uint256 about = dispute(POST);
        manager.grantRole(0, SECOND, 0);
        vm.warp(block.timestamp + 4 days);
        vm.prank(SECOND);
        disputes.rule(about, Outcome.ORIGINAL, REASON);
        vm.warp(block.timestamp + 4 days);
        disputes.settle(about);
        yes(posts.hasBadge(POST), "taken back");
    }

    // ---- A38: a signature for a batch used as a root

    function test_A38_ABatchIsNoRoot() public {
        PoCReport[] memory reports = new PoCReport[](1);
        reports[0] = attestation(OWN);
        (uint64 until, bytes[] memory signatures,) = batchSigned(reports);
        vm.expectPartialRevert(IQuorumErrors.UnauthorizedOracle.selector);
        roots.postRoot(reports, until, 1, signatures);
        (until, signatures,) = rootSigned(reports);
        vm.expectPartialRevert(IQuorumErrors.UnauthorizedOracle.selector);
        hub.attestBatch(reports, until, 1, signatures);
        roots.postRoot(reports, until, 1, signatures);
    }

    // ---- A39: a report of another epoch in a batch, so that two words cannot be compared

    function test_A39_ABatchIsOfOneEpoch() public {
        PoCReport[] memory reports = new PoCReport[](1);
        reports[0] = attestation(OWN);
        reports[0].signerEpoch = 7;
        (uint64 until, bytes[] memory signatures,) = batchSigned(reports);
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.StaleSignerEpoch.selector, 7, 1));
        hub.attestBatch(reports, until, 1, signatures);
    }

    // ---- A40: a key stolen long before it is revoked

    function test_A40_ARevocationReachesBackToWhenTheKeyWasStolen() public {
        PoCReport[] memory reports = new PoCReport[](1);
        reports[0] = attestation(OWN);
        (uint64 until, bytes[] memory signatures,) = rootSigned(reports);
        roots.postRoot(reports, until, 1, signatures);
        uint256[] memory keys = threeSigners(2);
        threeSigners(2);
        uint256 again = vm.snapshotState();
        oracles.revokeSigner(vm.addr(KEY), 2);
        no(oracles.isRevokedEpoch(1), "before it was stolen");
        yes(oracles.isRevokedEpoch(2) && oracles.isRevokedEpoch(3), "since");
        roots.postLeaf(reports[0], new bytes32[](0));
        vm.revertToState(again);
        oracles.revokeSigner(vm.addr(KEY), 1);
        yes(oracles.isRevokedEpoch(1), "its first");
        vm.expectPartialRevert(bytes4(keccak256("EpochRevoked(uint64)")));
        roots.postLeaf(reports[0], new bytes32[](0));
        vm.revertToState(again);
        // Another's, who was not there yet; and one that was replaced as planned.
        oracles.revokeSigner(vm.addr(keys[0] == KEY ? keys[1] : keys[0]), 1);
        no(oracles.isRevokedEpoch(1), "not its word");
        address[] memory one = new address[](1);
        one[0] = vm.addr(0xD0D);
        oracles.setSigners(one, 1, 0);
        uint64 epoch = oracles.currentEpoch();
        oracles.revokeSigner(vm.addr(KEY), 1);
        yes(oracles.isRevokedEpoch(1), "although it is out");
        eq(oracles.currentEpoch(), epoch, "and nobody else");
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.UnauthorizedOracle.selector, MALLORY));
        oracles.revokeSigner(MALLORY, 1);
    }

    // ---- A41: an appeal that nobody is left to rule on

    function test_A41_SilenceTakesNoBond() public {
        manager.grantRole(0, SECOND, 0);
        undecided(POST, 9_800);
        vm.prank(SECOND);
        disputes.review(POST, Ruling(Outcome.DERIVATIVE, FIRST_CREATOR, ORIGINAL_POST, REASON, true));
        uint256 id = dispute(POST);
        ruled(id, Outcome.DERIVATIVE);
        uint256 bond = disputes.bondOf(id, 2);
        vm.deal(CREATOR, bond);
        vm.prank(CREATOR);
        disputes.escalate{value: bond}(id, EVIDENCE);
        vm.warp(block.timestamp + 4 days);
        // Neither the one who accused nor the one who ruled, and there is no third.
        vm.prank(SECOND);
        vm.expectPartialRevert(IDisputeErrors.PartialArbiter.selector);
        disputes.rule(id, Outcome.ORIGINAL, REASON);
        vm.expectPartialRevert(IDisputeErrors.PartialArbiter.selector);
        disputes.rule(id, Outcome.ORIGINAL, REASON);
        vm.warp(block.timestamp + 4 days);
        disputes.settle(id);
        eq(disputes.claimable(CREATOR, ETHER), bond, "not theirs to lose");
    }

    /// @dev What was proposed and vetoed is no accusation: it would cost the dispute one of two arbiters.
    function test_A41_AVetoedProposalExcludesNobody() public {
        earlier();
        copy(POST, 9_800);
        disputes.vetoCorrection(disputes.propose(POST, copied()), REASON);
        uint256 id = dispute(POST);
        ruled(id, Outcome.ORIGINAL);
    }

    // ---- A42: a platform's word in the creator's place

    function test_A42_APlatformsWordTakesNoClaimAway() public {
        earlier();
        original(POST);
        uint256 onWord = disputes.claimOnWord(POST, EARLIER, EVIDENCE);
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.AlreadyClaimed.selector, POST, EARLIER));
        disputes.claimOnWord(POST, EARLIER, EVIDENCE);
        rejected(onWord);
        uint256 id = claimed();
        vm.warp(block.timestamp + 14 days + 1);
        disputes.settleClaim(id);
        // Nobody decided it: asked again, for twice the bond.
        id = claimed();
        disputes.rejectClaim(id, REASON);
        uint256 bond = disputes.claimBondOf(POST, FIRST_CREATOR);
        vm.deal(FIRST_CREATOR, bond);
        vm.prank(FIRST_CREATOR);
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.AlreadyClaimed.selector, POST, EARLIER));
        disputes.claim{value: bond}(POST, EARLIER, EVIDENCE);
    }

    /// @dev Every step about the same two holds the share: an appeal, and another after that one, as long as the year's
    /// budget lasts.
    function test_A42_APlatformMayAskAgainAndHoldsNoLongerThanTheBudget() public {
        earlier();
        original(POST);
        for (uint256 i; i < 5; ++i) {
            uint256 id = disputes.claimOnWord(POST, EARLIER, EVIDENCE);
            eq(disputes.claimOf(id).holds ? 1 : 0, i < 4 ? 1 : 0, "four times 14 days");
            vm.warp(block.timestamp + 14 days);
            rejected(id);
        }
    }

    // ---- A43: a claim beyond the budget, to run the owner's window out

    function test_A43_AClaimThatHoldsNothingKeepsNothing() public {
        PoCReport memory r;
        for (uint256 i; i < 5; ++i) {
            r = attestation(keccak256(abi.encode(i)));
            r.creator = FIRST_CREATOR;
            attest(r);
        }
        vm.warp(block.timestamp + 1 hours);
        bytes32 accused = keccak256("accused");
        copy(accused, 9_800);
        // Four times fourteen days are the year's budget; the last of them begins with the fifth claim open.
        for (uint256 i; i < 4; ++i) {
            uint256 id = disputes.claimOnWord(accused, keccak256(abi.encode(i)), EVIDENCE);
            if (i == 3) {
                vm.warp(block.timestamp + 13 days);
                disputes.claimOnWord(accused, keccak256(abi.encode(uint256(4))), EVIDENCE);
                vm.warp(block.timestamp + 1 days + 1);
            } else {
                vm.warp(block.timestamp + 14 days + 1);
            }
            disputes.settleClaim(id);
        }
        eq(posts.statusOf(accused), PostStatus.PROVISIONAL, "its window was kept");
        dispute(accused);
    }

    // ---- A44: a claim that raises what waits, for ever

    function test_A44_WhatWasClaimedDoesNotWaitOnAfterTheClaim() public {
        earlier();
        undecided(POST, 9_400);
        uint16 before = posts.resultOf(POST).heldBps;
        uint256 id = claimed();
        eq(posts.resultOf(POST).heldBps, 5_000, "held");
        disputes.rejectClaim(id, REASON);
        eq(posts.resultOf(POST).heldBps, before, "as before");
        bytes32 near = keccak256("near");
        undecided(near, 9_800);
        rejected(disputes.claimOnWord(near, EARLIER, EVIDENCE));
        eq(posts.resultOf(near).heldBps, 6_000, "what a copy would cost waits on");
    }

    // ---- A45: another's account named as a purse

    function test_A45_AStrangersPlatformTakesNobodysPlaces() public {
        hub.setOpenRequestsCap(1);
        bytes32 platformId = platformOf(MALLORY, REQUESTER);
        askFor(platformId, "1");
        ask();
        VerificationRequest memory r = aRequest();
        r.postId = "2";
        vm.prank(MALLORY);
        vm.expectPartialRevert(IHubErrors.TooManyOpenRequests.selector);
        hub.requestFor(platformId, r, Authorisation(MALLORY, 0, ""));
        vm.warp(block.timestamp + 2 days);
        askFor(platformOf(MALLORY, REQUESTER), "3");
    }

    function test_A45_ACancelledRequestFreesThePlatformsPlace() public {
        hub.setOpenRequestsCap(1);
        bytes32 platformId = platformOf(MALLORY, REQUESTER);
        bytes32 mine = ask();
        bytes32 theirs = askFor(platformId, "1");
        vm.warp(block.timestamp + 2 days);
        hub.cancelRequest(theirs);
        askFor(platformId, "2");
        vm.prank(REQUESTER);
        vm.expectPartialRevert(IHubErrors.TooManyOpenRequests.selector);
        hub.requestVerification(aRequest());
        hub.cancelRequest(mine);
        ask();
    }

    function test_A45_TheDisputesAreNobodysPurse() public {
        bytes32 platformId = platformOf(MALLORY, address(disputes));
        VerificationRequest memory r = aRequest();
        vm.prank(MALLORY);
        vm.expectRevert(abi.encodeWithSelector(IPostErrors.UnauthorizedDisputes.selector, address(disputes)));
        hub.requestFor(platformId, r, Authorisation(MALLORY, 0, ""));
    }

    // ---- steps

    /// @dev A post in CREATOR's own name space, that the oracle attested.
    function ownName() private view returns (bytes32) {
        return hub.postIdOf(bytes32(uint256(uint160(CREATOR))), NAME);
    }

    /// @dev By CREATOR under that name, as if it were MALLORY's, of another picture.
    function askHarmless() private returns (bytes32) {
        VerificationRequest memory r = aRequest();
        (r.creator, r.contentHash) = (MALLORY, keccak256("harmless"));
        vm.prank(CREATOR);
        return hub.requestVerification(r);
    }

    function earlier() private {
        PoCReport memory r = attestation(EARLIER);
        r.creator = FIRST_CREATOR;
        attest(r);
        vm.warp(block.timestamp + 1 hours);
    }

    function copied() private pure returns (Finding memory) {
        return Finding(Outcome.DERIVATIVE, 9_800, FIRST_CREATOR, EARLIER, REASON);
    }

    function claimed() private returns (uint256) {
        uint256 bond = disputes.claimBondOf(POST, FIRST_CREATOR);
        vm.deal(FIRST_CREATOR, bond);
        vm.prank(FIRST_CREATOR);
        return disputes.claim{value: bond}(POST, EARLIER, EVIDENCE);
    }

    /// @dev By another than who spoke for the platform.
    function rejected(uint256 id) private {
        manager.grantRole(0, SECOND, 0);
        vm.prank(SECOND);
        disputes.rejectClaim(id, REASON);
    }

    function platformOf(address owner, address purse) private returns (bytes32 platformId) {
        vm.prank(owner);
        return platforms.register(purse);
    }

    function askFor(bytes32 platformId, bytes32 name) private returns (bytes32) {
        VerificationRequest memory r = aRequest();
        r.postId = name;
        vm.prank(MALLORY);
        return hub.requestFor(platformId, r, Authorisation(MALLORY, 0, ""));
    }
}
