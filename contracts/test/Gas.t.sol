// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PoCReport} from "../src/types/Reports.sol";
import {Economy} from "./utils/Economy.sol";

/// @notice What the everyday calls cost. Forge writes and compares snapshots/gas.json; README tells how to renew it.
/// @dev Execution gas of the call, warm or cold as in a transaction of its own; the 21 000 of a transaction and its
/// calldata come on top. `fulfil` counts the verification of one signature.
contract GasTest is Economy {
    string private constant GROUP = "gas";

    // ---- results

    function test_Request() public {
        cold();
        ask();
        vm.snapshotGasLastCall(GROUP, "request a verification");
    }

    function test_Fulfil() public {
        PoCReport memory report = reportFor(ask());
        bytes[] memory signatures = sign(report);
        cold();
        hub.fulfill(report, signatures);
        vm.snapshotGasLastCall(GROUP, "fulfil one post, no callback");
        price("fulfil one post, calldata", abi.encodeCall(hub.fulfill, (report, signatures)), 1);
    }

    function test_FulfilDerivative() public {
        PoCReport memory report = derivative(reportFor(ask()), 9_800);
        bytes[] memory signatures = sign(report);
        cold();
        hub.fulfill(report, signatures);
        vm.snapshotGasLastCall(GROUP, "fulfil one derivative, no callback");
    }

    function test_Attest() public {
        PoCReport memory report = attestation(OWN);
        bytes[] memory signatures = sign(report);
        cold();
        hub.attest(report, signatures);
        vm.snapshotGasLastCall(GROUP, "attest one original");
        price("attest one original, calldata", abi.encodeCall(hub.attest, (report, signatures)), 1);
    }

    function test_AttestDerivative() public {
        PoCReport memory report = derivative(attestation(OWN), 9_800);
        bytes[] memory signatures = sign(report);
        cold();
        hub.attest(report, signatures);
        vm.snapshotGasLastCall(GROUP, "attest one derivative");
    }

    function test_BatchOf50() public {
        PoCReport[] memory reports = many(50);
        bytes[][] memory signatures = new bytes[][](50);
        for (uint256 i; i < 50; ++i) {
            signatures[i] = sign(reports[i]);
        }
        cold();
        eq(hub.fulfillBatch(reports, signatures), 50, "all");
        // Per post: what a creator pays when an oracle batches.
        vm.snapshotValue(GROUP, "batch of 50, a signature each, per post", vm.lastCallGas().gasTotalUsed / 50);
    }

    function test_BatchOf50UnderOneSignature() public {
        batch(many(50), "batch of 50, one signature, per post");
    }

    function test_BatchOf50DerivativesUnderOneSignature() public {
        PoCReport[] memory reports = many(50);
        for (uint256 i; i < 50; ++i) {
            derivative(reports[i], 9_800);
        }
        batch(reports, "batch of 50 derivatives, one signature, per post");
    }

    /// @dev Beside it the price of the call's data, which publishes the reports.
    function test_RootOf64() public {
        PoCReport[] memory reports = many(64);
        (uint64 until, bytes[] memory signatures, bytes32[] memory leaves) = rootSigned(reports);
        bytes memory data = abi.encodeCall(roots.postRoot, (reports, until, 1, signatures));
        price("root of 64, calldata per result", data, 64);
        cold();
        roots.postRoot(reports, until, 1, signatures);
        vm.snapshotValue(GROUP, "root of 64, per result", vm.lastCallGas().gasTotalUsed / 64);
        bytes32[] memory proof = proofOf(leaves, 5);
        cold();
        roots.postLeaf(reports[5], proof);
        vm.snapshotGasLastCall(GROUP, "post one result of a root");
        price("post one result of a root, calldata", abi.encodeCall(roots.postLeaf, (reports[5], proof)), 1);
    }

    function test_Show() public {
        PoCReport memory report = attestation(OWN);
        attest(report);
        cold();
        posts.show(report);
        vm.snapshotGasLastCall(GROUP, "show the report of an original");
    }

    function batch(PoCReport[] memory reports, string memory name) private {
        uint256 n = reports.length;
        (uint64 until, bytes[] memory signatures,) = batchSigned(reports);
        cold();
        eq(hub.attestBatch(reports, until, 1, signatures), n, "all");
        vm.snapshotValue(GROUP, name, vm.lastCallGas().gasTotalUsed / n);
        bytes memory data = abi.encodeCall(hub.attestBatch, (reports, until, 1, signatures));
        price(string.concat(name, ", calldata"), data, n);
    }

    function many(uint256 n) private view returns (PoCReport[] memory reports) {
        reports = new PoCReport[](n);
        for (uint256 i; i < n; ++i) {
            reports[i] = attestation(keccak256(abi.encode(i)));
        }
    }

    /// @dev What a transaction pays for its data, shared by `n`: 4 a zero byte, 16 any other.
    function price(string memory name, bytes memory data, uint256 n) private {
        uint256 gas;
        for (uint256 i; i < data.length; ++i) {
            gas += data[i] == 0 ? 4 : 16;
        }
        vm.snapshotValue(GROUP, name, gas / n);
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
        uint256 node = 2 * n - 2 - index;
        for (uint256 d; d < 6; ++d) {
            proof[d] = tree[node % 2 == 1 ? node + 1 : node - 1];
            node = (node - 1) / 2;
        }
    }

    // ---- what is built on them

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
        PoCReport memory said = attestation(OWN);
        PoCReport memory other = derivative(attestation(OWN), 9_800);
        bytes memory signed = signature(keys[1], hub.hashReport(said));
        bytes memory otherSigned = signature(keys[1], hub.hashReport(other));
        cold();
        oracles.reportEquivocation(said, signed, other, otherSigned);
        vm.snapshotGasLastCall(GROUP, "proof of equivocation, three signers");
    }

    /// @dev Everything the setup warmed is cold again, as at the start of a transaction.
    function cold() private {
        address[10] memory warm = [
            address(hub),
            address(posts),
            address(policy),
            address(oracles),
            address(splitter),
            address(guard),
            address(links),
            address(disputes),
            address(platforms),
            address(roots)
        ];
        for (uint256 i; i < warm.length; ++i) {
            vm.cool(warm[i]);
        }
    }
}
