// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccountLinks} from "../../src/access/AccountLinks.sol";
import {FraudGuard} from "../../src/disputes/FraudGuard.sol";
import {PoCDisputes} from "../../src/disputes/PoCDisputes.sol";
import {BonusVault} from "../../src/payments/BonusVault.sol";
import {RevenueSplitter} from "../../src/payments/RevenueSplitter.sol";
import {TokenPool} from "../../src/payments/TokenPool.sol";
import {PoCReport} from "../../src/types/Reports.sol";
import {System} from "./System.sol";

/// @notice The whole system with what pays and what judges. This contract is the admin.
abstract contract Economy is System {
    address internal constant ETHER = address(0);
    address internal constant PLATFORM = address(0x97A7);
    address internal constant ECOSYSTEM = address(0xEC0);
    address internal constant FAN = address(0xFA4);
    uint96 internal constant STEP = 1_000;
    bytes32 internal constant REASON = keccak256("reason");
    bytes32 internal constant EVIDENCE = keccak256("my raw file");

    AccountLinks internal links;
    FraudGuard internal guard;
    RevenueSplitter internal splitter;
    TokenPool internal pool;
    PoCDisputes internal disputes;
    BonusVault internal vault;

    function setUp() public virtual override {
        super.setUp();
        address m = address(manager);
        links = AccountLinks(
            proxy(
                address(new AccountLinks()),
                abi.encodeCall(AccountLinks.initialize, (m, address(oracles), 2 days))
            )
        );
        guard = FraudGuard(
            proxy(
                address(new FraudGuard()),
                abi.encodeCall(FraudGuard.initialize, (m, address(posts), address(links)))
            )
        );
        splitter = RevenueSplitter(
            proxy(
                address(new RevenueSplitter()),
                abi.encodeCall(
                    RevenueSplitter.initialize,
                    (m, address(posts), address(guard), address(links), PLATFORM, ECOSYSTEM)
                )
            )
        );
        pool = TokenPool(
            proxy(
                address(new TokenPool()), abi.encodeCall(TokenPool.initialize, (m, address(splitter), STEP))
            )
        );
        disputes = PoCDisputes(
            proxy(
                address(new PoCDisputes()),
                abi.encodeCall(
                    PoCDisputes.initialize,
                    (m, address(hub), address(posts), address(links), address(splitter))
                )
            )
        );
        vault = BonusVault(
            proxy(
                address(new BonusVault()),
                abi.encodeCall(BonusVault.initialize, (m, address(posts), address(splitter), address(links)))
            )
        );
        posts.setDisputes(address(disputes));
    }

    // ---- posts

    function original(bytes32 postId) internal {
        settle(about(postId));
    }

    function copy(bytes32 postId, uint16 similarityBps) internal {
        settle(derivative(about(postId), similarityBps));
    }

    function undecided(bytes32 postId, uint16 similarityBps) internal {
        PoCReport memory report = about(postId);
        report.outcome = 5;
        report.similarityBps = similarityBps;
        settle(report);
    }

    /// @dev POST was asked about; the others are the oracle's own.
    function about(bytes32 postId) private returns (PoCReport memory) {
        return postId == POST ? reportFor(ask()) : attestation(postId);
    }

    function settle(PoCReport memory report) private {
        if (report.postId == POST) fulfill(report);
        else attest(report);
    }

    function makeFinal() internal {
        vm.warp(block.timestamp + 7 days);
    }

    // ---- money

    function tip(bytes32 postId, uint256 amount) internal {
        vm.deal(FAN, amount);
        vm.prank(FAN);
        splitter.tip{value: amount}(postId, ETHER, amount);
    }

    function owns(address account, uint256 amount, string memory what) internal view {
        eq(splitter.claimable(account, ETHER), amount, what);
    }

    function owesWhatItHas() internal view {
        eq(splitter.owed(ETHER), address(splitter).balance, "owed is the balance");
    }

    // ---- disputes

    function dispute(bytes32 postId) internal returns (uint256) {
        vm.prank(CREATOR);
        return disputes.open(postId, EVIDENCE);
    }

    function ruled(uint256 id, uint8 outcome) internal {
        vm.prank(FIRST_CREATOR);
        disputes.answer(id, keccak256("I was first"));
        disputes.rule(id, outcome, REASON);
    }
}
