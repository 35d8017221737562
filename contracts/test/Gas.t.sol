// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PoCReport} from "../src/types/Reports.sol";
import {Economy} from "./utils/Economy.sol";

/// @notice What the everyday calls cost. Forge writes and compares snapshots/gas.json; README tells how to renew it.
/// @dev Execution gas of the call, warm or cold as in a transaction of its own; the 21 000 of a transaction and its
/// calldata come on top. `fulfil` counts the verification of one signature.
contract GasTest is Economy {
    string private constant GROUP = "gas";

    function test_Fulfil() public {
        PoCReport memory report = reportFor(ask());
        bytes[] memory signatures = sign(report);
        cold();
        hub.fulfill(report, signatures);
        vm.snapshotGasLastCall(GROUP, "fulfil one post, no callback");
    }

    function test_FulfilDerivative() public {
        PoCReport memory report = derivative(reportFor(ask()), 9_800);
        bytes[] memory signatures = sign(report);
        cold();
        hub.fulfill(report, signatures);
        vm.snapshotGasLastCall(GROUP, "fulfil one derivative, no callback");
    }

    function test_BatchOf50() public {
        PoCReport[] memory reports = new PoCReport[](50);
        bytes[][] memory signatures = new bytes[][](50);
        for (uint256 i; i < 50; ++i) {
            reports[i] = attestation(keccak256(abi.encode(i)));
            signatures[i] = sign(reports[i]);
        }
        cold();
        uint256 before = gasleft();
        eq(hub.fulfillBatch(reports, signatures), 50, "all");
        // Per post: what a creator pays when an oracle batches.
        vm.snapshotValue(GROUP, "batch of 50, per post", (before - gasleft()) / 50);
    }

    /// @dev Beside it the price of the call's data, which publishes the reports.
    function test_RootOf64() public {
        PoCReport[] memory reports = new PoCReport[](64);
        bytes32[] memory leaves = new bytes32[](64);
        for (uint256 i; i < 64; ++i) {
            reports[i] = attestation(keccak256(abi.encode(i)));
            leaves[i] = roots.leafOf(reports[i]);
        }
        uint64 until = uint64(block.timestamp);
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = signature(KEY, roots.hashRoot(roots.rootOf(leaves), 64, until, 1));
        bytes memory data = abi.encodeCall(roots.postRoot, (reports, until, 1, signatures));
        uint256 price;
        for (uint256 i; i < data.length; ++i) {
            price += data[i] == 0 ? 4 : 16;
        }
        cold();
        vm.cool(address(roots));
        uint256 before = gasleft();
        roots.postRoot(reports, until, 1, signatures);
        vm.snapshotValue(GROUP, "root of 64, per result", (before - gasleft()) / 64);
        vm.snapshotValue(GROUP, "root of 64, calldata per result", price / 64);
        bytes32[] memory proof = proofOf(leaves, 5);
        cold();
        vm.cool(address(roots));
        roots.postLeaf(reports[5], proof);
        vm.snapshotGasLastCall(GROUP, "post one result of a root");
    }

    /// @dev The siblings on the way up, in the layout of `rootOf`.
    function proofOf(bytes32[] memory leaves, uint256 index) private view returns (bytes32[] memory proof) {
        uint256 n = leaves.length;
        bytes32[] memory tree = new bytes32[](2 * n - 1);
        for (uint256 i; i < n; ++i) {
            tree[2 * n - 2 - i] = leaves[i];
        }
        for (uint256 i = n - 1; i > 0; --i) {
            (bytes32 a, bytes32 b) = (tree[2 * i - 1], tree[2 * i]);
            tree[i - 1] = a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
        }
        eq(tree[0], roots.rootOf(leaves), "root");
        proof = new bytes32[](6);
        uint256 at = 2 * n - 2 - index;
        for (uint256 d; d < 6; ++d) {
            proof[d] = tree[at % 2 == 1 ? at + 1 : at - 1];
            at = (at - 1) / 2;
        }
    }

    function test_RedirectOf() public {
        copy(POST, 9_800);
        cold();
        posts.redirectOf(POST);
        vm.snapshotGasLastCall(GROUP, "redirectOf read");
    }

    function test_TipSplitWhileContestable() public {
        copy(POST, 9_800);
        tip(POST, 100);
        vm.deal(address(this), 100);
        cold();
        splitter.tip{value: 100}(POST, ETHER, 100);
        vm.snapshotGasLastCall(GROUP, "tip split, contestable result, second tip");
    }

    function test_TipSplitFinal() public {
        copy(POST, 9_800);
        makeFinal();
        tip(POST, 100);
        vm.deal(address(this), 100);
        cold();
        splitter.tip{value: 100}(POST, ETHER, 100);
        vm.snapshotGasLastCall(GROUP, "tip split, final result, second tip");
    }

    function test_FirstTip() public {
        copy(POST, 9_800);
        makeFinal();
        vm.deal(address(this), 100);
        cold();
        splitter.tip{value: 100}(POST, ETHER, 100);
        vm.snapshotGasLastCall(GROUP, "tip split, final result, first tip");
    }

    function test_Withdraw() public {
        original(POST);
        tip(POST, 100);
        cold();
        vm.prank(CREATOR);
        splitter.withdraw(CREATOR, ETHER, CREATOR);
        vm.snapshotGasLastCall(GROUP, "withdraw");
    }

    function test_OpenDispute() public {
        copy(POST, 9_800);
        cold();
        vm.prank(CREATOR);
        disputes.open(POST, EVIDENCE);
        vm.snapshotGasLastCall(GROUP, "open dispute");
    }

    function test_OpenDisputeWithASecondLook() public {
        copy(POST, 9_800);
        threeSigners(2);
        cold();
        vm.prank(CREATOR);
        disputes.open(POST, EVIDENCE);
        vm.snapshotGasLastCall(GROUP, "open dispute, asking for a second look");
    }

    function test_ASecondLookThatRules() public {
        copy(POST, 9_800);
        uint256[] memory keys = threeSigners(2);
        vm.recordLogs();
        vm.prank(CREATOR);
        disputes.open(POST, EVIDENCE);
        PoCReport memory report = reportFor(vm.getRecordedLogs()[1].topics[1]);
        bytes[] memory signatures = signedBy(keys, 3, report);
        cold();
        hub.fulfill(report, signatures);
        vm.snapshotGasLastCall(GROUP, "fulfil a second look that rules, three signatures");
    }

    function test_ProofOfEquivocation() public {
        uint256[] memory keys = threeSigners(2);
        PoCReport memory said = attestation(POST);
        PoCReport memory other = derivative(attestation(POST), 9_800);
        bytes memory signed = signature(keys[1], hub.hashReport(said));
        bytes memory otherSigned = signature(keys[1], hub.hashReport(other));
        cold();
        oracles.reportEquivocation(said, signed, other, otherSigned);
        vm.snapshotGasLastCall(GROUP, "proof of equivocation, three signers");
    }

    /// @dev Everything the setup warmed is cold again, as at the start of a transaction.
    function cold() private {
        address[8] memory warm = [
            address(hub),
            address(posts),
            address(policy),
            address(oracles),
            address(splitter),
            address(guard),
            address(links),
            address(disputes)
        ];
        for (uint256 i; i < warm.length; ++i) {
            vm.cool(warm[i]);
        }
    }
}
