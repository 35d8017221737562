// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {Claim, Correction, Finding} from "../../src/interfaces/ICorrections.sol";
import {Dispute} from "../../src/interfaces/IPoCDisputes.sol";
import {Outcome, RequestStatus} from "../../src/types/Codes.sol";
import {PoCReport, PostResult, RequestRecord} from "../../src/types/Reports.sol";
import {Reporting} from "./Reporting.sol";

/// @notice Disputes, second looks and freezes, by anybody in any order.
abstract contract Justice is Reporting {
    mapping(uint256 disputeId => bytes32 requestId) internal looks;
    uint256 internal alerts;
    uint256[] internal claims;
    uint256[] internal corrections;
    mapping(bytes32 postId => mapping(bytes32 originalId => bool)) internal asked;

    // ---- justice

    function dispute(uint256 post, uint16 similarity) external watched {
        post %= postIds.length;
        for (uint256 i; i < postIds.length && isClosed(pick(post)); ++i) {
            post = (post + 1) % postIds.length;
        }
        if (isClosed(pick(post))) post = freshPost();
        bytes32 postId = pick(post);
        if (w.posts.resultOf(postId).outcome != Outcome.DERIVATIVE) {
            _analyse(post, similarity, Outcome.DERIVATIVE);
        }
        PostResult memory result = w.posts.resultOf(postId);
        vm.assume(!(result.status != 1));
        vm.recordLogs();
        vm.prank(result.creator);
        uint256 id = w.disputes.open(postId, "evidence");
        // The hub announces the second look after the post is contested.
        looks[id] = vm.getRecordedLogs()[1].topics[1];
        known[postId] = standing(postId);
    }

    function rule(uint256 post, uint256 choice, bool second) external watched {
        uint256 id = disputeNear(post);
        vm.assume(!(id == 0));
        Dispute memory kept = w.disputes.disputeOf(id);
        vm.assume(!(kept.status != 1 || block.timestamp > kept.ruleUntil));
        if (block.timestamp <= kept.answerUntil && kept.beneficiary != address(0)) {
            vm.warp(kept.answerUntil + 1);
        }
        if (block.timestamp <= kept.reviewUntil) vm.warp(kept.reviewUntil + 1);
        address arbiter = second ? w.second : address(this);
        vm.assume(!(arbiter == kept.arbiter));
        uint8[3] memory outcomes = [kept.disputed, Outcome.ORIGINAL, Outcome.LICENSED];
        uint256 before = _bondsOwed();
        vm.prank(arbiter);
        w.disputes.rule(id, outcomes[choice % 3], "reason");
        bondsOut += _bondsOwed() - before;
    }

    function escalate(uint256 post) external watched {
        uint256 id = disputeNear(post);
        vm.assume(!(id == 0));
        Dispute memory kept = w.disputes.disputeOf(id);
        vm.assume(!(kept.status != 2 || kept.round == 3 || block.timestamp > kept.appealUntil));
        address loser = kept.standing == kept.disputed ? kept.owner : kept.beneficiary;
        vm.assume(!(loser == address(0)));
        uint256 bond = w.disputes.bondOf(id, kept.round + 1);
        vm.deal(loser, bond);
        vm.prank(loser);
        w.disputes.escalate{value: bond}(id, "more");
        bondsIn += bond;
    }

    function settle(uint256 post) external watched {
        uint256 id = disputeNear(post);
        vm.assume(!(id == 0));
        Dispute memory kept = w.disputes.disputeOf(id);
        bytes32 postId = kept.postId;
        uint256 deadline = kept.status == 1 ? kept.ruleUntil : kept.appealUntil;
        if (block.timestamp <= deadline) vm.warp(deadline + 1);
        uint256 before = _bondsOwed();
        w.disputes.settle(id);
        bondsOut += _bondsOwed() - before;
        known[postId] = standing(postId);
    }

    /// @dev What the oracle says the second time, any outcome it can say; none may write to the post.
    function look(uint256 post, uint16 similarity, uint256 outcome) external watched {
        bytes32 requestId = looks[disputeNear(post)];
        RequestRecord memory kept = w.hub.getRequest(requestId);
        vm.assume(!(kept.status != RequestStatus.PENDING || block.timestamp > kept.deadline));
        PoCReport memory said =
            concluded(requestId, similarity, uint8(within(outcome, Outcome.ORIGINAL, Outcome.FAILED)));
        // One signature too few must not be enough, and all of them must.
        bytes[] memory two = signed(said, 2);
        try w.hub.fulfill(said, two) {
            ++unexplainedChanges;
        } catch {}
        w.hub.fulfill(said, signed(said, 3));
    }

    // ---- claims and corrections

    function claimCopy(uint256 post, uint256 earlier, bool onWord) external watched {
        bytes32 postId = pick(post);
        bytes32 originalId = pick(earlier);
        PostResult memory result = w.posts.resultOf(postId);
        PostResult memory older = w.posts.resultOf(originalId);
        vm.assume(result.revision != 0 && older.revision != 0 && result.creator != older.creator);
        vm.assume(older.firstRecordedAt < result.firstRecordedAt && !asked[postId][originalId]);
        if (onWord) {
            claims.push(w.disputes.claimOnWord(postId, originalId, "word"));
        } else {
            vm.assume(openClaims(postId) < w.disputes.MAX_OPEN_CLAIMS());
            uint256 bond = w.disputes.claimBondOf(postId, older.creator);
            vm.deal(older.creator, bond);
            vm.prank(older.creator);
            claims.push(w.disputes.claim{value: bond}(postId, originalId, "mine"));
            bondsIn += bond;
        }
        asked[postId][originalId] = true;
    }

    function decideClaim(uint256 which, uint256 how, uint16 similarity) external watched {
        vm.assume(claims.length != 0);
        uint256 id = claims[which % claims.length];
        Claim memory c = w.disputes.claimOf(id);
        vm.assume(c.status == 1);
        uint256 before = _bondsOwed();
        if (how % 3 == 0) {
            vm.prank(w.third);
            w.disputes.rejectClaim(id, "no");
        } else if (how % 3 == 1) {
            if (block.timestamp <= c.until) vm.warp(c.until + 1);
            w.disputes.settleClaim(id);
        } else {
            vm.assume(!isCorrected(c.postId));
            Finding memory f = _finding(c.postId, similarity, Outcome.DERIVATIVE);
            vm.prank(w.third);
            corrections.push(w.disputes.upholdClaim(id, f));
        }
        bondsOut += _bondsOwed() - before;
    }

    function proposeCorrection(uint256 post, uint16 similarity, bool copied) external watched {
        bytes32 postId = pick(post);
        PostResult memory result = w.posts.resultOf(postId);
        vm.assume(result.revision != 0 && result.status != 3 && !isCorrected(postId));
        Finding memory f = _finding(postId, similarity, copied ? Outcome.DERIVATIVE : Outcome.ORIGINAL);
        vm.prank(w.third);
        corrections.push(w.disputes.propose(postId, f));
    }

    function endCorrection(uint256 which, bool veto) external watched {
        vm.assume(corrections.length != 0);
        uint256 id = corrections[which % corrections.length];
        Correction memory c = w.disputes.correctionOf(id);
        vm.assume(c.status == 1);
        if (veto) {
            w.disputes.vetoCorrection(id, "no");
        } else {
            vm.assume(w.posts.statusOf(c.postId) != 3);
            if (block.timestamp < c.readyAt) vm.warp(c.readyAt);
            w.disputes.execute(id);
            known[c.postId] = standing(c.postId);
        }
    }

    /// @dev Any contract, in the middle of anything: whatever is under way goes on.
    function upgrade(uint256 what, bool next) external watched {
        what %= w.proxies.length;
        bytes32 before = everything();
        UUPSUpgradeable(w.proxies[what]).upgradeToAndCall(w.versions[what][next ? 1 : 0], "");
        if (everything() != before) ++unexplainedChanges;
    }

    function claimCount() external view returns (uint256) {
        return claims.length;
    }

    function _finding(bytes32 postId, uint16 similarity, uint8 outcome)
        private
        view
        returns (Finding memory)
    {
        PostResult memory result = w.posts.resultOf(postId);
        (uint16 threshold,) = w.policy.policyAt(result.configVersion, 1);
        if (outcome != Outcome.DERIVATIVE) {
            return Finding(outcome, uint16(similarity % 10_001), address(0), 0, "found");
        }
        address maker = result.creator == accounts[4] ? accounts[0] : address(uint160(result.creator) + 1);
        uint16 measured = uint16(within(similarity, threshold, 10_000));
        return Finding(outcome, measured, maker, keccak256(abi.encode(postId, "original")), "found");
    }

    // ---- freezes

    function freeze(uint256 who, uint256 post, bool thePost, uint256 length) external watched {
        uint40 until = uint40(block.timestamp + within(length, 1, 30 days));
        bytes32 alertId = keccak256(abi.encode(++alerts));
        if (thePost) {
            bytes32 postId = pick(post);
            vm.assume(!(w.guard.isPostFrozen(postId) || w.posts.resultOf(postId).revision == 0));
            vm.assume(until - block.timestamp <= w.guard.budgetOf(true, postId));
            w.guard.freezePost(postId, alertId, alertId, until);
        } else {
            vm.assume(!w.guard.isAccountFrozen(account(who)));
            uint256 left = w.guard.budgetOf(false, bytes32(uint256(uint160(account(who)))));
            vm.assume(until - block.timestamp <= left);
            w.guard.freezeAccount(account(who), alertId, alertId, until);
        }
    }

    function resolve(uint256 alert, bool upheld) external watched {
        vm.assume(!(alerts == 0));
        bytes32 alertId = keccak256(abi.encode(within(alert, 1, alerts)));
        uint8 status = w.guard.statusOf(alertId);
        vm.assume(!(status != 1 && status != 2));
        vm.prank(w.second);
        w.guard.resolve(alertId, upheld, uint40(block.timestamp + 1 days), "reason");
    }

    function wait(uint256 seconds_) external watched {
        vm.warp(block.timestamp + within(seconds_, 1, 2 days));
    }

    /// @dev An open dispute, of this post or of the next that has one; zero for none.
    function disputeNear(uint256 post) internal view returns (uint256 id) {
        for (uint256 i; i < postIds.length && id == 0; ++i) {
            id = w.disputes.openDisputeOf(pick(post % postIds.length + i));
        }
    }

    function _bondsOwed() private view returns (uint256 sum) {
        (, address treasury) = w.splitter.treasuries();
        sum = w.disputes.claimable(treasury, ETHER);
        for (uint256 i; i < accounts.length; ++i) {
            sum += w.disputes.claimable(accounts[i], ETHER);
        }
    }
}
