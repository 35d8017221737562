// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    IHubErrors,
    IPostErrors,
    IQuorumErrors,
    IRuleErrors,
    IUnknownPostError
} from "../src/interfaces/IErrors.sol";
import {IPoCHub} from "../src/interfaces/IPoCHub.sol";
import {RequestStatus} from "../src/types/Codes.sol";
import {PoCReport, RequestRecord, VerificationRequest} from "../src/types/Reports.sol";
import {RefusingPayee} from "./mocks/Consumers.sol";
import {System} from "./utils/System.sol";

/// @notice Asking, expiring, cancelling, and the fee on its way.
contract RequestsTest is System {
    function test_ARequestIsKeptAndAnnounced() public {
        VerificationRequest memory request = aRequest();
        bytes32 expected = requestIdOf(1, request);
        vm.expectEmit(address(hub));
        emit IPoCHub.VerificationRequested(
            expected,
            POST,
            REQUESTER,
            1,
            CONTENT,
            1,
            CREATOR,
            1,
            uint64(block.timestamp + 1 days),
            0,
            request.uri
        );
        bytes32 requestId = ask(request);
        eq(requestId, expected, "id");
        eq(hub.requestCount(), 1, "count");

        RequestRecord memory kept = hub.getRequest(requestId);
        eq(kept.requester, REQUESTER, "requester");
        eq(kept.creator, CREATOR, "creator");
        eq(kept.postId, POST, "post");
        eq(kept.contentHash, CONTENT, "content");
        eq(kept.mediaType, 1, "media type");
        eq(kept.configVersion, 1, "config version");
        eq(kept.status, RequestStatus.PENDING, "status");
        eq(kept.deadline, block.timestamp + 1 days, "deadline");
    }

    function test_TheSameRequestTwiceHasTwoIds() public {
        yes(ask() != ask(), "ids differ");
        eq(hub.requestCount(), 2, "count");
    }

    function test_ARequestStaysUnderThePolicyItWasMadeUnder() public {
        bytes32 before = ask();
        policy.setThreshold(1, 9_000);
        bytes32 later = ask();
        eq(hub.getRequest(before).configVersion, 1, "before");
        eq(hub.getRequest(later).configVersion, 2, "after");
    }

    function test_MalformedRequestsAreRefusedByName() public {
        VerificationRequest memory request = aRequest();
        request.postId = 0;
        refused(request, abi.encodeWithSelector(IHubErrors.MissingPostId.selector));

        request = aRequest();
        request.creator = address(0);
        refused(request, abi.encodeWithSelector(IHubErrors.MissingCreator.selector, NAME));

        request = aRequest();
        request.contentHash = 0;
        request.uri = "";
        refused(request, abi.encodeWithSelector(IHubErrors.NothingToVerify.selector, NAME));

        request = aRequest();
        request.callbackGas = 300_001;
        refused(request, abi.encodeWithSelector(IHubErrors.CallbackGasTooHigh.selector, 300_001, 300_000));
    }

    function testFuzz_OnlyThreeMediaTypesExist(uint8 mediaType) public {
        VerificationRequest memory request = aRequest();
        request.mediaType = mediaType;
        if (mediaType == 0 || mediaType > 3) {
            refused(request, abi.encodeWithSelector(IRuleErrors.InvalidMediaType.selector, mediaType));
        } else {
            eq(hub.getRequest(ask(request)).mediaType, mediaType, "media type");
        }
    }

    function test_TheUriIsBounded() public {
        VerificationRequest memory request = aRequest();
        request.uri = string(new bytes(2_048));
        ask(request);
        request.uri = string(new bytes(2_049));
        refused(request, abi.encodeWithSelector(IHubErrors.UriTooLong.selector, 2_049, 2_048));
    }

    function test_EitherUriOrContentHashIsEnough() public {
        VerificationRequest memory request = aRequest();
        request.uri = "";
        ask(request);
        request = aRequest();
        request.contentHash = 0;
        ask(request);
    }

    function testFuzz_TheFeeIsExact(uint96 fee, uint96 sent) public {
        fee = uint96(within(fee, 0, 1 ether));
        sent = uint96(within(sent, 0, 2 ether));
        setFee(fee);
        VerificationRequest memory request = aRequest();
        vm.deal(REQUESTER, sent);
        vm.prank(REQUESTER);
        if (fee != sent) {
            vm.expectRevert(abi.encodeWithSelector(IHubErrors.IncorrectFee.selector, fee, sent));
        }
        hub.requestVerification{value: sent}(request);
        eq(address(hub).balance, fee == sent ? fee : 0, "escrow");
    }

    function test_TheFeeGoesToWhoeverTransmits() public {
        setFee(1 gwei);
        bytes32 requestId = ask();
        fulfill(reportFor(requestId));
        eq(hub.claimable(TRANSMITTER), 1 gwei, "claimable");
        eq(hub.claimable(REQUESTER), 0, "nothing back");

        vm.prank(TRANSMITTER);
        eq(hub.withdraw(payable(address(0xBEEF))), 1 gwei, "sent");
        eq(address(0xBEEF).balance, 1 gwei, "received");
        eq(address(hub).balance, 0, "nothing left");
        vm.prank(TRANSMITTER);
        vm.expectRevert(abi.encodeWithSelector(IHubErrors.NothingToWithdraw.selector, TRANSMITTER));
        hub.withdraw(payable(TRANSMITTER));
    }

    function test_AFeeThatIsRefusedStaysClaimable() public {
        setFee(1 gwei);
        fulfill(reportFor(ask()));
        address payable payee = payable(address(new RefusingPayee()));
        vm.prank(TRANSMITTER);
        vm.expectRevert(abi.encodeWithSelector(IHubErrors.WithdrawalRefused.selector, payee));
        hub.withdraw(payee);
        eq(hub.claimable(TRANSMITTER), 1 gwei, "claimable");
    }

    function test_AnExpiredRequestIsCancelledByAnyoneAndRefunded() public {
        setFee(5 gwei);
        bytes32 requestId = ask();
        uint256 deadline = hub.getRequest(requestId).deadline;
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(IHubErrors.RequestNotExpired.selector, requestId, deadline));
        hub.cancelRequest(requestId);

        vm.warp(deadline + 1);
        PoCReport memory late = reportFor(requestId);
        fulfillReverts(late, abi.encodeWithSelector(IHubErrors.RequestExpired.selector, requestId, deadline));

        vm.prank(address(0x5712A6E2));
        hub.cancelRequest(requestId);
        eq(hub.getRequest(requestId).status, RequestStatus.CANCELLED, "status");
        eq(hub.claimable(REQUESTER), 5 gwei, "refund");

        bytes memory gone =
            abi.encodeWithSelector(IHubErrors.RequestNotPending.selector, requestId, RequestStatus.CANCELLED);
        vm.expectRevert(gone);
        hub.cancelRequest(requestId);
        fulfillReverts(late, gone);
    }

    function test_AFulfilledRequestCannotBeCancelled() public {
        bytes32 requestId = ask();
        fulfill(reportFor(requestId));
        vm.warp(block.timestamp + 2 days);
        vm.expectRevert(
            abi.encodeWithSelector(IHubErrors.RequestNotPending.selector, requestId, RequestStatus.FULFILLED)
        );
        hub.cancelRequest(requestId);
    }

    /// @dev A new fee and timeout are of a new policy version: an open request keeps its own.
    function test_NewTermsAreForLaterRequestsOnly() public {
        bytes32 before = ask();
        policy.setRequestTerms(7, 300);
        bytes32 later = ask();
        eq(hub.getRequest(before).feeWei, 0, "before");
        eq(hub.getRequest(before).deadline, block.timestamp + 1 days, "before");
        eq(hub.getRequest(later).feeWei, 7, "after");
        eq(hub.getRequest(later).deadline, block.timestamp + 300, "after");
        eq(hub.getRequest(later).configVersion, 2, "version");
        eq(hub.requestTimeout(), 300, "as of now");
        eq(hub.fee(), 7, "as of now");
    }

    // ---- what the id binds

    /// @dev Each of these changes what is analysed, whose it is, or how many must agree.
    function test_TheIdBindsUriCreatorAndSignatures() public {
        VerificationRequest memory request = aRequest();
        bytes32 plain = requestIdOf(1, request);
        request.uri = "https://b.example/p.jpg";
        yes(requestIdOf(1, request) != plain, "uri");
        eq(askIn(request), requestIdOf(1, request), "as the hub makes it");
        request = aRequest();
        request.creator = FIRST_CREATOR;
        yes(requestIdOf(1, request) != plain, "creator");
        eq(askIn(request), requestIdOf(2, request), "as the hub makes it");
        request = aRequest();
        request.minSignatures = 1;
        yes(requestIdOf(1, request) != plain, "signatures");
        eq(askIn(request), requestIdOf(3, request), "as the hub makes it");
    }

    // ---- more signatures than the quorum

    function test_ARequestCannotAskForMoreSignersThanThereAre() public {
        VerificationRequest memory request = aRequest();
        request.minSignatures = 2;
        refused(request, abi.encodeWithSelector(IQuorumErrors.QuorumUnavailable.selector, 2, 1));
        request.minSignatures = 1;
        eq(hub.getRequest(ask(request)).minSignatures, 1, "kept");
    }

    function test_AnAnswerNeedsTheSignaturesThatWereAskedFor() public {
        uint256[] memory keys = threeSigners(2);
        VerificationRequest memory request = aRequest();
        request.minSignatures = 3;
        bytes32 requestId = ask(request);
        PoCReport memory report = reportFor(requestId);
        bytes[] memory all = signedBy(keys, 3, report);
        bytes[] memory two = signedBy(keys, 2, report);
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.QuorumNotMet.selector, 3, 2));
        hub.fulfill(report, two);
        hub.fulfill(report, all);
        yes(posts.hasBadge(POST), "answered");
        // Fewer than the quorum asks for nothing.
        request.postId = ORIGINAL_POST;
        request.minSignatures = 1;
        report = reportFor(ask(request));
        bytes[] memory one = signedBy(keys, 1, report);
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.QuorumNotMet.selector, 2, 1));
        hub.fulfill(report, one);
        hub.fulfill(report, signedBy(keys, 2, report));
    }

    function test_OnlyTheDisputesContractAsksForAReview() public {
        vm.expectRevert(abi.encodeWithSelector(IPostErrors.UnauthorizedDisputes.selector, address(this)));
        hub.requestReview(POST, 1, 0);
        posts.setDisputes(address(this));
        vm.expectRevert(abi.encodeWithSelector(IUnknownPostError.UnknownPost.selector, POST));
        hub.requestReview(POST, 1, 0);
        fulfill(reportFor(ask()));
        vm.expectRevert(abi.encodeWithSelector(IHubErrors.CallbackGasTooHigh.selector, 300_001, 300_000));
        hub.requestReview(POST, 1, 300_001);
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.QuorumUnavailable.selector, 2, 1));
        hub.requestReview(POST, 2, 0);
        (bytes32 requestId,) = hub.requestReview(POST, 1, 0);
        RequestRecord memory kept = hub.getRequest(requestId);
        eq(kept.consumer, address(this), "answered to whoever asked");
        eq(kept.contentHash, CONTENT, "the same media");
        eq(kept.configVersion, 1, "the same policy");
    }

    function askIn(VerificationRequest memory request) private returns (bytes32) {
        vm.prank(REQUESTER);
        return hub.requestVerification(request);
    }

    /// @dev Written out a second time.
    function requestIdOf(uint64 seq, VerificationRequest memory request) private view returns (bytes32) {
        bytes memory first = abi.encode(block.chainid, address(hub), REQUESTER, seq, POST);
        bytes memory second = abi.encode(
            request.contentHash,
            request.mediaType,
            request.creator,
            request.minSignatures,
            keccak256(bytes(request.uri))
        );
        return keccak256(bytes.concat(first, second));
    }

    function refused(VerificationRequest memory request, bytes memory reason) private {
        vm.expectRevert(reason);
        hub.requestVerification(request);
    }
}
