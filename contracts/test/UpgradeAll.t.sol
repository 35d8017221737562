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
import {Vm} from "./utils/Vm.sol";
import {Economy} from "./utils/Economy.sol";

/// @notice Every contract is upgraded while it holds money, disputes and claims; and what everybody has follows from the
/// events alone.
contract UpgradeAllTest is Economy {
    bytes32 private constant SECOND_POST = keccak256("second");
    bytes32 private constant CLAIMED = keccak256("claimed");

    mapping(address account => uint256) private had;
    address[] private seen;

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

    /// @dev Logs of the splitter alone, as an indexer has them: no call, no storage.
    function test_EveryBalanceFollowsFromTheEvents() public {
        vm.recordLogs();
        (uint256 id,,) = live();
        vm.warp(block.timestamp + 4 days);
        disputes.rule(id, 1, REASON);
        vm.warp(block.timestamp + 4 days);
        disputes.settle(id);
        guard.freezePost(POST, "f", "f", uint40(block.timestamp + 1 days));
        splitter.payContested(POST, ETHER);
        vm.warp(block.timestamp + 1 days);
        splitter.releaseFrozen(POST, ETHER);
        vm.prank(PLATFORM);
        splitter.withdraw(PLATFORM, ETHER, PLATFORM);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 held;
        uint256 frozen;
        uint256 total;
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].emitter != address(splitter)) continue;
            bytes32 kind = logs[i].topics[0];
            if (kind == keccak256("Credited(address,address,uint256)")) {
                address account = address(uint160(uint256(logs[i].topics[1])));
                uint256 amount = abi.decode(logs[i].data, (uint256));
                had[account] += amount;
                total += amount;
                seen.push(account);
            } else if (kind == keccak256("Withdrawn(address,address,address,uint256)")) {
                uint256 amount = abi.decode(logs[i].data, (uint256));
                had[address(uint160(uint256(logs[i].topics[1])))] -= amount;
                total -= amount;
            } else if (
                kind
                    == keccak256(
                        "RevenueSplit(bytes32,address,address,uint8,uint256,uint256,uint256,bool,bool)"
                    )
            ) {
                (,, uint256 toOriginal, uint256 toPoster, bool waits, bool stays) =
                    abi.decode(logs[i].data, (uint8, uint256, uint256, uint256, bool, bool));
                if (waits) held += toOriginal;
                if (stays) frozen += toPoster;
            } else if (kind == keccak256("ContestedPaid(bytes32,address,address,uint256,uint256,bool)")) {
                (, uint256 toOriginal, uint256 toPoster, bool stays) =
                    abi.decode(logs[i].data, (address, uint256, uint256, bool));
                held -= toOriginal + toPoster;
                if (stays) frozen += toPoster;
            } else if (kind == keccak256("FrozenReleased(bytes32,address,address,uint256)")) {
                frozen -= abi.decode(logs[i].data, (uint256));
            }
        }
        for (uint256 i; i < seen.length; ++i) {
            eq(splitter.claimable(seen[i], ETHER), had[seen[i]], "claimable");
        }
        eq(splitter.contested(POST, ETHER) + splitter.contested(CLAIMED, ETHER), held, "held");
        eq(frozen, 0, "frozen and released");
        eq(total + held, splitter.owed(ETHER), "all of it");
        yes(seen.length > 5, "and it was not nothing");
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
