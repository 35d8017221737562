// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {FraudGuard} from "../../src/justice/FraudGuard.sol";
import {PoCDisputes} from "../../src/justice/PoCDisputes.sol";
import {Dispute} from "../../src/interfaces/IPoCDisputes.sol";
import {BonusVault} from "../../src/money/BonusVault.sol";
import {RevenueSplitter} from "../../src/money/RevenueSplitter.sol";
import {TokenPool} from "../../src/money/TokenPool.sol";
import {PoCHub} from "../../src/PoCHub.sol";
import {PostRegistry} from "../../src/PostRegistry.sol";
import {Outcome} from "../../src/types/Codes.sol";
import {PoCReport, PostResult, VerificationRequest} from "../../src/types/Reports.sol";
import {TestToken} from "../mocks/Tokens.sol";
import {Check} from "../utils/Check.sol";

/// @notice What people do, in any order: every call counts itself, and keeps the books a second time.
/// @dev Holds every officer's role. Calls that cannot succeed are discarded, so the printed calls are those that did
/// something; none may revert.
contract MoneyHandler is Check {
    uint256 internal constant KEY = 0xA11CE;
    uint256 internal constant POSTS = 3;
    address internal constant ETHER = address(0);

    struct Wiring {
        PoCHub hub;
        PostRegistry posts;
        RevenueSplitter splitter;
        TokenPool pool;
        PoCDisputes disputes;
        BonusVault vault;
        FraudGuard guard;
        TestToken token;
        address second;
    }

    Wiring internal w;
    address[] public accounts;
    bytes32[] public postIds;

    // Books of our own.
    mapping(address token => uint256) public paidIn;
    mapping(address token => uint256) public paidOut;
    uint256 public frozenMoves;
    uint256 public unexplainedChanges;
    uint256 public bondsIn;
    uint256 public bondsOut;
    mapping(bytes32 postId => bytes32) internal known;
    uint256 internal alerts;
    uint256 internal bonuses;

    /// @dev Whatever was just done, a standing that changed without a report or a ruling is a fault.
    modifier watched() {
        _;
        for (uint256 i; i < postIds.length; ++i) {
            if (known[postIds[i]] != standing(postIds[i])) ++unexplainedChanges;
        }
    }

    constructor(Wiring memory wiring) {
        w = wiring;
        for (uint160 i; i < 5; ++i) {
            accounts.push(address(0xACC0 + i));
        }
        for (uint256 i; i < POSTS; ++i) {
            postIds.push(keccak256(abi.encode("post", i)));
            known[postIds[i]] = standing(postIds[i]);
        }
    }

    // ---- reports

    function report(uint256 post, uint16 similarity, uint256 outcome) external watched {
        bytes32 postId = pick(post);
        PostResult memory result = w.posts.resultOf(postId);
        // In dispute, or decided by a ruling: even a quorum must not overwrite it.
        bool closed = result.status == 3 || w.posts.isRuled(postId);
        address creator = ownerOf(post % POSTS);
        vm.prank(creator);
        bytes32 requestId = w.hub
            .requestVerification(
                VerificationRequest(postId, keccak256(abi.encode(postId)), 1, creator, address(0), 0, 0, "x")
            );
        PoCReport memory said = _report(postId, requestId, creator);
        said.outcome = uint8(within(outcome, Outcome.ORIGINAL, Outcome.NEEDS_REVIEW));
        said.similarityBps = uint16(
            said.outcome == Outcome.DERIVATIVE
                ? within(similarity, 9_500, 10_000)
                : within(similarity, 0, said.outcome == Outcome.ORIGINAL ? 9_499 : 10_000)
        );
        if (said.outcome == Outcome.DERIVATIVE) {
            said.originalCreator = accounts[(post % POSTS + 1) % accounts.length];
            said.originalPostId = keccak256(abi.encode(postId, "original"));
        }
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = sign(KEY, said);
        if (closed) {
            try w.hub.fulfill(said, signatures) {
                ++unexplainedChanges;
            } catch {}
        } else {
            w.hub.fulfill(said, signatures);
            known[postId] = standing(postId);
        }
    }

    /// @dev Signed by somebody else, so it must change nothing.
    function forge(uint256 post, uint256 key, uint16 similarity) external watched {
        bytes32 postId = pick(post);
        key = within(key, 1, 1e9);
        vm.assume(!(key == KEY));
        PoCReport memory said = _report(
            postId, w.hub.attestationId(postId, keccak256(abi.encode(postId))), ownerOf(post % POSTS)
        );
        said.outcome = Outcome.ORIGINAL;
        said.similarityBps = similarity % 9_500;
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = sign(key, said);
        try w.hub.attest(said, signatures) {
            ++unexplainedChanges;
        } catch {}
    }

    // ---- money in

    function tip(uint256 who, uint256 post, uint256 amount, uint256 kind, bool inToken) external watched {
        bytes32 postId = pick(post);
        vm.assume(!(w.posts.resultOf(postId).revision == 0));
        address fan = account(who);
        address token = inToken ? address(w.token) : ETHER;
        amount = within(amount, 1, 1e24);
        uint256 value = _equip(fan, token, amount);
        uint256 before = balance(token, address(w.splitter));
        address other = account(who % 5 + 1);
        vm.startPrank(fan);
        if (kind % 4 == 0) w.splitter.tipComment{value: value}(postId, other, token, amount);
        else if (kind % 4 == 1) w.splitter.tipRepost{value: value}(postId, other, token, amount);
        else if (kind % 4 == 2) w.splitter.payEarnings{value: value}(postId, token, amount);
        else w.splitter.tip{value: value}(postId, token, amount);
        vm.stopPrank();
        paidIn[token] += balance(token, address(w.splitter)) - before;
    }

    function trade(uint256 who, uint256 post, uint256 tokens, bool sells) external watched {
        bytes32 postId = pick(post);
        vm.assume(!(w.posts.resultOf(postId).revision == 0));
        address trader = account(who);
        uint256 before = address(w.splitter).balance;
        if (sells) {
            uint256 held = w.pool.balanceOf(postId, trader);
            vm.assume(!(held == 0));
            vm.prank(trader);
            w.pool.sell(postId, within(tokens, 1, held), 0);
        } else {
            tokens = within(tokens, 1, 1e4);
            uint256 value = w.pool.priceToBuy(postId, tokens) * 2;
            vm.deal(trader, value);
            vm.prank(trader);
            w.pool.buy{value: value}(postId, tokens);
        }
        paidIn[ETHER] += address(w.splitter).balance - before;
    }

    function bonus(uint256 post, uint256 basePay, uint8 grade, bool inToken) external watched {
        bytes32 postId = pick(post);
        vm.assume(!(w.posts.resultOf(postId).revision == 0));
        address token = inToken ? address(w.token) : ETHER;
        basePay = within(basePay, 1, 1e20);
        uint256 value = _equip(address(this), token, 2 * basePay);
        if (inToken) w.token.approve(address(w.vault), 2 * basePay);
        w.vault.fund{value: value}(token, 2 * basePay);
        vm.assume(!(w.vault.budgetOf(token) < 2 * basePay));
        uint256 before = balance(token, address(w.splitter));
        w.vault.creditBonus(postId, bytes32(++bonuses), token, basePay, uint8(within(grade, 1, 5)));
        paidIn[token] += balance(token, address(w.splitter)) - before;
    }

    // ---- money out

    function withdraw(uint256 who, bool inToken) external watched {
        address from = account(who);
        address token = inToken ? address(w.token) : ETHER;
        uint256 amount = w.splitter.claimable(from, token);
        bool frozen = w.guard.isAccountFrozen(from);
        vm.assume(!(amount == 0));
        vm.prank(from);
        try w.splitter.withdraw(from, token, from) {
            paidOut[token] += amount;
            if (frozen) ++frozenMoves;
        } catch {
            if (!frozen) ++unexplainedChanges; // free money must always come out
        }
    }

    function payContested(uint256 post, bool inToken) external watched {
        bytes32 postId = pick(post);
        address token = inToken ? address(w.token) : ETHER;
        vm.assume(!(w.splitter.contested(postId, token) == 0 || w.posts.statusOf(postId) != 2));
        w.splitter.payContested(postId, token);
    }

    function releaseFrozen(uint256 post, bool inToken) external watched {
        bytes32 postId = pick(post);
        address token = inToken ? address(w.token) : ETHER;
        uint256 held = w.splitter.frozenEarnings(postId, token);
        vm.assume(!(held == 0));
        bool frozen = w.guard.isPostFrozen(postId);
        try w.splitter.releaseFrozen(postId, token) {
            if (frozen) ++frozenMoves;
        } catch {
            if (!frozen) ++unexplainedChanges;
        }
    }

    // ---- justice

    function dispute(uint256 post) external watched {
        bytes32 postId = pick(post);
        PostResult memory result = w.posts.resultOf(postId);
        vm.assume(!(result.status != 1 || result.outcome == Outcome.ORIGINAL));
        vm.prank(result.creator);
        w.disputes.open(postId, "evidence");
        known[postId] = standing(postId);
    }

    function rule(uint256 post, uint256 choice, bool second) external watched {
        uint256 id = w.disputes.openDisputeOf(pick(post));
        vm.assume(!(id == 0));
        Dispute memory kept = w.disputes.disputeOf(id);
        vm.assume(!(kept.status != 1 || block.timestamp > kept.ruleUntil));
        if (block.timestamp <= kept.answerUntil && kept.beneficiary != address(0)) {
            vm.warp(kept.answerUntil + 1);
        }
        address arbiter = second ? w.second : address(this);
        vm.assume(!(arbiter == kept.arbiter));
        uint8[3] memory outcomes = [kept.disputed, Outcome.ORIGINAL, Outcome.LICENSED];
        uint256 before = _bondsOwed();
        vm.prank(arbiter);
        w.disputes.rule(id, outcomes[choice % 3], "reason");
        bondsOut += _bondsOwed() - before;
    }

    function escalate(uint256 post) external watched {
        uint256 id = w.disputes.openDisputeOf(pick(post));
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
        bytes32 postId = pick(post);
        uint256 id = w.disputes.openDisputeOf(postId);
        vm.assume(!(id == 0));
        Dispute memory kept = w.disputes.disputeOf(id);
        uint256 deadline = kept.status == 1 ? kept.ruleUntil : kept.appealUntil;
        if (block.timestamp <= deadline) vm.warp(deadline + 1);
        uint256 before = _bondsOwed();
        w.disputes.settle(id);
        bondsOut += _bondsOwed() - before;
        known[postId] = standing(postId);
    }

    function freeze(uint256 who, uint256 post, bool thePost, uint256 length) external watched {
        uint40 until = uint40(block.timestamp + within(length, 1, 30 days));
        bytes32 alertId = keccak256(abi.encode(++alerts));
        if (thePost) {
            bytes32 postId = pick(post);
            vm.assume(!(w.guard.isPostFrozen(postId) || w.posts.resultOf(postId).revision == 0));
            w.guard.freezePost(postId, alertId, alertId, until);
        } else {
            vm.assume(!w.guard.isAccountFrozen(account(who)));
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

    // ---- for the invariants

    /// @dev What a post is to the money: everything a report or ruling writes, and nothing that time does.
    function standing(bytes32 postId) public view returns (bytes32) {
        PostResult memory r = w.posts.resultOf(postId);
        return keccak256(
            abi.encode(r.outcome, r.originalCreator, r.redirectBps, r.revision, r.status == 3, r.creator)
        );
    }

    function ownerOf(uint256 post) public view returns (address) {
        return accounts[post % accounts.length];
    }

    function pick(uint256 post) internal view returns (bytes32) {
        return postIds[post % POSTS];
    }

    function account(uint256 who) internal view returns (address) {
        return accounts[who % accounts.length];
    }

    function balance(address token, address holder) internal view returns (uint256) {
        return token == ETHER ? holder.balance : IERC20(token).balanceOf(holder);
    }

    function _bondsOwed() private view returns (uint256 sum) {
        for (uint256 i; i < accounts.length; ++i) {
            sum += w.disputes.claimable(accounts[i], ETHER);
        }
    }

    function _equip(address who, address token, uint256 amount) private returns (uint256 value) {
        if (token == ETHER) {
            vm.deal(who, who.balance + amount);
            return amount;
        }
        w.token.mint(who, amount);
        vm.prank(who);
        w.token.approve(address(w.splitter), amount);
    }

    function _report(bytes32 postId, bytes32 requestId, address creator)
        private
        view
        returns (PoCReport memory said)
    {
        said.requestId = requestId;
        said.postId = postId;
        said.contentHash = keccak256(abi.encode(postId));
        said.mediaType = 1;
        said.creator = creator;
        said.evidenceHash = "evidence";
        said.configVersion = 1;
        said.observedAt = uint64(block.timestamp);
        said.validUntil = uint64(block.timestamp + 1);
        said.signerEpoch = 1;
    }

    function sign(uint256 key, PoCReport memory said) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, w.hub.hashReport(said));
        return abi.encodePacked(r, s, v);
    }
}
