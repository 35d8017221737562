// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    IDisputeErrors,
    IHubErrors,
    IPostErrors,
    IQuorumErrors,
    IRuleErrors
} from "../src/interfaces/IErrors.sol";
import {Dispute, IPoCDisputes} from "../src/interfaces/IPoCDisputes.sol";
import {IPoCHub} from "../src/interfaces/IPoCHub.sol";
import {CallbackStatus, DisputeStatus, Outcome, PostStatus, RequestStatus} from "../src/types/Codes.sol";
import {PoCReport, RequestRecord, VerificationRequest, VerificationResult} from "../src/types/Reports.sol";
import {Economy} from "./utils/Economy.sol";

/// @notice The second look: more signers than the first time, answered through the hub, and never the accuser's ruling.
contract ReviewsTest is Economy {
    uint256[] private keys;
    address private constant ARBITER = address(0xA1);

    function setUp() public override {
        super.setUp();
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = IPoCDisputes.rule.selector;
        manager.setTargetFunctionRole(address(disputes), selectors, 9);
        manager.grantRole(9, ARBITER, 0);
        keys = threeSigners(2);
        PoCReport memory report = derivative(reportFor(ask()), 9_800);
        hub.fulfill(report, signedBy(keys, 2, report));
    }

    // ---- the request

    function test_ADisputeAsksForOneSignatureMoreThanTheQuorum() public {
        uint64 seq = hub.requestCount() + 1;
        bytes32 expected = keccak256(
            bytes.concat(
                abi.encode(block.chainid, address(hub), address(disputes), seq, POST),
                abi.encode(CONTENT, uint8(1), CREATOR, uint8(3), keccak256(""))
            )
        );
        vm.expectEmit(address(hub));
        emit IPoCHub.VerificationRequested(
            expected,
            POST,
            address(disputes),
            seq,
            CONTENT,
            1,
            CREATOR,
            1,
            uint64(block.timestamp + 1 days),
            3,
            ""
        );
        vm.expectEmit(address(disputes));
        emit IPoCDisputes.DisputeOpened(1, POST, CREATOR, 1, 0, EVIDENCE, expected);
        uint256 id = dispute(POST);
        yes(disputes.disputeOf(id).reviewUntil != 0, "waits");
        eq(disputes.disputeOf(id).reviewUntil, block.timestamp + 1 days, "until");
        RequestRecord memory kept = hub.getRequest(expected);
        eq(kept.minSignatures, 3, "signatures");
        eq(kept.feeWei, 0, "free");
        eq(kept.consumer, address(disputes), "consumer");
    }

    function test_ASecondLookIsUnderThePolicyOfTheFirst() public {
        policy.setThreshold(1, 9_900);
        policy.setRequestTerms(1 gwei, 300);
        bytes32 requestId = open();
        RequestRecord memory kept = hub.getRequest(requestId);
        eq(kept.configVersion, 1, "the policy it was decided under");
        eq(kept.deadline, block.timestamp + 300, "with the time that requests have now");
        eq(kept.feeWei, 0, "and no fee");
    }

    /// @dev k of k, or one of one: nobody is left who could say more.
    function test_WithoutFurtherSignersTheArbiterRulesAlone() public {
        threeSigners(3);
        uint64 before = hub.requestCount();
        uint256 id = dispute(POST);
        eq(hub.requestCount(), before, "nobody is asked");
        eq(disputes.disputeOf(id).reviewUntil, 0, "nothing to wait for");
        arbiterRules(id, Outcome.ORIGINAL);
        eq(disputes.disputeOf(id).standing, Outcome.ORIGINAL, "ruled");
    }

    /// @dev Media nobody committed to cannot be found again by its hash: people decide.
    function test_WithoutAContentHashTheArbiterRulesAlone() public {
        VerificationRequest memory request = aRequest();
        request.postId = ORIGINAL_POST;
        request.contentHash = 0;
        PoCReport memory report = reportFor(ask(request));
        bytes32 postId = report.postId;
        report.contentHash = 0;
        report = derivative(report, 9_800);
        report.originalPostId = POST;
        hub.fulfill(report, signedBy(keys, 2, report));
        uint64 before = hub.requestCount();
        uint256 id = dispute(postId);
        eq(hub.requestCount(), before, "nobody is asked");
        eq(disputes.disputeOf(id).reviewUntil, 0, "nothing to wait for");
        vm.expectRevert(abi.encodeWithSelector(IHubErrors.NothingToVerify.selector, postId));
        vm.prank(address(disputes));
        hub.requestReview(postId, 3, 0);
    }

    function test_NeitherPauseNorCapStopsASecondLook() public {
        hub.pause();
        hub.setOpenRequestsCap(1);
        bytes32 requestId = open();
        eq(hub.getRequest(requestId).status, RequestStatus.PENDING, "asked");
        answer(requestId, Outcome.ORIGINAL, 1_200);
        eq(hub.openRequests(bytes32(uint256(uint160(address(disputes))))), 0, "never counted");
    }

    // ---- the answer

    function test_AnAnswerThatClearsThePostRules() public {
        bytes32 requestId = open();
        vm.expectEmit(address(disputes));
        emit IPoCDisputes.DisputeReviewed(1, POST, requestId, Outcome.ORIGINAL, keccak256("second look"));
        answer(requestId, Outcome.ORIGINAL, 1_200);
        Dispute memory kept = disputes.disputeOf(1);
        eq(kept.standing, Outcome.ORIGINAL, "standing");
        eq(kept.status, DisputeStatus.RULED, "ruled");
        eq(kept.arbiter, address(hub), "by the oracle");
        eq(kept.reasonHash, keccak256("second look"), "with its evidence as the reason");
        eq(posts.statusOf(POST), PostStatus.DISPUTED, "the post waits for the end of the dispute");
        vm.warp(block.timestamp + 3 days + 1);
        disputes.settle(1);
        yes(posts.hasBadge(POST), "badge");
    }

    function test_TheOtherSideMayBringAClearedPostBeforeAnArbiter() public {
        answer(open(), Outcome.LICENSED, 9_800);
        vm.deal(FIRST_CREATOR, 1 ether);
        vm.prank(FIRST_CREATOR);
        disputes.escalate{value: 0.01 ether}(1, EVIDENCE);
        eq(disputes.disputeOf(1).reviewUntil, 0, "no further look: people rule now");
        vm.prank(CREATOR);
        disputes.answer(1, REASON);
        vm.prank(ARBITER);
        disputes.rule(1, Outcome.DERIVATIVE, REASON);
        eq(disputes.disputeOf(1).standing, Outcome.DERIVATIVE, "back");
    }

    /// @dev The accuser does not decide: whoever repeats the accusation leaves the free round to the arbiter.
    function test_AnAnswerThatRepeatsTheAccusationIsEvidenceOnly() public {
        answer(open(), Outcome.DERIVATIVE, 9_700);
        Dispute memory kept = disputes.disputeOf(1);
        eq(kept.status, DisputeStatus.OPEN, "still open");
        eq(kept.reviewed, Outcome.DERIVATIVE, "on record");
        eq(posts.resultOf(POST).similarityBps, 9_800, "and the post is as it was");
        arbiterRules(1, Outcome.ORIGINAL);
        eq(disputes.disputeOf(1).standing, Outcome.ORIGINAL, "the arbiter is the last instance");
    }

    function test_AFailedOrUndecidedLookLeavesItToTheArbiter() public {
        answer(open(), Outcome.FAILED, 0);
        eq(disputes.disputeOf(1).reviewed, Outcome.FAILED, "on record");
        arbiterRules(1, Outcome.DERIVATIVE);
    }

    function test_NoArbiterRulesWhileASecondLookIsUnderWay() public {
        bytes32 requestId = open();
        uint256 until = block.timestamp + 1 days;
        vm.prank(FIRST_CREATOR);
        disputes.answer(1, REASON);
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.TooEarly.selector, 1, until));
        vm.prank(ARBITER);
        disputes.rule(1, Outcome.ORIGINAL, REASON);
        // The oracle's silence holds nobody up.
        vm.warp(until + 1);
        vm.prank(ARBITER);
        disputes.rule(1, Outcome.DERIVATIVE, REASON);
        hub.cancelRequest(requestId);
        eq(hub.getRequest(requestId).status, RequestStatus.CANCELLED, "expired");
    }

    function test_ALongRequestTimeoutDoesNotTakeTheArbitersTime() public {
        policy.setRequestTerms(0, 30 days);
        bytes32 requestId = open();
        eq(disputes.disputeOf(1).reviewUntil, block.timestamp + 3 days, "as long as an answer may take");
        vm.warp(block.timestamp + 3 days + 1);
        vm.prank(ARBITER);
        disputes.rule(1, Outcome.DERIVATIVE, REASON);
        // And what comes too late is taken by the hub, and changes nothing.
        answer(requestId, Outcome.ORIGINAL, 1_200);
        eq(disputes.disputeOf(1).standing, Outcome.DERIVATIVE, "as ruled");
        eq(hub.getRequest(requestId).callbackStatus, CallbackStatus.DELIVERED, "delivered");
        vm.warp(block.timestamp + 3 days + 1);
        disputes.settle(1);
        eq(posts.resultOf(POST).outcome, Outcome.DERIVATIVE, "kept");
    }

    function test_AnAnswerAfterTheSettlementChangesNothing() public {
        policy.setRequestTerms(0, 30 days);
        bytes32 requestId = open();
        vm.warp(block.timestamp + 14 days + 1);
        disputes.settle(1);
        answer(requestId, Outcome.ORIGINAL, 1_200);
        eq(posts.resultOf(POST).outcome, Outcome.DERIVATIVE, "silence kept it");
        eq(posts.resultOf(POST).revision, 1, "not written");
    }

    // ---- who may answer

    function test_TheQuorumOfTheFirstTimeIsNotEnough() public {
        bytes32 requestId = open();
        PoCReport memory report = second(requestId, Outcome.ORIGINAL, 1_200);
        bytes[] memory two = signedBy(keys, 2, report);
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.QuorumNotMet.selector, 3, 2));
        hub.fulfill(report, two);
    }

    function test_ASecondLookObeysTheRulesOfTheFirst() public {
        bytes32 requestId = open();
        PoCReport memory report = derivative(second(requestId, 0, 0), 9_400);
        refused(
            report,
            abi.encodeWithSelector(
                IRuleErrors.OutcomeContradictsPolicy.selector, Outcome.DERIVATIVE, 9_400, 9_500
            )
        );
        report = second(requestId, Outcome.ORIGINAL, 1_200);
        report.contentHash = keccak256("other media");
        refused(
            report,
            abi.encodeWithSelector(IPostErrors.ContentHashMismatch.selector, CONTENT, report.contentHash)
        );
        report = second(requestId, Outcome.ORIGINAL, 1_200);
        report.configVersion = 2;
        refused(report, abi.encodeWithSelector(IHubErrors.ConfigVersionMismatch.selector, 1, 2));
    }

    function test_OnlyTheHubDeliversAndOnlyWhatWasAskedFor() public {
        VerificationResult memory result;
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.NotTheHub.selector, address(this)));
        disputes.onVerification(keccak256("id"), result);
        // Somebody else's request that names the disputes as its consumer.
        bytes32 stray = keccak256("stray");
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.UnknownReview.selector, stray));
        vm.prank(address(hub));
        disputes.onVerification(stray, result);
    }

    /// @dev Nobody asked for a report and nobody is the disputes contract: neither writes over a post.
    function test_WithoutADisputesContractNothingIsTakenForASecondLook() public {
        PoCReport memory again = attestation(OWN);
        bytes[] memory signatures = signedBy(keys, 2, again);
        hub.attest(again, signatures);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPostErrors.PostAlreadyRecorded.selector, OWN, posts.resultOf(OWN).commitment
            )
        );
        hub.attest(again, signatures);
    }

    /// @dev With thousands of random answers nothing but the two clearing ones rules, and none writes to the post.
    function testFuzz_OnlyAClearingAnswerRules(uint8 outcome, uint16 similarity) public {
        outcome = uint8(within(outcome, Outcome.ORIGINAL, Outcome.FAILED));
        similarity = uint16(
            outcome == Outcome.DERIVATIVE
                ? within(similarity, 9_500, 10_000)
                : within(similarity, 0, outcome == Outcome.ORIGINAL ? 9_499 : 10_000)
        );
        answer(open(), outcome, similarity);
        bool clears = outcome == Outcome.ORIGINAL || outcome == Outcome.LICENSED;
        eq(disputes.disputeOf(1).status, clears ? DisputeStatus.RULED : DisputeStatus.OPEN, "status");
        eq(disputes.disputeOf(1).standing, clears ? outcome : Outcome.DERIVATIVE, "standing");
        eq(posts.resultOf(POST).revision, 1, "the post was not written");
        eq(posts.statusOf(POST), PostStatus.DISPUTED, "nor freed");
    }

    // ---- steps

    function open() private returns (bytes32 requestId) {
        vm.recordLogs();
        dispute(POST);
        // The hub announces the request; its id is the first indexed value.
        requestId = vm.getRecordedLogs()[1].topics[1];
    }

    function second(bytes32 requestId, uint8 outcome, uint16 similarity)
        private
        view
        returns (PoCReport memory report)
    {
        report = reportFor(requestId);
        report.outcome = outcome;
        report.similarityBps = similarity;
        report.evidenceHash = keccak256("second look");
        if (outcome == Outcome.DERIVATIVE) report = derivative(report, similarity);
    }

    function answer(bytes32 requestId, uint8 outcome, uint16 similarity) private {
        PoCReport memory report = second(requestId, outcome, similarity);
        hub.fulfill(report, signedBy(keys, 3, report));
        eq(hub.getRequest(requestId).callbackStatus, CallbackStatus.DELIVERED, "delivered");
    }

    function refused(PoCReport memory report, bytes memory reason) private {
        bytes[] memory signatures = signedBy(keys, 3, report);
        vm.expectRevert(reason);
        hub.fulfill(report, signatures);
    }

    function arbiterRules(uint256 id, uint8 outcome) private {
        vm.prank(FIRST_CREATOR);
        disputes.answer(id, REASON);
        vm.prank(ARBITER);
        disputes.rule(id, outcome, REASON);
    }
}
