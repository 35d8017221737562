// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    IDisputeErrors,
    IHubErrors,
    IPolicyErrors,
    IPostErrors,
    IQuorumErrors,
    IRootErrors
} from "../../src/interfaces/IErrors.sol";
import {Authorisation} from "../../src/interfaces/IPlatforms.sol";
import {IPoCHub} from "../../src/interfaces/IPoCHub.sol";
import {IPostRegistry} from "../../src/interfaces/IPostRegistry.sol";
import {Outcome, PostStatus} from "../../src/types/Codes.sol";
import {PoCReport, PostResult, SignedStatement, VerificationRequest} from "../../src/types/Reports.sol";
import {Vm} from "../utils/Vm.sol";
import {Economy} from "../utils/Economy.sol";

/// @notice What is tried against results that are kept in two slots, in batches and under roots.
contract ResultFaultsTest is Economy {
    address private constant MALLORY = address(0xBAD);
    address private constant WALLET = address(0x3A11E7);
    bytes32 private constant LATER = keccak256("a later post");

    // ---- who was first

    /// @dev A re-analysis, a ruling and a review each write the result again; the work is as old as it was.
    function test_A31_TheElderWorkStaysTheElder() public {
        VerificationRequest memory r = aRequest();
        fulfill(reportFor(ask(r)));
        uint256 first = block.timestamp;
        vm.warp(first + 1 hours);
        copy(LATER, 9_800);
        vm.warp(first + 2 hours);
        fulfill(reportFor(ask(r)));
        PostResult memory elder = posts.resultOf(POST);
        eq(elder.revision, 2, "analysed again");
        eq(elder.recordedAt, first + 2 hours, "just now");
        eq(elder.firstRecordedAt, first, "and as old as before");
        // The copyist cannot claim it back; the creator of the elder work can claim.
        PoCReport memory other = attestation(keccak256("hers"));
        other.creator = MALLORY;
        attest(other);
        uint256 bond = disputes.claimBondOf(POST, MALLORY);
        vm.deal(MALLORY, bond);
        vm.prank(MALLORY);
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.NotEarlier.selector, POST, keccak256("hers")));
        disputes.claim{value: bond}(POST, keccak256("hers"), EVIDENCE);
        bond = disputes.claimBondOf(keccak256("hers"), CREATOR);
        vm.deal(CREATOR, bond);
        vm.prank(CREATOR);
        disputes.claim{value: bond}(keccak256("hers"), POST, EVIDENCE);
    }

    function test_A31_ARulingMakesNobodyYounger() public {
        copy(POST, 9_800);
        uint256 first = block.timestamp;
        uint256 id = dispute(POST);
        ruled(id, Outcome.ORIGINAL);
        vm.warp(block.timestamp + 4 days);
        disputes.settle(id);
        eq(posts.resultOf(POST).firstRecordedAt, first, "as old as before");
        yes(posts.resultOf(POST).recordedAt > first, "decided later");
    }

    /// @dev A work under a root is as old as the root, however late somebody needs its leaf.
    function test_A31_ALeafIsAsOldAsItsRoot() public {
        (PoCReport[] memory reports, bytes32[] memory proof) = rooted();
        uint256 posted = block.timestamp;
        vm.warp(posted + 30 days);
        original(POST);
        vm.warp(posted + 60 days);
        roots.postLeaf(reports[0], proof);
        PostResult memory leaf = posts.resultOf(reports[0].postId);
        eq(leaf.firstRecordedAt, posted, "of the root");
        eq(leaf.finalAt, block.timestamp + 7 days, "its window starts now");
        yes(leaf.firstRecordedAt < posts.resultOf(POST).firstRecordedAt, "the elder");
    }

    // ---- roots of a stolen key

    function test_A32_ARootOfAStolenKeyHoldsNothingBack() public {
        (PoCReport[] memory reports, bytes32[] memory proof) = rooted();
        roots.postLeaf(reports[1], proofOf(reports, 1));
        oracles.revokeSigner(vm.addr(KEY), 1);
        yes(oracles.isRevokedEpoch(1), "ended by a revocation");
        vm.expectRevert(abi.encodeWithSelector(IRootErrors.EpochRevoked.selector, 1));
        roots.postLeaf(reports[0], proof);
        eq(posts.statusOf(reports[1].postId), PostStatus.PROVISIONAL, "what was posted can be disputed");
        // Also later, under whatever set follows.
        address[] memory signers = new address[](1);
        signers[0] = vm.addr(0xB0B);
        oracles.setSigners(signers, 1, 0);
        vm.expectRevert(abi.encodeWithSelector(IRootErrors.EpochRevoked.selector, 1));
        roots.postLeaf(reports[0], proof);
    }

    function test_A32_AProofAgainstOneSignerVoidsNothingThatAQuorumPublished() public {
        uint256[] memory keys = threeSigners(2);
        PoCReport[] memory reports = new PoCReport[](1);
        reports[0] = attestation(OWN);
        bytes32[] memory leaves = new bytes32[](1);
        leaves[0] = roots.leafOf(reports[0]);
        uint64 until = uint64(block.timestamp + 1 hours);
        bytes32 digest = hub.hashRoot(leaves[0], 1, until, 2);
        bytes[] memory signatures = new bytes[](2);
        (signatures[0], signatures[1]) = (signature(keys[0], digest), signature(keys[1], digest));
        roots.postRoot(reports, until, 2, signatures);
        PoCReport memory said = attestation(LATER);
        PoCReport memory other = derivative(attestation(LATER), 9_800);
        bytes memory first = signature(keys[2], hub.hashReport(said));
        oracles.reportEquivocation(said, first, other, signature(keys[2], hub.hashReport(other)));
        no(oracles.isRevokedEpoch(2), "the others signed it too");
        roots.postLeaf(reports[0], new bytes32[](0));
        yes(posts.hasBadge(OWN), "posted");
    }

    function test_A32_APlannedChangeOfSignersVoidsNoRoot() public {
        (PoCReport[] memory reports, bytes32[] memory proof) = rooted();
        address[] memory signers = new address[](1);
        signers[0] = vm.addr(0xB0B);
        oracles.setSigners(signers, 1, 0);
        no(oracles.isRevokedEpoch(1), "ended as planned");
        roots.postLeaf(reports[0], proof);
        yes(posts.hasBadge(reports[0].postId), "posted");
    }

    // ---- a linked wallet

    function test_A33_TheWalletOfACreatorWithoutOneAsksAgain() public {
        address alice = links.accountOf("alice");
        PoCReport memory r = derivative(attestation(OWN), 9_800);
        r.creator = alice;
        attest(r);
        VerificationRequest memory again = aRequest();
        (again.postId, again.creator) = (OWN, alice);
        // Before it is linked, its request is about a post of its own.
        vm.prank(WALLET);
        bytes32 id = hub.requestVerification(again);
        yes(hub.getRequest(id).postId != OWN, "a stranger's");
        link("alice", WALLET);
        vm.prank(WALLET);
        id = hub.requestVerification(again);
        eq(hub.getRequest(id).postId, OWN, "the post itself");
        fulfill(reportFor(id));
        yes(posts.hasBadge(OWN), "decided anew");
        eq(posts.resultOf(OWN).creator, alice, "still hers");
        // Nobody else's wallet.
        vm.prank(MALLORY);
        id = hub.requestVerification(again);
        yes(hub.getRequest(id).postId != OWN, "a stranger's");
    }

    function test_A33_AWalletThatIsNoLongerLinkedIsNotAnswered() public {
        address alice = links.accountOf("alice");
        PoCReport memory r = derivative(attestation(OWN), 9_800);
        r.creator = alice;
        attest(r);
        link("alice", WALLET);
        VerificationRequest memory again = aRequest();
        (again.postId, again.creator) = (OWN, alice);
        vm.prank(WALLET);
        bytes32 id = hub.requestVerification(again);
        links.relink(alice, CREATOR);
        fulfillReverts(
            reportFor(id), abi.encodeWithSelector(IPostErrors.NotPostRequester.selector, OWN, WALLET)
        );
    }

    // ---- name spaces

    /// @dev The thief of a quorum attests a platform's post before the platform asks, in her own name, and waits.
    function test_A34_WhoOwnsTheNameSpaceHasTheLastWordAboutWhosePostItIs() public {
        bytes32 platformId = platform();
        bytes32 postId = hub.postIdOf(platformId, "4711");
        PoCReport memory squat = attestation(postId);
        squat.creator = MALLORY;
        squat.contentHash = keccak256("harmless");
        squat.requestId = hub.attestationId(postId, squat.contentHash);
        attest(squat);
        makeFinal();
        bytes32 id = askFor(platformId, "4711", CREATOR);
        // Nobody else's request about it comes that far.
        VerificationRequest memory r = aRequest();
        r.postId = postId;
        yes(hub.getRequest(ask(r)).postId != postId, "a post of the asker's");
        fulfill(derivative(reportFor(id), 9_800));
        PostResult memory result = posts.resultOf(postId);
        eq(result.creator, CREATOR, "the platform's word");
        eq(result.requester, PLATFORM, "and its post from now on");
        eq(result.contentHash, CONTENT, "of its media");
        eq(result.firstRecordedAt, block.timestamp, "as old as its request");
        eq(result.status, PostStatus.PROVISIONAL, "with a window of its own");
        no(posts.hasBadge(postId), "no badge is left");
        tip(postId, 100);
        owns(MALLORY, 0, "nothing more");
        // Once: what was asked for is nobody's to rename, not even the platform's.
        id = askFor(platformId, "4711", MALLORY);
        fulfillReverts(
            reportFor(id), abi.encodeWithSelector(IPostErrors.CreatorMismatch.selector, CREATOR, MALLORY)
        );
    }

    /// @dev What was attested for the platform, as it wanted, it can have analysed again like any other.
    function test_A34_APlatformsUploadIsAttestedInItsNameSpace() public {
        bytes32 platformId = platform();
        bytes32 postId = hub.postIdOf(platformId, "4711");
        attest(derivative(attestation(postId), 9_800));
        uint256 first = block.timestamp;
        vm.warp(first + 1 days);
        fulfill(derivative(reportFor(askFor(platformId, "4711", CREATOR)), 9_900));
        PostResult memory result = posts.resultOf(postId);
        eq(result.revision, 2, "again");
        eq(result.finalAt, first + 7 days, "the same verdict, the same window");
        vm.warp(first + 8 days);
        bytes32 id = askFor(platformId, "4711", CREATOR);
        fulfillReverts(reportFor(id), abi.encodeWithSelector(IPostErrors.PostFinal.selector, postId));
    }

    function test_A34_NothingIsTakenOverWhileItIsDecided() public {
        bytes32 platformId = platform();
        bytes32 postId = hub.postIdOf(platformId, "4711");
        attest(derivative(attestation(postId), 9_800));
        bytes32 id = askFor(platformId, "4711", MALLORY);
        dispute(postId);
        fulfillReverts(reportFor(id), abi.encodeWithSelector(IPostErrors.PostDisputed.selector, postId));
    }

    // ---- two slots

    function test_AnOriginalTakesTwoSlots() public {
        vm.record();
        original(OWN);
        (, bytes32[] memory writes) = vm.accesses(address(posts));
        eq(writes.length, 2, "two");
        PostResult memory r = posts.resultOf(OWN);
        eq(r.creator, CREATOR, "creator");
        eq(r.requester, CREATOR, "requester");
        eq(r.outcome, Outcome.ORIGINAL, "outcome");
        eq(r.mediaType, 1, "media");
        eq(r.similarityBps, 1_200, "similarity");
        eq(r.tier, 1, "tier");
        eq(r.configVersion, 1, "version");
        eq(r.status, PostStatus.PROVISIONAL, "status");
        eq(r.firstRecordedAt, block.timestamp, "first");
        eq(r.recordedAt, block.timestamp, "recorded");
        eq(r.finalAt, block.timestamp + 7 days, "final");
        eq(r.revision, 1, "revision");
        eq(uint256(r.contentHash), 0, "not shown");
    }

    /// @dev What is not on the chain is proven by the report of the event, to the last field.
    function test_TheEventHoldsTheReportThatTheCommitmentIsOf() public {
        PoCReport memory r = attestation(OWN);
        vm.recordLogs();
        attest(r);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        eq(logs[0].topics[0], IPostRegistry.PostResultRecorded.selector, "recorded");
        eq(logs[0].topics[1], OWN, "post");
        eq(logs[0].topics[2], r.requestId, "request");
        eq(address(uint160(uint256(logs[0].topics[3]))), CREATOR, "creator");
        (uint16 redirectBps, uint16 revision, PoCReport memory told) =
            abi.decode(logs[0].data, (uint16, uint16, PoCReport));
        eq(redirectBps, 0, "redirect");
        eq(revision, 1, "revision");
        yes(posts.isOfReport(told), "the report of the event");
        for (uint256 field; field < 18; ++field) {
            (,, PoCReport memory other) = abi.decode(logs[0].data, (uint16, uint16, PoCReport));
            assembly {
                let word := add(other, mul(field, 0x20))
                mstore(word, add(mload(word), 1))
            }
            no(posts.isOfReport(other), "another");
            vm.expectPartialRevert(IPostErrors.NotTheStandingReport.selector);
            posts.show(other);
        }
        vm.prank(MALLORY);
        posts.show(told);
        eq(posts.resultOf(OWN).contentHash, CONTENT, "shown");
        posts.show(told);
    }

    /// @dev Nobody could tell whether the new analysis is of the same media.
    function test_AnOriginalIsAnalysedAgainOnceItsReportIsShown() public {
        PoCReport memory r = attestation(OWN);
        attest(r);
        VerificationRequest memory again = aRequest();
        again.postId = OWN;
        vm.prank(CREATOR);
        vm.expectRevert(abi.encodeWithSelector(IPostErrors.ReportNotShown.selector, OWN));
        hub.requestVerification(again);
        posts.show(r);
        vm.startPrank(CREATOR);
        bytes32 same = hub.requestVerification(again);
        again.contentHash = keccak256("harmless");
        bytes32 other = hub.requestVerification(again);
        vm.stopPrank();
        fulfillReverts(
            reportFor(other),
            abi.encodeWithSelector(IPostErrors.ContentHashMismatch.selector, CONTENT, keccak256("harmless"))
        );
        fulfill(reportFor(same));
        eq(posts.resultOf(OWN).revision, 2, "again");
        eq(posts.resultOf(OWN).contentHash, CONTENT, "still shown");
        no(posts.isOfReport(r), "of the later report");
    }

    // ---- one signature for many

    function test_ABadReportInABatchIsSkippedAndTheOthersGoOn() public {
        PoCReport[] memory reports = new PoCReport[](5);
        for (uint256 i; i < 5; ++i) {
            reports[i] = attestation(keccak256(abi.encode(i)));
        }
        reports[1].configVersion = 9;
        reports[2].observedAt = uint64(block.timestamp + 1 days);
        reports[3] = reports[0];
        (uint64 until, bytes[] memory signatures,) = batchSigned(reports);
        vm.recordLogs();
        eq(hub.attestBatch(reports, until, 1, signatures), 2, "the sound ones");
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 skipped;
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] != IPoCHub.ReportSkipped.selector) continue;
            ++skipped;
            eq(logs[i].topics[1], reports[skipped].requestId, "which");
            bytes memory reason = abi.decode(logs[i].data, (bytes));
            bytes4 kind = skipped == 1
                ? IPolicyErrors.UnknownConfigVersion.selector
                : skipped == 2
                    ? IHubErrors.ObservedInFuture.selector
                    : IPostErrors.PostAlreadyRecorded.selector;
            eq(bytes32(bytes4(reason)), kind, "why");
        }
        eq(skipped, 3, "the others");
        yes(posts.hasBadge(reports[0].postId) && posts.hasBadge(reports[4].postId), "recorded");
        eq(posts.statusOf(reports[1].postId), PostStatus.NONE, "no such policy");
        eq(posts.statusOf(reports[2].postId), PostStatus.NONE, "still to come");
        eq(hub.attestBatch(reports, until, 1, signatures), 0, "a replay records nothing");
    }

    function test_ABatchIsSignedAsAWholeOrRefused() public {
        PoCReport[] memory reports = new PoCReport[](2);
        (reports[0], reports[1]) = (attestation(OWN), attestation(LATER));
        (uint64 until, bytes[] memory signatures,) = batchSigned(reports);
        // Another report, another order, another date, another set of signers, nothing: no batch.
        reports[1].creator = MALLORY;
        vm.expectPartialRevert(IQuorumErrors.UnauthorizedOracle.selector);
        hub.attestBatch(reports, until, 1, signatures);
        reports[1].creator = CREATOR;
        vm.expectPartialRevert(IQuorumErrors.UnauthorizedOracle.selector);
        hub.attestBatch(reports, until + 1, 1, signatures);
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.StaleSignerEpoch.selector, 1, 2));
        hub.attestBatch(reports, until, 2, signatures);
        PoCReport[] memory none;
        vm.expectRevert(IHubErrors.EmptyBatch.selector);
        hub.attestBatch(none, until, 1, signatures);
        vm.warp(until + 1);
        vm.expectRevert(abi.encodeWithSelector(IHubErrors.ReportExpired.selector, 0, until));
        hub.attestBatch(reports, until, 1, signatures);
        eq(posts.statusOf(OWN), PostStatus.NONE, "nothing");
    }

    /// @dev A report that ran out is out, also where the batch's signature lasts longer.
    function test_ABatchKeepsNoReportAlive() public {
        PoCReport[] memory reports = new PoCReport[](2);
        (reports[0], reports[1]) = (attestation(OWN), attestation(LATER));
        reports[0].validUntil = uint64(block.timestamp + 1);
        (uint64 until, bytes[] memory signatures,) = batchSigned(reports);
        vm.warp(block.timestamp + 2);
        eq(hub.attestBatch(reports, until, 1, signatures), 1, "the other");
        eq(posts.statusOf(OWN), PostStatus.NONE, "ran out");
    }

    /// @dev What a signer says in a batch binds it like what it says alone.
    function test_A35_TwoWordsInTwoBatchesAreProof() public {
        uint256[] memory keys = threeSigners(2);
        PoCReport memory other = derivative(attestation(OWN), 9_800);
        SignedStatement memory said = inABatch(keys[1], attestation(OWN), 1);
        SignedStatement memory same = inABatch(keys[1], attestation(OWN), 2);
        SignedStatement memory anothers = inABatch(keys[2], other, 1);
        SignedStatement memory contrary = inABatch(keys[1], other, 1);
        SignedStatement memory alone;
        (alone.report, alone.signature) = (other, signature(keys[1], hub.hashReport(other)));
        vm.expectRevert(
            abi.encodeWithSelector(IQuorumErrors.NotEquivocal.selector, other.requestId, other.requestId)
        );
        oracles.reportBatchEquivocation(said, same);
        vm.expectPartialRevert(IQuorumErrors.UnauthorizedOracle.selector);
        oracles.reportBatchEquivocation(said, anothers);
        // Of a batch of another size: another digest, hence nobody's word.
        contrary.count = 3;
        vm.expectPartialRevert(IQuorumErrors.UnauthorizedOracle.selector);
        oracles.reportBatchEquivocation(said, contrary);
        contrary.count = 2;
        uint256 id = vm.snapshotState();
        oracles.reportBatchEquivocation(said, contrary);
        no(oracles.isSigner(vm.addr(keys[1])), "out");
        vm.revertToState(id);
        oracles.reportBatchEquivocation(said, alone);
        no(oracles.isSigner(vm.addr(keys[1])), "out");
        vm.revertToState(id);
        // What is published under a root is a word too.
        contrary.published = true;
        vm.expectPartialRevert(IQuorumErrors.UnauthorizedOracle.selector);
        oracles.reportBatchEquivocation(said, contrary);
        bytes32[] memory leaves = new bytes32[](2);
        (leaves[0], leaves[1]) = (roots.leafOf(other), contrary.proof[0]);
        bytes32 digest = hub.hashRoot(roots.rootOf(leaves), 2, contrary.validUntil, other.signerEpoch);
        contrary.signature = signature(keys[1], digest);
        oracles.reportBatchEquivocation(said, contrary);
        no(oracles.isSigner(vm.addr(keys[1])), "out");
    }

    /// @dev Once a batch has run out its signer may conclude otherwise.
    function test_A35_ABatchThatRanOutBindsNobody() public {
        uint256[] memory keys = threeSigners(2);
        SignedStatement memory said = inABatch(keys[1], attestation(OWN), 1);
        vm.warp(said.validUntil + 1);
        SignedStatement memory later = inABatch(keys[1], derivative(attestation(OWN), 9_800), 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IQuorumErrors.ProofExpired.selector, said.report.requestId, said.validUntil
            )
        );
        oracles.reportBatchEquivocation(said, later);
    }

    // ---- steps

    function platform() private returns (bytes32 platformId) {
        vm.startPrank(PLATFORM);
        platformId = platforms.register(PLATFORM);
        platforms.setKey(platformId, PLATFORM, true);
        vm.stopPrank();
    }

    function askFor(bytes32 platformId, bytes32 name, address creator) private returns (bytes32) {
        VerificationRequest memory r = aRequest();
        (r.postId, r.creator) = (name, creator);
        vm.prank(PLATFORM);
        return hub.requestFor(platformId, r, Authorisation(PLATFORM, 0, ""));
    }

    function inABatch(uint256 key, PoCReport memory report, uint256 beside)
        private
        view
        returns (SignedStatement memory said)
    {
        said.report = report;
        (said.count, said.validUntil) = (2, uint64(block.timestamp + 1 hours));
        said.proof = new bytes32[](1);
        said.proof[0] = roots.leafOf(attestation(keccak256(abi.encode(beside))));
        bytes32[] memory leaves = new bytes32[](2);
        (leaves[0], leaves[1]) = (roots.leafOf(report), said.proof[0]);
        bytes32 digest = hub.hashBatch(roots.rootOf(leaves), 2, said.validUntil, report.signerEpoch);
        said.signature = signature(key, digest);
    }

    function rooted() private returns (PoCReport[] memory reports, bytes32[] memory proof) {
        reports = new PoCReport[](2);
        (reports[0], reports[1]) = (attestation(OWN), attestation(LATER));
        (uint64 until, bytes[] memory signatures,) = rootSigned(reports);
        roots.postRoot(reports, until, 1, signatures);
        proof = proofOf(reports, 0);
    }

    function proofOf(PoCReport[] memory reports, uint256 which)
        private
        view
        returns (bytes32[] memory proof)
    {
        proof = new bytes32[](1);
        proof[0] = roots.leafOf(reports[1 - which]);
    }

    function link(string memory handle, address wallet) private {
        address account = links.accountOf(handle);
        uint64 until = uint64(block.timestamp);
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = signature(KEY, links.hashLink(account, wallet, until, 1));
        links.link(handle, wallet, until, 1, signatures);
        vm.warp(block.timestamp + 2 days);
        address[] memory accounts = new address[](1);
        accounts[0] = account;
        links.complete(accounts);
    }
}
