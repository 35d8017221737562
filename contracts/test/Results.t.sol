// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPostErrors, IRuleErrors} from "../src/interfaces/IErrors.sol";
import {IPostRegistry} from "../src/interfaces/IPostRegistry.sol";
import {Outcome, PostStatus, RequestStatus, Tier} from "../src/types/Codes.sol";
import {PoCReport, PostResult, VerificationRequest} from "../src/types/Reports.sol";
import {System} from "./utils/System.sol";

/// @notice What a report makes of a post, and what no report can.
contract ResultsTest is System {
    address private constant STRANGER = address(0x57A);

    // ---- outcomes

    function test_AnOriginalGetsABadge() public {
        bytes32 requestId = ask();
        vm.expectEmit(address(posts));
        emit IPostRegistry.PoCBadgeIssued(POST, CREATOR, 1_200);
        fulfill(reportFor(requestId));
        yes(posts.hasBadge(POST), "badge");
        redirects(address(0), 0);

        PostResult memory result = posts.resultOf(POST);
        eq(result.contentHash, CONTENT, "content");
        eq(result.outcome, Outcome.ORIGINAL, "outcome");
        eq(result.tier, Tier.LOW, "tier");
        eq(result.creator, CREATOR, "creator");
        eq(result.requester, REQUESTER, "requester");
        eq(result.recordedAt, block.timestamp, "recorded");
        eq(result.finalAt, block.timestamp + 7 days, "final");
        eq(result.configVersion, 1, "config version");
        eq(result.revision, 1, "revision");
    }

    function test_ADerivativeRedirects() public {
        bytes32 requestId = ask();
        vm.expectEmit(address(posts));
        emit IPostRegistry.RevenueRedirectionActivated(POST, FIRST_CREATOR, ORIGINAL_POST, 6_000, 9_800);
        fulfill(derivative(reportFor(requestId), 9_800));
        no(posts.hasBadge(POST), "no badge");
        redirects(FIRST_CREATOR, 6_000);
        eq(posts.resultOf(POST).tier, Tier.HIGH, "tier");
        eq(posts.resultOf(POST).originalPostId, ORIGINAL_POST, "original post");
    }

    function test_ADerivativeAtTheThresholdKeepsEverythingAndGetsNoBadge() public {
        fulfill(derivative(reportFor(ask()), 9_500));
        no(posts.hasBadge(POST), "no badge");
        redirects(FIRST_CREATOR, 0);
    }

    function test_TheRedirectIsThatOfTheRequestsPolicy() public {
        bytes32 requestId = ask();
        policy.setBaseRedirect(5_000);
        bytes32 later = ask();
        fulfill(derivative(reportFor(requestId), 9_800));
        redirects(FIRST_CREATOR, 6_000);
        fulfill(derivative(reportFor(later), 9_800));
        redirects(FIRST_CREATOR, 3_000);
    }

    function testFuzz_OnlyDerivativesRedirectAndOnlyOriginalsHaveBadges(uint8 outcome, uint16 similarity)
        public
    {
        outcome = uint8(within(outcome, Outcome.SELF_DUPLICATE, Outcome.NEEDS_REVIEW));
        similarity = uint16(within(similarity, 0, 10_000));
        PoCReport memory report = derivative(reportFor(ask()), similarity);
        report.outcome = outcome;
        fulfill(report);
        no(posts.hasBadge(POST), "no badge");
        redirects(address(0), 0);
        eq(posts.resultOf(POST).redirectBps, 0, "no redirect kept");
        eq(posts.resultOf(POST).outcome, outcome, "outcome");
    }

    function testFuzz_AnOriginalBelowTheThresholdMayNameItsNeighbour(uint16 similarity) public {
        similarity = uint16(within(similarity, 0, 9_499));
        PoCReport memory report = derivative(reportFor(ask()), similarity);
        report.outcome = Outcome.ORIGINAL;
        fulfill(report);
        yes(posts.hasBadge(POST), "badge");
        redirects(address(0), 0);
    }

    function test_AFailedAnalysisSettlesTheRequestAndLeavesThePost() public {
        PoCReport memory report = reportFor(ask());
        report.outcome = Outcome.FAILED;
        report.contentHash = 0;
        fulfill(report);
        eq(hub.getRequest(report.requestId).status, RequestStatus.FULFILLED, "status");
        eq(hub.getRequest(report.requestId).outcome, Outcome.FAILED, "outcome");
        eq(posts.resultOf(POST).revision, 0, "no result");
        no(posts.hasBadge(POST), "no badge");
    }

    // ---- what no report can say

    function testFuzz_ASimilarityAboveOneIsRefused(uint16 similarity, uint8 outcome) public {
        similarity = uint16(within(similarity, 10_001, type(uint16).max));
        PoCReport memory report = derivative(reportFor(ask()), similarity);
        report.outcome = uint8(within(outcome, Outcome.ORIGINAL, Outcome.FAILED));
        fulfillReverts(report, abi.encodeWithSelector(IRuleErrors.SimilarityOutOfRange.selector, similarity));
        report = derivative(attestation(OWN), similarity);
        attestReverts(report, abi.encodeWithSelector(IRuleErrors.SimilarityOutOfRange.selector, similarity));
    }

    function testFuzz_ADerivativeBelowTheThresholdIsRefused(uint16 similarity) public {
        similarity = uint16(within(similarity, 0, 9_499));
        fulfillReverts(
            derivative(reportFor(ask()), similarity),
            abi.encodeWithSelector(
                IRuleErrors.OutcomeContradictsPolicy.selector, Outcome.DERIVATIVE, similarity, 9_500
            )
        );
    }

    function testFuzz_AnOriginalThatMatchesAnothersWorkIsRefused(uint16 similarity) public {
        similarity = uint16(within(similarity, 9_500, 10_000));
        PoCReport memory report = derivative(reportFor(ask()), similarity);
        report.outcome = Outcome.ORIGINAL;
        fulfillReverts(
            report,
            abi.encodeWithSelector(
                IRuleErrors.OutcomeContradictsPolicy.selector, Outcome.ORIGINAL, similarity, 9_500
            )
        );
        // Its own earlier work, or an unknown creator's, does not contradict it.
        report.originalCreator = CREATOR;
        fulfill(report);
        yes(posts.hasBadge(POST), "badge");
    }

    function test_ADerivativeOfNobodyIsRefusedAndMintsNoBadge() public {
        PoCReport memory report = derivative(reportFor(ask()), 9_900);
        report.originalCreator = address(0);
        fulfillReverts(report, abi.encodeWithSelector(IRuleErrors.MissingOriginalCreator.selector, POST));
        no(posts.hasBadge(POST), "no badge");
    }

    function test_ADerivativeOfOneselfIsRefused() public {
        PoCReport memory report = derivative(reportFor(ask()), 9_900);
        report.originalCreator = CREATOR;
        fulfillReverts(report, abi.encodeWithSelector(IRuleErrors.SelfMatch.selector, POST, CREATOR));
        report.originalCreator = FIRST_CREATOR;
        report.originalPostId = POST;
        fulfillReverts(report, abi.encodeWithSelector(IRuleErrors.SelfMatch.selector, POST, CREATOR));
    }

    function test_ASharedSourceIsPaidAsOriginalWithoutABadge() public {
        PoCReport memory report = reportFor(ask());
        report.similarityBps = 9_900;
        report.outcome = Outcome.SHARED_SOURCE;
        report.originalCreator = FIRST_CREATOR;
        bytes memory contradicts =
            abi.encodeWithSelector(IRuleErrors.OutcomeContradictsPolicy.selector, 7, 9_900, 9_500);
        fulfillReverts(report, contradicts);
        report.originalCreator = address(0);
        fulfill(report);
        redirects(address(0), 0);
        eq(posts.resultOf(POST).heldBps, 0, "nothing waits");
        no(posts.hasBadge(POST), "no badge until somebody proves ownership");
        eq(posts.resultOf(POST).outcome, Outcome.SHARED_SOURCE, "an outcome of its own");
    }

    function testFuzz_UnknownOutcomesAreRefused(uint8 outcome) public {
        vm.assume(outcome == 0 || outcome > 7);
        PoCReport memory report = reportFor(ask());
        report.outcome = outcome;
        fulfillReverts(report, abi.encodeWithSelector(IRuleErrors.InvalidOutcome.selector, outcome));
        report = attestation(OWN);
        report.outcome = outcome;
        attestReverts(report, abi.encodeWithSelector(IRuleErrors.InvalidOutcome.selector, outcome));
    }

    // ---- re-analysis

    function test_TheRequesterMayHaveThePostAnalysedAgain() public {
        fulfill(derivative(reportFor(ask()), 9_800));
        bytes32 again = ask();
        vm.expectEmit(address(posts));
        emit IPostRegistry.RevenueRedirectionEnded(POST, FIRST_CREATOR);
        fulfill(reportFor(again));
        yes(posts.hasBadge(POST), "badge");
        redirects(address(0), 0);
        eq(posts.resultOf(POST).revision, 2, "revision");
        eq(posts.resultOf(POST).requester, REQUESTER, "requester stays");

        again = ask();
        vm.expectEmit(address(posts));
        emit IPostRegistry.PoCBadgeWithdrawn(POST, CREATOR);
        fulfill(derivative(reportFor(again), 9_800));
        no(posts.hasBadge(POST), "badge gone");
        eq(posts.resultOf(POST).revision, 3, "revision");
    }

    function test_TheCreatorMayHaveThePostAnalysedAgain() public {
        fulfill(derivative(reportFor(ask()), 9_800));
        VerificationRequest memory request = aRequest();
        request.postId = POST; // not the asker's own, but hers to ask about
        vm.prank(CREATOR);
        bytes32 requestId = hub.requestVerification(request);
        fulfill(reportFor(requestId));
        yes(posts.hasBadge(POST), "badge");
    }

    function test_AStrangerMayNot() public {
        fulfill(derivative(reportFor(ask()), 9_800));
        VerificationRequest memory request = aRequest();
        bytes32[2] memory names = [NAME, POST];
        for (uint256 i; i < 2; ++i) {
            request.postId = names[i];
            vm.prank(STRANGER);
            bytes32 requestId = hub.requestVerification(request);
            bytes32 theirs = hub.postIdOf(bytes32(uint256(uint160(STRANGER))), names[i]);
            eq(hub.getRequest(requestId).postId, theirs, "a post of their own");
            fulfill(reportFor(requestId));
        }
        redirects(FIRST_CREATOR, 6_000);
    }

    function test_ADerivativeIsNotWashedCleanWithOtherMedia() public {
        fulfill(derivative(reportFor(ask()), 9_800));
        bytes32 clean = keccak256("clean content");
        VerificationRequest memory request = aRequest();
        request.contentHash = clean;
        fulfillReverts(
            reportFor(ask(request)),
            abi.encodeWithSelector(IPostErrors.ContentHashMismatch.selector, CONTENT, clean)
        );
        request = aRequest();
        request.mediaType = 2;
        fulfillReverts(
            reportFor(ask(request)), abi.encodeWithSelector(IPostErrors.MediaTypeMismatch.selector, 1, 2)
        );
        request = aRequest();
        request.creator = STRANGER;
        fulfillReverts(
            reportFor(ask(request)),
            abi.encodeWithSelector(IPostErrors.CreatorMismatch.selector, CREATOR, STRANGER)
        );
    }

    function test_AFailedReanalysisLeavesTheResult() public {
        fulfill(derivative(reportFor(ask()), 9_800));
        PoCReport memory report = reportFor(ask());
        report.outcome = Outcome.FAILED;
        fulfill(report);
        redirects(FIRST_CREATOR, 6_000);
        eq(posts.resultOf(POST).revision, 1, "revision");
    }

    // ---- standing

    function test_TimeMakesAResultFinal() public {
        eq(posts.statusOf(POST), PostStatus.NONE, "none");
        fulfill(reportFor(ask()));
        eq(posts.statusOf(POST), PostStatus.PROVISIONAL, "provisional");
        vm.warp(block.timestamp + 7 days - 1);
        eq(posts.statusOf(POST), PostStatus.PROVISIONAL, "still");
        vm.warp(block.timestamp + 1);
        eq(posts.statusOf(POST), PostStatus.FINAL, "final");
        eq(posts.resultOf(POST).status, PostStatus.FINAL, "in the result too");
    }

    function test_ANewWindowIsForLaterResultsOnly() public {
        fulfill(reportFor(ask()));
        policy.setDisputeTerms(1 hours, 1);
        eq(posts.resultOf(POST).finalAt, block.timestamp + 7 days, "as recorded");
        attest(attestation(keccak256("later")));
        eq(posts.resultOf(keccak256("later")).finalAt, block.timestamp + 1 hours, "new");
        // A request made before the change is decided under what it was made under, whenever it is answered.
        bytes32 other = keccak256("asked before");
        PoCReport memory report = attestation(other);
        report.configVersion = 1;
        attest(report);
        eq(posts.resultOf(other).finalAt, block.timestamp + 7 days, "as of its version");
    }

    function test_OnlyTheHubWrites() public {
        PoCReport memory report = attestation(OWN);
        vm.expectRevert(abi.encodeWithSelector(IPostErrors.UnauthorizedHub.selector, address(this)));
        posts.record(report, address(0), false);
    }

    function redirects(address beneficiary, uint256 redirectBps) private view {
        (address actual, uint16 bps) = posts.redirectOf(POST);
        eq(actual, beneficiary, "beneficiary");
        eq(bps, redirectBps, "redirect");
    }
}
