// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {VerificationConsumer} from "../src/VerificationConsumer.sol";
import {Gallery} from "../src/examples/Gallery.sol";
import {IPoCHub} from "../src/interfaces/IPoCHub.sol";
import {CallbackStatus} from "../src/types/Codes.sol";
import {PoCReport, VerificationRequest, VerificationResult} from "../src/types/Reports.sol";
import {System} from "./utils/System.sol";

/// @notice The base of consumers, by the example that is built on it.
contract VerificationConsumerTest is System {
    bytes32 private constant PIECE = "a cat, asleep";
    bytes32 private constant HASH = keccak256("media");
    address private constant STRANGER = address(0xBAD);

    Gallery private gallery;
    bytes32 private key;
    uint256 private fee;

    function setUp() public override {
        super.setUp();
        gallery = new Gallery(IPoCHub(address(hub)));
        vm.prank(CREATOR);
        key = gallery.putUp(PIECE);
        fee = gallery.feeFor(gallery.CALLBACK_GAS());
        vm.deal(CREATOR, 10 * fee);
        vm.deal(STRANGER, 10 * fee);
    }

    function test_AnOriginalHangsAndACopyComesDown() public {
        fulfill(reportFor(ask(CREATOR)));
        yes(gallery.hangs(gallery.postIdOf(key)), "hangs");
        // A re-analysis of the same post says otherwise.
        bytes32 again = ask(CREATOR);
        PoCReport memory report = derivative(reportFor(again), 9_800);
        VerificationResult memory result = resultOf(report);
        vm.prank(address(hub));
        gallery.onVerification(again, result);
        no(gallery.hangs(gallery.postIdOf(key)), "came down");
    }

    function test_TheFeeIsWhatTheHubAsks() public {
        setFee(7);
        uint256 due = gallery.feeFor(gallery.CALLBACK_GAS());
        eq(due, hub.feeFor(gallery.CALLBACK_GAS()), "fee");
        vm.deal(CREATOR, due);
        vm.prank(CREATOR);
        bytes32 requestId = gallery.ask{value: due}(key, HASH, "https://a.example/p.jpg");
        eq(hub.getRequest(requestId).feeWei, due, "paid");
    }

    function test_NobodyAsksAboutAnothersPiece() public {
        vm.expectRevert(abi.encodeWithSelector(VerificationConsumer.MayNotAsk.selector, STRANGER, key));
        ask(STRANGER);
        vm.prank(STRANGER);
        bytes32 theirs = gallery.putUp(PIECE);
        no(theirs == key, "a name of their own");
        eq(gallery.authorOf(key), CREATOR, "still the author's");
    }

    function test_OnlyTheHubCallsBack() public {
        bytes32 requestId = ask(CREATOR);
        VerificationResult memory result;
        vm.expectRevert(abi.encodeWithSelector(VerificationConsumer.NotTheHub.selector, STRANGER));
        vm.prank(STRANGER);
        gallery.onVerification(requestId, result);
    }

    function test_AResultOfNoRequestIsRefused() public {
        // Somebody else's request that names it as consumer.
        VerificationRequest memory request = aRequest();
        request.consumer = address(gallery);
        request.callbackGas = gallery.CALLBACK_GAS();
        bytes32 requestId = ask(request);
        fulfill(reportFor(requestId));
        eq(hub.getRequest(requestId).callbackStatus, CallbackStatus.FAILED, "refused");
        no(gallery.hangs(POST), "not believed");
    }

    function test_AResultIsTakenOnce() public {
        bytes32 requestId = ask(CREATOR);
        fulfill(reportFor(requestId));
        VerificationResult memory result;
        vm.expectRevert(abi.encodeWithSelector(VerificationConsumer.UnknownRequest.selector, requestId));
        vm.prank(address(hub));
        gallery.onVerification(requestId, result);
    }

    function test_AHubIsAContract() public {
        vm.expectRevert(abi.encodeWithSelector(VerificationConsumer.NoHub.selector, STRANGER));
        new Gallery(IPoCHub(STRANGER));
    }

    // ---- steps

    function ask(address author) private returns (bytes32) {
        vm.prank(author);
        return gallery.ask{value: fee}(key, HASH, "https://a.example/p.jpg");
    }

    function resultOf(PoCReport memory report) private view returns (VerificationResult memory result) {
        result.postId = gallery.postIdOf(key);
        result.outcome = report.outcome;
    }
}
