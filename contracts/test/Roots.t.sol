// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IHubErrors, IPostErrors, IQuorumErrors, IRootErrors} from "../src/interfaces/IErrors.sol";
import {PostStatus} from "../src/types/Codes.sol";
import {PoCReport} from "../src/types/Reports.sol";
import {System} from "./utils/System.sol";

/// @notice Many results under one signature, each on the chain when somebody first needs it.
contract RootsTest is System {
    PoCReport[] private reports;

    function setUp() public override {
        super.setUp();
        reports.push(attestation(OWN));
        reports.push(derivative(attestation(keccak256("b")), 9_800));
        reports.push(attestation(keccak256("c")));
    }

    function test_ALeafIsItsPostsResultAndItsWindowStartsThen() public {
        bytes32 root = post();
        eq(roots.postedAt(root), block.timestamp, "posted");
        vm.expectRevert(abi.encodeWithSelector(IPostErrors.NotPosted.selector, reports[1].postId));
        posts.redirectOf(reports[1].postId);
        vm.warp(block.timestamp + 100 days);
        roots.postLeaf(reports[1], proof1());
        (address to, uint16 bps) = posts.redirectOf(reports[1].postId);
        eq(to, FIRST_CREATOR, "source");
        eq(bps, 6_000, "redirect");
        eq(posts.resultOf(reports[1].postId).finalAt, block.timestamp + 7 days, "a window from now");
        eq(posts.resultOf(reports[1].postId).similarityBps, 9_800, "similarity");
        bytes32[] memory proof = proof1();
        vm.expectPartialRevert(IPostErrors.PostAlreadyRecorded.selector);
        roots.postLeaf(reports[1], proof);
    }

    /// @dev The root and a proof that npm's @openzeppelin/merkle-tree computes for these three hashes.
    function test_TheTreeIsOpenZeppelins() public view {
        bytes32[] memory leaves = new bytes32[](3);
        (leaves[0], leaves[1], leaves[2]) = (bytes32(uint256(1)), bytes32(uint256(2)), bytes32(uint256(3)));
        eq(roots.rootOf(leaves), ROOT_OF_123, "root");
    }

    bytes32 private constant ROOT_OF_123 = 0x9b0225f2c6f59eeaf8302811ea290e95258763189b82dc033158e99a6ef45a87;

    function test_NothingElseIsUnderARoot() public {
        post();
        PoCReport memory other = reports[1];
        other.originalCreator = address(0xBAD);
        bytes32[] memory proof = proof1();
        vm.expectPartialRevert(IRootErrors.UnknownRoot.selector);
        roots.postLeaf(other, proof);
        eq(posts.statusOf(other.postId), PostStatus.NONE, "nothing");
    }

    function test_ARevokedRootPostsNothingMore() public {
        bytes32 root = post();
        roots.postLeaf(reports[1], proof1());
        roots.revokeRoot(root);
        bytes32[] memory proof = proof0();
        vm.expectRevert(abi.encodeWithSelector(IRootErrors.UnknownRoot.selector, root));
        roots.postLeaf(reports[0], proof);
        yes(posts.statusOf(reports[1].postId) != PostStatus.NONE, "what was posted is disputed, not undone");
        vm.expectRevert(abi.encodeWithSelector(IRootErrors.UnknownRoot.selector, root));
        roots.revokeRoot(root);
    }

    function test_ARevokedRootIsNotBroughtBackByTheSameCall() public {
        bytes32 root = post();
        roots.revokeRoot(root);
        eq(uint256(roots.postedAt(root)), 0, "no root");
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = signature(KEY, digestOf());
        vm.expectRevert(abi.encodeWithSelector(IRootErrors.RootKnown.selector, root));
        roots.postRoot(reports, uint64(block.timestamp), 1, signatures);
    }

    function test_ARootNeedsItsQuorumAndSoundReports() public {
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = signature(0xBAD, digestOf());
        uint64 until = uint64(block.timestamp);
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.UnauthorizedOracle.selector, vm.addr(0xBAD)));
        roots.postRoot(reports, until, 1, signatures);
        PoCReport[] memory none;
        vm.expectRevert(IHubErrors.EmptyBatch.selector);
        roots.postRoot(none, until, 1, signatures);
        signatures[0] = signature(KEY, digestOf());
        vm.warp(until + 1);
        vm.expectRevert(abi.encodeWithSelector(IHubErrors.ReportExpired.selector, 0, until));
        roots.postRoot(reports, until, 1, signatures);
        vm.warp(until);
        roots.postRoot(reports, until, 1, signatures);
        vm.expectPartialRevert(IRootErrors.RootKnown.selector);
        roots.postRoot(reports, until, 1, signatures);
        reports[0].requestId = 0;
        vm.expectPartialRevert(IHubErrors.InvalidAttestationId.selector);
        roots.postRoot(reports, until, 1, signatures);
    }

    function test_APolicyThatIsOverIsRefusedWithTheRoot() public {
        policy.setThreshold(1, 9_990);
        uint256 ended = block.timestamp;
        vm.warp(ended + 3 days + 1);
        bytes[] memory signatures = new bytes[](1);
        vm.expectRevert(abi.encodeWithSelector(IPostErrors.PolicyNotInForce.selector, 1, ended));
        roots.postRoot(reports, uint64(block.timestamp), 1, signatures);
    }

    function test_OnlyTheRootsWriteLeaves() public {
        vm.expectRevert(abi.encodeWithSelector(IPostErrors.UnauthorizedHub.selector, address(this)));
        posts.recordLeaf(reports[0], 1);
    }

    function post() private returns (bytes32) {
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = signature(KEY, digestOf());
        return roots.postRoot(reports, uint64(block.timestamp), 1, signatures);
    }

    function digestOf() private view returns (bytes32) {
        bytes32[] memory leaves = new bytes32[](3);
        for (uint256 i; i < 3; ++i) {
            leaves[i] = roots.leafOf(reports[i]);
        }
        return hub.hashRoot(roots.rootOf(leaves), 3, uint64(block.timestamp), 1);
    }

    /// @dev tree = [root, (c b), a?]: five nodes, leaves from the back: a at 4, b at 3, c at 2; 3 and 4 are siblings.
    function proof1() private view returns (bytes32[] memory proof) {
        proof = new bytes32[](2);
        (proof[0], proof[1]) = (roots.leafOf(reports[0]), roots.leafOf(reports[2]));
    }

    function proof0() private view returns (bytes32[] memory proof) {
        proof = new bytes32[](2);
        (proof[0], proof[1]) = (roots.leafOf(reports[1]), roots.leafOf(reports[2]));
    }
}
