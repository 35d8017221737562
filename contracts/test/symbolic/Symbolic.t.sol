// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {PolicyRegistry} from "../../src/PolicyRegistry.sol";
import {PostRegistry} from "../../src/PostRegistry.sol";
import {AccountLinks} from "../../src/access/AccountLinks.sol";
import {PoCDisputes} from "../../src/disputes/PoCDisputes.sol";
import {RevenueSplitter} from "../../src/payments/RevenueSplitter.sol";
import {Claim, Finding} from "../../src/interfaces/ICorrections.sol";
import {RedirectMath} from "../../src/libraries/RedirectMath.sol";
import {Ledger} from "../../src/payments/Ledger.sol";
import {CaseStatus, Outcome} from "../../src/types/Codes.sol";
import {PoCReport} from "../../src/types/Reports.sol";
import {Check} from "../utils/Check.sol";

// For halmos (`make audit`), not for forge: `check_` is proven for every value, `assert` is what must never fail.

/// @notice What is split is all of it. (The redirect's own quotient is beyond the solvers: RedirectMath.t.sol fuzzes it, and
/// goes through every similarity.)
contract SymbolicMath {
    function check_ASplitLosesNothing(uint128 amount, uint16 bps) external pure {
        if (bps > 10_000) return;
        (uint256 toOriginal, uint256 toPoster) = RedirectMath.splitRedirect(amount, bps);
        assert(toOriginal + toPoster == amount);
        assert(toOriginal <= amount);
    }
}

/// @notice A ledger whose owner credits what it likes.
contract CarelessLedger is Ledger {
    constructor(address links_) {
        _initLedger(links_);
    }

    function receive_(uint256 amount) external payable {
        _receive(ETHER, amount);
    }

    function credit(address account, uint256 amount) external {
        _credit(account, ETHER, amount);
    }

    function spend(uint256 amount) external {
        _spend(ETHER, amount);
    }
}

/// @notice No path through a ledger pays out more than it took, whatever was credited.
contract SymbolicLedger is Check {
    address private constant ALICE = address(0xA11);
    address private constant BOB = address(0xB0B);
    CarelessLedger private ledger;

    function setUp() public {
        ledger = new CarelessLedger(address(this));
        vm.deal(address(ledger), 0);
    }

    function check_NothingIsPaidThatDidNotComeIn(uint96 paid, uint96 toAlice, uint96 toBob) external {
        took(paid);
        ledger.credit(ALICE, toAlice);
        ledger.credit(BOB, toBob);
        uint256 out = take(ALICE) + take(BOB);
        assert(out <= paid);
        assert(address(ledger).balance == paid - out);
        assert(ledger.owed(address(0)) == paid - out);
    }

    function check_WhatWasSpentIsNotPaidToo(uint96 paid, uint96 spent, uint96 toAlice) external {
        took(paid);
        ledger.credit(ALICE, toAlice);
        if (spent > paid) return;
        ledger.spend(spent);
        uint256 out = take(ALICE);
        assert(out <= paid - spent);
        assert(ledger.owed(address(0)) == paid - spent - out);
    }

    function check_NobodyTakesAnothers(address thief, address to, uint96 amount) external {
        if (thief == ALICE || thief == address(this)) return;
        took(amount);
        ledger.credit(ALICE, amount);
        vm.prank(thief);
        (bool taken,) = address(ledger).call(abi.encodeCall(Ledger.withdraw, (ALICE, address(0), to)));
        assert(!taken);
    }

    function walletOf(address account) external pure returns (address) {
        return account;
    }

    function took(uint96 amount) private {
        vm.deal(address(this), amount);
        ledger.receive_{value: amount}(amount);
    }

    function take(address account) private returns (uint256) {
        vm.prank(account);
        try ledger.withdraw(account, address(0), account) returns (uint256 amount) {
            return amount;
        } catch {
            return 0;
        }
    }
}

/// @notice A claim's bond is at stake or somebody's, whatever becomes of the claim. The disputes, the posts, the policy and
/// the ledger are the real ones; this contract is the administrator, and stands in for the hub, which only writes the posts.
contract SymbolicClaims is Check {
    address private constant ETHER = address(0);
    address private constant CREATOR = address(0xC0FFEE);
    address private constant FIRST_CREATOR = address(0xF125);
    address private constant TREASURY = address(0xEC0);
    bytes32 private constant POST = "post";
    bytes32 private constant EARLIER = "earlier";
    uint256 private constant BOND = 0.01 ether;

    PostRegistry private posts;
    PoCDisputes private disputes;
    uint256 private id;

    function setUp() public {
        vm.warp(1_800_000_000);
        address m = address(new AccessManager(address(this)));
        address policy = proxy(address(new PolicyRegistry()), abi.encodeCall(PolicyRegistry.initialize, (m)));
        posts = PostRegistry(
            proxy(
                address(new PostRegistry()),
                abi.encodeCall(PostRegistry.initialize, (m, policy, address(this)))
            )
        );
        address links = proxy(
            address(new AccountLinks()), abi.encodeCall(AccountLinks.initialize, (m, address(this), 2 days))
        );
        address splitter = proxy(
            address(new RevenueSplitter()),
            abi.encodeCall(
                RevenueSplitter.initialize, (m, address(posts), address(this), links, TREASURY, TREASURY)
            )
        );
        disputes = PoCDisputes(
            proxy(
                address(new PoCDisputes()),
                abi.encodeCall(PoCDisputes.initialize, (m, address(this), address(posts), links, splitter))
            )
        );
        posts.setDisputes(address(disputes));
        record(EARLIER, FIRST_CREATOR);
        vm.warp(block.timestamp + 1 hours);
        record(POST, CREATOR);
        vm.deal(FIRST_CREATOR, BOND);
        vm.prank(FIRST_CREATOR);
        id = disputes.claim{value: BOND}(POST, EARLIER, "evidence");
    }

    function check_ABondIsConserved(uint8 how, uint32 later, uint16 similarityBps, uint8 outcome) external {
        vm.warp(block.timestamp + later);
        bytes memory call;
        if (how == 0) {
            call = abi.encodeCall(disputes.rejectClaim, (id, "reason"));
        } else if (how == 1) {
            call = abi.encodeCall(disputes.settleClaim, (id));
        } else {
            call = abi.encodeCall(
                disputes.upholdClaim, (id, Finding(outcome, similarityBps, FIRST_CREATOR, EARLIER, "reason"))
            );
        }
        (bool done,) = address(disputes).call(call);
        Claim memory c = disputes.claimOf(id);
        uint256 back = disputes.claimable(FIRST_CREATOR, ETHER);
        uint256 lost = disputes.claimable(TREASURY, ETHER);
        assert(back + lost + c.bondWei == BOND);
        assert(done == (c.bondWei == 0));
        // Only what was upheld comes back, and the post's owner has nothing of it.
        assert(back == 0 || c.status == CaseStatus.UPHELD);
        assert(disputes.claimable(CREATOR, ETHER) == 0);
        assert(disputes.owed(ETHER) == address(disputes).balance);
    }

    function record(bytes32 postId, address creator) private {
        PoCReport memory r;
        r.requestId = postId;
        r.postId = postId;
        r.contentHash = "content";
        r.mediaType = 1;
        r.outcome = Outcome.ORIGINAL;
        r.creator = creator;
        r.evidenceHash = "evidence";
        r.configVersion = 1;
        posts.record(r, creator, true);
    }

    function proxy(address implementation, bytes memory init) private returns (address) {
        return address(new ERC1967Proxy(implementation, init));
    }
}
