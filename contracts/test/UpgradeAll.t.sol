// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {OracleRegistry} from "../src/OracleRegistry.sol";
import {Platforms} from "../src/Platforms.sol";
import {ResultRoots} from "../src/ResultRoots.sol";
import {PoCHub} from "../src/PoCHub.sol";
import {PolicyRegistry} from "../src/PolicyRegistry.sol";
import {PostRegistry} from "../src/PostRegistry.sol";
import {AccountLinks} from "../src/access/AccountLinks.sol";
import {FraudGuard} from "../src/disputes/FraudGuard.sol";
import {PoCDisputes} from "../src/disputes/PoCDisputes.sol";
import {BonusVault} from "../src/payments/BonusVault.sol";
import {RevenueSplitter} from "../src/payments/RevenueSplitter.sol";
import {TokenPool} from "../src/payments/TokenPool.sol";
import {PoCReport, VerificationRequest} from "../src/types/Reports.sol";
import {Economy} from "./utils/Economy.sol";

/// @notice Every contract is upgraded while it holds money, disputes and claims.
contract UpgradeAllTest is Economy {
    bytes32 private constant SECOND_POST = keccak256("second");
    bytes32 private constant CLAIMED = keccak256("claimed");

    function test_EveryContractIsUpgradedWithLiveMoneyAndGoesOn() public {
        (uint256 id, uint256 claimId, bytes32 open) = live();
        bytes32 before = digest(id, claimId, open);
        upgradeAll();
        eq(digest(id, claimId, open), before, "state");
        vm.warp(block.timestamp + 1 hours);
        PoCReport memory r = reportFor(open);
        r.transmitter = TRANSMITTER;
        fulfill(r);
        eq(hub.claimable(TRANSMITTER), 7, "the fee that waited");
        vm.warp(block.timestamp + 4 days);
        disputes.rule(id, 1, REASON);
        disputes.rejectClaim(claimId, REASON);
        vm.warp(block.timestamp + 10 days);
        disputes.settle(id);
        splitter.payContested(POST, ETHER);
        splitter.payContested(CLAIMED, ETHER);
        no(guard.isAccountFrozen(FAN), "freezes ended by themselves");
        vm.prank(CREATOR);
        splitter.withdraw(CREATOR, ETHER, CREATOR);
        yes(CREATOR.balance >= 100 ether, "out");
        owesWhatItHas();
    }

    /// @dev A dispute, a claim, a freeze, a budget, a pool, a link and a fee, all under way.
    function live() private returns (uint256 id, uint256 claimId, bytes32 open) {
        PoCReport memory earlier = attestation(ORIGINAL_POST);
        earlier.creator = FIRST_CREATOR;
        attest(earlier);
        vm.warp(block.timestamp + 1);
        copy(POST, 9_800);
        tip(POST, 100 ether);
        id = dispute(POST);
        vm.prank(FIRST_CREATOR);
        disputes.answer(id, REASON);
        original(SECOND_POST);
        original(CLAIMED);
        vm.deal(FIRST_CREATOR, 1 ether);
        vm.prank(FIRST_CREATOR);
        claimId = disputes.claim{value: 0.01 ether}(CLAIMED, ORIGINAL_POST, EVIDENCE);
        tip(CLAIMED, 10 ether);
        vm.deal(address(this), 10 ether);
        vault.fund{value: 5 ether}(ETHER, 5 ether);
        vault.creditBonus(SECOND_POST, "w", ETHER, 1 ether, 1);
        vm.deal(FAN, 1 ether);
        vm.prank(FAN);
        pool.buy{value: 1 ether}(SECOND_POST, 100);
        guard.freezeAccount(FAN, "a", "s", uint40(block.timestamp + 9 days));
        platforms.register(PLATFORM);
        setFee(7);
        VerificationRequest memory r = aRequest();
        r.postId = keccak256("open");
        open = ask(r);
        vm.warp(block.timestamp + 1);
    }

    function upgradeAll() private {
        address[12] memory t = [
            address(hub),
            address(oracles),
            address(policy),
            address(posts),
            address(links),
            address(guard),
            address(splitter),
            address(pool),
            address(disputes),
            address(vault),
            address(platforms),
            address(roots)
        ];
        address[12] memory n = [
            address(new PoCHub()),
            address(new OracleRegistry()),
            address(new PolicyRegistry()),
            address(new PostRegistry()),
            address(new AccountLinks()),
            address(new FraudGuard()),
            address(new RevenueSplitter()),
            address(new TokenPool()),
            address(new PoCDisputes()),
            address(new BonusVault()),
            address(new Platforms()),
            address(new ResultRoots())
        ];
        for (uint256 i; i < t.length; ++i) {
            UUPSUpgradeable(t[i]).upgradeToAndCall(n[i], "");
        }
    }

    function digest(uint256 id, uint256 claimId, bytes32 open) private view returns (bytes32) {
        bytes memory first = abi.encode(
            posts.resultOf(POST),
            splitter.contested(POST, ETHER),
            splitter.owed(ETHER),
            disputes.disputeOf(id)
        );
        bytes memory second = abi.encode(
            vault.budgetOf(ETHER),
            pool.reserves(),
            guard.freezeOf("a"),
            oracles.signers(),
            policy.termsAt(1),
            disputes.claimOf(claimId),
            hub.getRequest(open)
        );
        return keccak256(bytes.concat(first, second));
    }
}
