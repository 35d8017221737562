// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IVoteErrors} from "../src/interfaces/IErrors.sol";
import {ICommunityVote} from "../src/interfaces/ICommunityVote.sol";
import {IPoCDisputes} from "../src/interfaces/IPoCDisputes.sol";
import {DisputeStatus, Outcome} from "../src/types/Codes.sol";
import {Economy} from "./utils/Economy.sol";

/// @notice One vote a wallet, no double claim, no limbo, and not a wei lost.
contract CommunityVoteTest is Economy {
    uint256 private constant UNIT = 0.001 ether;
    uint256 private id;

    function setUp() public override {
        super.setUp();
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = IPoCDisputes.rule.selector;
        manager.setTargetFunctionRole(address(disputes), selectors, 4);
        manager.grantRole(4, address(community), 0);
        copy(POST, 9_800);
        id = dispute(POST);
    }

    function test_TheMajorityRulesAndSharesTheStakesOfTheOthers() public {
        uint256 ballot = open();
        vote(ballot, 1, true, 20);
        vote(ballot, 2, true, 80);
        vote(ballot, 3, false, 60);
        finish(ballot);
        eq(disputes.disputeOf(id).standing, Outcome.ORIGINAL, "overturned");
        community.pay(ballot, voter(1));
        eq(community.claimable(voter(1), ETHER), 32 * UNIT, "20 on 100 against 60: 12 more");
        community.pay(ballot, voter(2));
        eq(community.claimable(voter(2), ETHER), 128 * UNIT, "the rest, exactly");
        for (uint160 n = 1; n <= 3; ++n) {
            vm.expectRevert(abi.encodeWithSelector(IVoteErrors.NoStake.selector, ballot, voter(n)));
            community.pay(ballot, voter(n));
        }
        vm.prank(voter(1));
        community.withdraw(voter(1), ETHER, voter(1));
        eq(voter(1).balance, 32 * UNIT, "fetched");
        vm.warp(block.timestamp + 3 days + 1);
        disputes.settle(id);
        yes(posts.hasBadge(POST), "badge");
    }

    function test_TheMajorityMayKeepTheDecision() public {
        uint256 ballot = open();
        vote(ballot, 1, true, 1);
        vote(ballot, 2, false, 2);
        finish(ballot);
        eq(disputes.disputeOf(id).standing, Outcome.DERIVATIVE, "kept");
        community.pay(ballot, voter(2));
        eq(community.claimable(voter(2), ETHER), 3 * UNIT, "both stakes");
    }

    function test_ATieOrNobodyKeepsTheDecisionAndEveryStake() public {
        uint256 ballot = open();
        vote(ballot, 1, true, 5);
        vote(ballot, 2, false, 5);
        finish(ballot);
        eq(disputes.disputeOf(id).status, DisputeStatus.OPEN, "nothing ruled");
        community.pay(ballot, voter(1));
        community.pay(ballot, voter(2));
        eq(community.claimable(voter(1), ETHER), 5 * UNIT, "back");
        eq(community.claimable(voter(2), ETHER), 5 * UNIT, "back");
        vm.warp(block.timestamp + 8 days);
        disputes.settle(id);
        eq(posts.resultOf(POST).outcome, Outcome.DERIVATIVE, "stands");
    }

    function test_WithoutVotesOrWithoutTheRoleABallotClosesAllTheSame() public {
        finish(open());
        manager.grantRole(4, address(this), 0);
        disputes.rule(id, Outcome.DERIVATIVE, REASON);
        vm.deal(CREATOR, 1 ether);
        vm.prank(CREATOR);
        disputes.escalate{value: 0.01 ether}(id, EVIDENCE);
        uint256 ballot = open();
        vote(ballot, 1, true, 7);
        manager.revokeRole(4, address(community));
        vm.warp(block.timestamp + 7 days);
        vm.expectEmit(address(community));
        emit ICommunityVote.BallotClosed(ballot, id, false, false);
        community.close(ballot);
        community.pay(ballot, voter(1));
        eq(community.claimable(voter(1), ETHER), 7 * UNIT, "nothing stuck");
    }

    function test_ABallotThatTheDisputeOvertookReturnsEveryStake() public {
        uint256 ballot = open();
        vote(ballot, 1, true, 7);
        manager.grantRole(4, address(this), 0);
        ruled(id, Outcome.DERIVATIVE);
        finish(ballot);
        community.pay(ballot, voter(1));
        eq(community.claimable(voter(1), ETHER), 7 * UNIT, "back");
    }

    function testFuzz_NoWeiIsLost(uint256 seed, uint8 count) public {
        uint256 ballot = open();
        uint160 voters = uint160(within(count, 1, 12));
        uint256 total;
        for (uint160 n = 1; n <= voters; ++n) {
            uint256 dice = uint256(keccak256(abi.encode(seed, n)));
            uint256 units = within(dice, 1, 100);
            vote(ballot, n, dice >> 128 & 1 == 1, units);
            total += units * UNIT;
        }
        finish(ballot);
        uint256 paid;
        for (uint160 n = 1; n <= voters; ++n) {
            try community.pay(ballot, voter(n)) {} catch {}
            paid += community.claimable(voter(n), ETHER);
        }
        eq(paid, total, "everything is somebody's");
        eq(community.owed(ETHER), address(community).balance, "owed is the balance");
    }

    function test_Refusals() public {
        vm.expectRevert(abi.encodeWithSelector(IVoteErrors.InvalidProposal.selector, Outcome.DERIVATIVE));
        community.open(id, Outcome.DERIVATIVE, REASON);
        vm.expectRevert(abi.encodeWithSelector(IVoteErrors.InvalidProposal.selector, Outcome.ORIGINAL));
        community.open(id, Outcome.ORIGINAL, 0);
        vm.expectRevert(abi.encodeWithSelector(IVoteErrors.NoSuchRound.selector, 9, 0));
        community.open(9, Outcome.ORIGINAL, REASON);
        uint256 ballot = open();
        vm.expectRevert(abi.encodeWithSelector(IVoteErrors.BallotExists.selector, ballot));
        community.open(id, Outcome.LICENSED, REASON);
        vm.expectRevert(abi.encodeWithSelector(IVoteErrors.InvalidUnits.selector, 0, 100));
        community.vote(ballot, true, 0);
        vm.expectRevert(abi.encodeWithSelector(IVoteErrors.InvalidUnits.selector, 101, 100));
        community.vote(ballot, true, 101);
        vm.expectRevert(abi.encodeWithSelector(IVoteErrors.PartyCannotVote.selector, ballot, FIRST_CREATOR));
        vm.prank(FIRST_CREATOR);
        community.vote(ballot, false, 1);
        vote(ballot, 1, true, 1);
        vm.deal(voter(1), UNIT);
        vm.expectRevert(abi.encodeWithSelector(IVoteErrors.AlreadyVoted.selector, ballot, voter(1)));
        vm.prank(voter(1));
        community.vote{value: UNIT}(ballot, false, 1);
        uint256 closesAt = block.timestamp + 7 days;
        vm.expectRevert(abi.encodeWithSelector(IVoteErrors.BallotNotOver.selector, ballot, closesAt));
        community.close(ballot);
        vm.expectRevert(abi.encodeWithSelector(IVoteErrors.BallotNotOver.selector, ballot, closesAt));
        community.pay(ballot, voter(1));
        finish(ballot);
        vm.expectRevert(abi.encodeWithSelector(IVoteErrors.BallotNotOver.selector, ballot, closesAt));
        community.close(ballot);
        vm.expectRevert(abi.encodeWithSelector(IVoteErrors.BallotNotOpen.selector, ballot, closesAt));
        community.vote(ballot, true, 1);
    }

    function open() private returns (uint256) {
        return community.open(id, Outcome.ORIGINAL, REASON);
    }

    function vote(uint256 ballot, uint160 n, bool overturn, uint256 units) private {
        vm.deal(voter(n), units * UNIT);
        vm.prank(voter(n));
        community.vote{value: units * UNIT}(ballot, overturn, units);
    }

    function finish(uint256 ballot) private {
        vm.warp(block.timestamp + 7 days);
        community.close(ballot);
    }

    function voter(uint160 n) private pure returns (address) {
        return address(0x700 + n);
    }
}
