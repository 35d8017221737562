// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    IHubErrors,
    IPolicyErrors,
    IPostErrors,
    IQuorumErrors,
    IRuleErrors
} from "../src/interfaces/IErrors.sol";
import {IPoCHub} from "../src/interfaces/IPoCHub.sol";
import {Outcome, RequestStatus} from "../src/types/Codes.sol";
import {PoCReport, VerificationRequest} from "../src/types/Reports.sol";
import {System} from "./utils/System.sol";

/// @notice Which reports the hub accepts, one at a time and in batches.
contract ReportsTest is System {
    function test_TheDigestIsEip712() public view {
        PoCReport memory r = attestation(OWN);
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("CreativityOracle"),
                keccak256("1"),
                block.chainid,
                address(hub)
            )
        );
        bytes32 typeHash = keccak256(
            "PoCReport(bytes32 requestId,bytes32 postId,bytes32 contentHash,uint8 mediaType,uint8 outcome,uint16 similarityBps,address creator,address originalCreator,bytes32 originalPostId,bytes32 evidenceHash,bytes32 modelDigest,bytes32 indexSnapshot,uint64 configVersion,uint8 reason,uint64 observedAt,uint64 validUntil,uint64 signerEpoch,address transmitter)"
        );
        // Field by field in two halves, as EIP-712 spells it, rather than through the struct's own encoding.
        bytes memory first = abi.encode(
            typeHash, r.requestId, r.postId, r.contentHash, r.mediaType, r.outcome, r.similarityBps, r.creator
        );
        bytes memory second = abi.encode(
            r.originalCreator,
            r.originalPostId,
            r.evidenceHash,
            r.modelDigest,
            r.indexSnapshot,
            r.configVersion,
            r.reason,
            r.observedAt,
            r.validUntil,
            r.signerEpoch,
            r.transmitter
        );
        bytes32 structHash = keccak256(bytes.concat(first, second));
        eq(hub.hashReport(r), keccak256(abi.encodePacked("\x19\x01", domain, structHash)), "digest");
    }

    // ---- fulfilment

    function test_FulfilmentIsAnnounced() public {
        bytes32 requestId = ask();
        vm.expectEmit(address(hub));
        emit IPoCHub.VerificationFulfilled(
            requestId, POST, Outcome.DERIVATIVE, 9_800, 6_000, FIRST_CREATOR, keccak256("evidence")
        );
        fulfill(derivative(reportFor(requestId), 9_800));
        eq(hub.getRequest(requestId).status, RequestStatus.FULFILLED, "status");
        eq(hub.getRequest(requestId).outcome, Outcome.DERIVATIVE, "outcome");
    }

    function test_ARequestIsFulfilledOnce() public {
        PoCReport memory report = reportFor(ask());
        fulfill(report);
        fulfillReverts(
            report,
            abi.encodeWithSelector(
                IHubErrors.RequestNotPending.selector, report.requestId, RequestStatus.FULFILLED
            )
        );
    }

    function testFuzz_WhatNobodyAskedForIsNotFulfilled(bytes32 requestId) public {
        PoCReport memory report = attestation(OWN);
        report.requestId = requestId;
        fulfillReverts(
            report,
            abi.encodeWithSelector(IHubErrors.RequestNotPending.selector, requestId, RequestStatus.NONE)
        );
    }

    function test_AnUnauthorizedOracleIsRefused() public {
        PoCReport memory report = reportFor(ask());
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = signature(0xBAD, hub.hashReport(report));
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.UnauthorizedOracle.selector, vm.addr(0xBAD)));
        hub.fulfill(report, signatures);
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.QuorumNotMet.selector, 1, 0));
        hub.fulfill(report, new bytes[](0));
    }

    function testFuzz_NoFieldCanBeChangedAfterSigning(uint8 field, uint256 value) public {
        PoCReport memory report = reportFor(ask());
        bytes[] memory signatures = sign(report);
        bytes32 digest = hub.hashReport(report);
        // The report in memory is eighteen words; overwrite one with another value that fits its type.
        uint256 index = within(field, 1, 17);
        uint256 mask = index == 3 || index == 4 || index == 13
            ? type(uint8).max
            : index == 5
                ? type(uint16).max
                : index == 6 || index == 7 || index == 17
                    ? type(uint160).max
                    : index > 11 ? type(uint64).max : type(uint256).max;
        assembly {
            mstore(add(report, mul(32, index)), and(value, mask))
        }
        vm.assume(hub.hashReport(report) != digest);
        (bool ok, bytes memory data) =
            address(hub).call(abi.encodeCall(IPoCHub.fulfill, (report, signatures)));
        no(ok, "refused");
        bytes4 selector = bytes4(data);
        yes(
            selector == IQuorumErrors.UnauthorizedOracle.selector
                || selector == IQuorumErrors.StaleSignerEpoch.selector,
            "as unsigned"
        );
    }

    function test_ASupersededEpochIsRefused() public {
        PoCReport memory report = reportFor(ask());
        bytes[] memory signatures = sign(report);
        oracles.setSigners(oracles.signers(), 1, 0);
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.StaleSignerEpoch.selector, 1, 2));
        hub.fulfill(report, signatures);
    }

    function test_ARevokedSignerIsRefused() public {
        PoCReport memory report = reportFor(ask());
        oracles.revokeSigner(vm.addr(KEY), 0);
        report.signerEpoch = 2;
        fulfillReverts(
            report, abi.encodeWithSelector(IQuorumErrors.UnauthorizedOracle.selector, vm.addr(KEY))
        );
    }

    function test_AReportAnswersItsRequestAndNoOther() public {
        bytes32 requestId = ask();
        PoCReport memory report = reportFor(requestId);
        report.postId = ORIGINAL_POST;
        fulfillReverts(
            report, abi.encodeWithSelector(IHubErrors.PostIdMismatch.selector, POST, ORIGINAL_POST)
        );

        report = reportFor(requestId);
        report.mediaType = 2;
        fulfillReverts(report, abi.encodeWithSelector(IPostErrors.MediaTypeMismatch.selector, 1, 2));

        report = reportFor(requestId);
        report.creator = FIRST_CREATOR;
        fulfillReverts(
            report, abi.encodeWithSelector(IPostErrors.CreatorMismatch.selector, CREATOR, FIRST_CREATOR)
        );

        policy.setThreshold(1, 9_000);
        report = reportFor(requestId);
        report.configVersion = 2;
        fulfillReverts(report, abi.encodeWithSelector(IHubErrors.ConfigVersionMismatch.selector, 1, 2));

        report = reportFor(requestId);
        report.contentHash = keccak256("other content");
        fulfillReverts(
            report,
            abi.encodeWithSelector(IPostErrors.ContentHashMismatch.selector, CONTENT, report.contentHash)
        );
    }

    function testFuzz_WithoutACommitmentAnyContentIsAccepted(bytes32 contentHash) public {
        VerificationRequest memory request = aRequest();
        request.contentHash = 0;
        PoCReport memory report = reportFor(ask(request));
        report.contentHash = contentHash;
        fulfill(report);
        eq(posts.resultOf(POST).contentHash, contentHash, "as observed");
    }

    function test_AnExpiredReportIsRefused() public {
        PoCReport memory report = reportFor(ask());
        vm.warp(report.validUntil + 1);
        fulfillReverts(
            report,
            abi.encodeWithSelector(IHubErrors.ReportExpired.selector, report.requestId, report.validUntil)
        );
        vm.warp(report.validUntil);
        fulfill(report);
    }

    function test_AnObservationFromTheFutureIsRefused() public {
        PoCReport memory report = reportFor(ask());
        report.observedAt = uint64(block.timestamp + 5 minutes + 1);
        fulfillReverts(
            report,
            abi.encodeWithSelector(IHubErrors.ObservedInFuture.selector, report.requestId, report.observedAt)
        );
        report.observedAt -= 1;
        fulfill(report);
    }

    // ---- attestation

    function test_AnAttestationIsRecorded() public {
        PoCReport memory report = derivative(attestation(OWN), 9_900);
        attest(report);
        (address beneficiary, uint16 redirectBps) = posts.redirectOf(OWN);
        eq(beneficiary, FIRST_CREATOR, "beneficiary");
        eq(redirectBps, 8_000, "redirect");
        eq(posts.resultOf(OWN).requester, CREATOR, "the creator may ask for a re-analysis");
    }

    function test_AnAttestationsIdFollowsFromPostAndContent() public {
        bytes32 id = keccak256(abi.encode(block.chainid, address(hub), bytes32("attestation"), OWN, CONTENT));
        eq(hub.attestationId(OWN, CONTENT), id, "id");
        PoCReport memory report = attestation(OWN);
        report.requestId = keccak256("another id");
        attestReverts(
            report, abi.encodeWithSelector(IHubErrors.InvalidAttestationId.selector, id, report.requestId)
        );
    }

    function test_AnAttestationIsMadeOnce() public {
        PoCReport memory report = attestation(OWN);
        attest(report);
        attestReverts(
            report,
            abi.encodeWithSelector(
                IPostErrors.PostAlreadyRecorded.selector, OWN, posts.resultOf(OWN).commitment
            )
        );
        eq(hub.getRequest(report.requestId).status, RequestStatus.NONE, "the hub keeps no record of it");
    }

    function test_APostWithAResultIsNotAttestedAgainUnderOtherContent() public {
        attest(attestation(OWN));
        PoCReport memory report = attestation(OWN);
        bytes28 before = posts.resultOf(OWN).commitment;
        report.contentHash = keccak256("other content");
        report.requestId = hub.attestationId(OWN, report.contentHash);
        attestReverts(report, abi.encodeWithSelector(IPostErrors.PostAlreadyRecorded.selector, OWN, before));
    }

    function test_AnAttestationIsAboutSomething() public {
        PoCReport memory report = attestation(OWN);
        report.postId = 0;
        report.requestId = hub.attestationId(0, CONTENT);
        attestReverts(report, abi.encodeWithSelector(IHubErrors.MissingPostId.selector));

        report = attestation(OWN);
        report.contentHash = 0;
        report.requestId = hub.attestationId(OWN, 0);
        attestReverts(report, abi.encodeWithSelector(IHubErrors.MissingContentHash.selector, OWN));

        report = attestation(OWN);
        report.creator = address(0);
        attestReverts(report, abi.encodeWithSelector(IHubErrors.MissingCreator.selector, OWN));

        report = attestation(OWN);
        report.outcome = Outcome.FAILED;
        attestReverts(report, abi.encodeWithSelector(IRuleErrors.InvalidOutcome.selector, Outcome.FAILED));
    }

    function test_AnAttestationNamesAnExistingPolicyAndMedia() public {
        PoCReport memory report = attestation(OWN);
        report.configVersion = 2;
        attestReverts(report, abi.encodeWithSelector(IPolicyErrors.UnknownConfigVersion.selector, 2));
        report.configVersion = 1;
        report.mediaType = 4;
        attestReverts(report, abi.encodeWithSelector(IRuleErrors.InvalidMediaType.selector, 4));
    }

    function test_AnUnsignedAttestationIsRefused() public {
        PoCReport memory report = attestation(OWN);
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = signature(0xBAD, hub.hashReport(report));
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.UnauthorizedOracle.selector, vm.addr(0xBAD)));
        hub.attest(report, signatures);
    }

    // ---- batches

    function test_ABadReportIsSkippedAndTheRestSettled() public {
        setFee(3);
        PoCReport[] memory reports = new PoCReport[](4);
        reports[0] = reportFor(ask());
        reports[1] = derivative(attestation(keccak256("second")), 9_000); // below the threshold
        reports[2] = derivative(attestation(keccak256("third")), 9_800);
        reports[3] = reports[0]; // settled by then
        bytes[][] memory signatures = new bytes[][](4);
        for (uint256 i; i < 4; ++i) {
            signatures[i] = sign(reports[i]);
        }
        vm.expectEmit(address(hub));
        emit IPoCHub.ReportSkipped(
            reports[1].requestId,
            abi.encodeWithSelector(
                IRuleErrors.OutcomeContradictsPolicy.selector, Outcome.DERIVATIVE, 9_000, 9_500
            )
        );
        vm.expectEmit(address(hub));
        emit IPoCHub.ReportSkipped(
            reports[3].requestId,
            abi.encodeWithSelector(
                IHubErrors.RequestNotPending.selector, reports[3].requestId, RequestStatus.FULFILLED
            )
        );
        vm.prank(TRANSMITTER);
        eq(hub.fulfillBatch(reports, signatures), 2, "settled");
        yes(posts.hasBadge(POST), "request");
        eq(posts.resultOf(keccak256("second")).revision, 0, "skipped");
        eq(posts.resultOf(keccak256("third")).redirectBps, 6_000, "attestation");
        eq(hub.claimable(TRANSMITTER), 3, "paid to the transmitter, once");
    }

    function test_ABatchHasAsManySignatureListsAsReports() public {
        vm.expectRevert(abi.encodeWithSelector(IHubErrors.BatchLengthMismatch.selector, 1, 0));
        hub.fulfillBatch(new PoCReport[](1), new bytes[][](0));
    }

    function test_TheStepOfABatchIsTheHubsAlone() public {
        PoCReport memory report = attestation(OWN);
        bytes[] memory signatures = sign(report);
        vm.expectRevert(abi.encodeWithSelector(IHubErrors.OnlySelf.selector, address(this)));
        hub.settleFromBatch(report, signatures, address(this));
    }
}
