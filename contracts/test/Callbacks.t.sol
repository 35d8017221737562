// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SlotDerivation} from "@openzeppelin/contracts/utils/SlotDerivation.sol";
import {ExampleConsumer} from "../src/ExampleConsumer.sol";
import {IHubErrors} from "../src/interfaces/IErrors.sol";
import {IPoCHub} from "../src/interfaces/IPoCHub.sol";
import {CallbackStatus, Outcome, RequestStatus} from "../src/types/Codes.sol";
import {PoCReport, VerificationRequest, VerificationResult} from "../src/types/Reports.sol";
import {
    GasBurner,
    MoodyConsumer,
    Reenterer,
    ReturnBomb,
    SuccessBomb,
    WrongMagic
} from "./mocks/Consumers.sol";
import {System} from "./utils/System.sol";

/// @notice A consumer can lose its own callback and nothing else.
contract CallbacksTest is System {
    using SlotDerivation for string;

    function test_TheConsumerGetsTheResult() public {
        MoodyConsumer consumer = new MoodyConsumer();
        consumer.setWilling(true);
        bytes32 requestId = askFor(address(consumer));
        vm.expectEmit(address(hub));
        emit IPoCHub.CallbackDelivered(requestId, address(consumer));
        fulfill(derivative(reportFor(requestId), 9_800));

        eq(hub.getRequest(requestId).callbackStatus, CallbackStatus.DELIVERED, "status");
        eq(consumer.lastRequestId(), requestId, "request");
        VerificationResult memory result = consumer.lastResult();
        eq(result.postId, POST, "post");
        eq(result.outcome, Outcome.DERIVATIVE, "outcome");
        eq(result.tier, 3, "tier");
        eq(result.similarityBps, 9_800, "similarity");
        eq(result.redirectBps, 6_000, "redirect");
        eq(result.originalCreator, FIRST_CREATOR, "original creator");
        eq(result.originalPostId, ORIGINAL_POST, "original post");
    }

    function test_TheConsumerGetsExactlyTheGasItAskedFor() public {
        MoodyConsumer consumer = new MoodyConsumer();
        consumer.setWilling(true);
        bytes32 requestId = askFor(address(consumer));
        fulfill(reportFor(requestId));
        // Less what decoding and dispatching cost before the consumer looks.
        yes(consumer.gasSeen() <= 300_000 && consumer.gasSeen() > 294_000, "gas");
    }

    function test_AFailureTellsWhatCameBack() public {
        MoodyConsumer consumer = new MoodyConsumer();
        bytes32 requestId = askFor(address(consumer));
        vm.expectEmit(address(hub));
        emit IPoCHub.CallbackFailed(
            requestId, address(consumer), abi.encodeWithSelector(MoodyConsumer.NotNow.selector, 42)
        );
        fulfill(reportFor(requestId));
    }

    function test_RevertingConsumerBlocksNothing() public {
        settlesDespite(address(new MoodyConsumer()), 800_000);
    }

    function test_ReturnBombBlocksNothing() public {
        settlesDespite(address(new ReturnBomb()), 1_200_000);
    }

    function test_SuccessBombBlocksNothing() public {
        settlesDespite(address(new SuccessBomb()), 1_200_000);
    }

    function test_GasBurnerBlocksNothing() public {
        settlesDespite(address(new GasBurner()), 1_200_000);
    }

    function test_WrongMagicIsAFailure() public {
        settlesDespite(address(new WrongMagic()), 800_000);
    }

    function test_AConsumerWithoutCodeIsAFailure() public {
        settlesDespite(address(0xE0A), 800_000);
    }

    function test_ReenteringFulfilmentIsRefused() public {
        Reenterer consumer = new Reenterer(hub);
        bytes32 requestId = askFor(address(consumer));
        PoCReport memory report = reportFor(requestId);
        refusesToReenter(consumer, report, abi.encodeCall(IPoCHub.fulfill, (report, sign(report))));
    }

    function test_ReenteringAttestationIsRefused() public {
        Reenterer consumer = new Reenterer(hub);
        PoCReport memory other = attestation(keccak256("another post"));
        PoCReport memory report = reportFor(askFor(address(consumer)));
        refusesToReenter(consumer, report, abi.encodeCall(IPoCHub.attest, (other, sign(other))));
    }

    function test_ReenteringABatchIsRefused() public {
        Reenterer consumer = new Reenterer(hub);
        PoCReport memory report = reportFor(askFor(address(consumer)));
        bytes memory payload = abi.encodeCall(IPoCHub.fulfillBatch, (new PoCReport[](0), new bytes[][](0)));
        refusesToReenter(consumer, report, payload);
    }

    function test_ReenteringARetryIsRefused() public {
        Reenterer consumer = new Reenterer(hub);
        PoCReport memory report = reportFor(askFor(address(consumer)));
        refusesToReenter(consumer, report, abi.encodeCall(IPoCHub.retryCallback, (report.requestId)));
    }

    function test_AConsumerMayAskAgainFromItsCallback() public {
        Reenterer consumer = new Reenterer(hub);
        bytes32 requestId = askFor(address(consumer));
        consumer.load(abi.encodeCall(IPoCHub.requestVerification, (aRequest())));
        fulfill(reportFor(requestId));
        yes(consumer.succeeded(), "asked again");
        eq(hub.requestCount(), 2, "requests");
        eq(hub.getRequest(requestId).callbackStatus, CallbackStatus.DELIVERED, "delivered");
    }

    function test_AnyoneRetriesAFailedCallback() public {
        MoodyConsumer consumer = new MoodyConsumer();
        bytes32 requestId = askFor(address(consumer));
        fulfill(derivative(reportFor(requestId), 9_600));
        no(hub.retryCallback(requestId), "still unwilling");
        eq(hub.getRequest(requestId).callbackStatus, CallbackStatus.FAILED, "status");

        consumer.setWilling(true);
        vm.prank(address(0x5712A6E2));
        yes(hub.retryCallback(requestId), "delivered");
        eq(hub.getRequest(requestId).callbackStatus, CallbackStatus.DELIVERED, "status");
        eq(consumer.deliveries(), 1, "once");
        eq(consumer.lastResult().redirectBps, 2_000, "the result of that report");

        vm.expectRevert(
            abi.encodeWithSelector(
                IHubErrors.CallbackNotRetryable.selector, requestId, CallbackStatus.DELIVERED
            )
        );
        hub.retryCallback(requestId);
    }

    function test_ARetryDeliversItsOwnResultAfterAReanalysis() public {
        MoodyConsumer consumer = new MoodyConsumer();
        bytes32 first = askFor(address(consumer));
        fulfill(derivative(reportFor(first), 9_600));
        fulfill(reportFor(ask()));
        consumer.setWilling(true);
        hub.retryCallback(first);
        eq(consumer.lastResult().outcome, Outcome.DERIVATIVE, "what that request was answered with");
        yes(posts.hasBadge(POST), "while the post has moved on");
    }

    /// @dev `undelivered` is the fifth word of the namespace.
    function test_ADeliveredResultIsNotKept() public {
        MoodyConsumer consumer = new MoodyConsumer();
        bytes32 requestId = askFor(address(consumer));
        fulfill(reportFor(requestId));
        uint256 base = uint256(string("creativity.storage.PoCHub").erc7201Slot());
        bytes32 word = keccak256(abi.encode(requestId, base + 4));
        eq(vm.load(address(hub), word), POST, "kept until delivered");
        consumer.setWilling(true);
        hub.retryCallback(requestId);
        eq(vm.load(address(hub), word), 0, "and no longer");
    }

    function test_NothingToRetryWithoutAFailure() public {
        bytes32 requestId = ask();
        bytes memory reason =
            abi.encodeWithSelector(IHubErrors.CallbackNotRetryable.selector, requestId, CallbackStatus.NONE);
        vm.expectRevert(reason);
        hub.retryCallback(requestId);
        fulfill(reportFor(requestId));
        vm.expectRevert(reason);
        hub.retryCallback(requestId);
    }

    function test_ATransmitterCannotStarveTheConsumer() public {
        MoodyConsumer consumer = new MoodyConsumer();
        consumer.setWilling(true);
        bytes32 requestId = askFor(address(consumer));
        PoCReport memory report = reportFor(requestId);
        bytes[] memory signatures = sign(report);
        bool settled;
        bytes4 lastError;
        // Whatever gas the transmitter gives, either nothing happened or the consumer had all of its gas.
        for (uint256 gas_ = 100_000; !settled; gas_ += 20_000) {
            (bool ok, bytes memory data) =
                address(hub).call{gas: gas_}(abi.encodeCall(IPoCHub.fulfill, (report, signatures)));
            settled = ok;
            if (!ok) {
                eq(hub.getRequest(requestId).status, RequestStatus.PENDING, "no effect lasts");
                if (data.length >= 4) lastError = bytes4(data);
            }
        }
        eq(consumer.deliveries(), 1, "delivered");
        yes(consumer.gasSeen() > 294_000, "with all of its gas");
        eq(bytes32(lastError), bytes32(IHubErrors.InsufficientGasForCallback.selector), "named error");
    }

    function test_TheExampleConsumerStoresItsResult() public {
        ExampleConsumer example = new ExampleConsumer(hub);
        setFee(7);
        uint256 due = hub.feeFor(example.CALLBACK_GAS());
        vm.deal(address(this), due);
        bytes32 requestId = example.verify{value: due}(POST, 0, 1, CREATOR, "https://a.example/p.jpg");
        fulfill(derivative(reportFor(requestId), 9_900));
        eq(hub.getRequest(requestId).callbackStatus, CallbackStatus.DELIVERED, "delivered");
        eq(example.resultOf(example.postIdOf(address(this), POST)).redirectBps, 8_000, "stored");
    }

    function test_TheExampleConsumerListensToTheHubAloneAndToItsOwnRequests() public {
        ExampleConsumer example = new ExampleConsumer(hub);
        VerificationResult memory result;
        vm.expectRevert(abi.encodeWithSelector(ExampleConsumer.NotTheHub.selector, address(this)));
        example.onVerification(keccak256("id"), result);
        // Somebody else's request that names it as consumer.
        bytes32 requestId = askFor(address(example));
        fulfill(reportFor(requestId));
        eq(hub.getRequest(requestId).callbackStatus, CallbackStatus.FAILED, "refused");
        eq(example.resultOf(example.postIdOf(address(this), POST)).outcome, 0, "not stored");
    }

    // ---- steps

    function askFor(address consumer) private returns (bytes32) {
        VerificationRequest memory request = aRequest();
        request.consumer = consumer;
        request.callbackGas = 300_000;
        return ask(request);
    }

    function settlesDespite(address consumer, uint256 mostGas) private {
        setFee(1 gwei);
        bytes32 requestId = askFor(consumer);
        PoCReport memory report = reportFor(requestId);
        bytes[] memory signatures = sign(report);
        uint256 before = gasleft();
        vm.prank(TRANSMITTER);
        hub.fulfill(report, signatures);
        yes(before - gasleft() < mostGas, "gas is bounded");

        eq(hub.getRequest(requestId).status, RequestStatus.FULFILLED, "settled");
        eq(hub.getRequest(requestId).callbackStatus, CallbackStatus.FAILED, "callback failed");
        yes(posts.hasBadge(POST), "recorded");
        eq(hub.claimable(TRANSMITTER), 1 gwei + 300_000 * 1 gwei, "paid, and for the gas that was asked for");
    }

    function refusesToReenter(Reenterer consumer, PoCReport memory report, bytes memory payload) private {
        consumer.load(payload);
        fulfill(report);
        yes(consumer.called(), "tried");
        no(consumer.succeeded(), "refused");
        bytes4 expected = ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector;
        eq(bytes32(consumer.errorSelector()), bytes32(expected), "by the guard");
        eq(hub.getRequest(report.requestId).callbackStatus, CallbackStatus.DELIVERED, "and then settled");
    }
}
