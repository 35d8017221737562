// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {PausableUpgradeable} from "@openzeppelin/contracts-upgradeable/utils/PausableUpgradeable.sol";
import {RoleTable} from "../src/access/RoleTable.sol";
import {Roles} from "../src/access/Roles.sol";
import {IAccountErrors, IHubErrors, IMoneyErrors, IQuorumErrors} from "../src/interfaces/IErrors.sol";
import {VerificationRequest} from "../src/types/Reports.sol";
import {PoCHubNext} from "./mocks/NextVersions.sol";
import {Economy} from "./utils/Economy.sol";

/// @notice Who may do what, after which delay; limits on requests; wallets of creators who had none.
contract GovernanceTest is Economy {
    address private constant GOVERNOR = address(0x601);
    address private constant GUARDIAN = address(0x602);
    address private constant ORACLE_ADMIN = address(0x603);
    address private constant ARBITER = address(0x604);
    address private constant OFFICER = address(0x605);
    address private constant UPGRADER = address(0x606);
    address private constant PAYMASTER = address(0x607);
    address private constant SECOND_ARBITER = address(0x608);
    address private constant REGISTRAR = address(0x609);
    address private constant WALLET = address(0x3A11E7);

    function setUp() public override {
        super.setUp();
        RoleTable table = new RoleTable();
        manager.multicall(
            table.functionRoles(
                RoleTable.System(
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
                )
            )
        );
        manager.multicall(table.officerRoles(officers()));
    }

    // ---- roles

    function test_GovernanceActsAfterItsDelayAndTheChangeIsAVersion() public {
        bytes memory change = abi.encodeCall(policy.setThreshold, (1, 9_000));
        vm.startPrank(GOVERNOR);
        vm.expectPartialRevert(IAccessManager.AccessManagerNotScheduled.selector);
        manager.execute(address(policy), change);
        manager.schedule(address(policy), change, 0);
        vm.warp(block.timestamp + 2 days - 1);
        vm.expectPartialRevert(IAccessManager.AccessManagerNotReady.selector);
        manager.execute(address(policy), change);
        vm.warp(block.timestamp + 1);
        manager.execute(address(policy), change);
        vm.stopPrank();
        eq(policy.currentVersion(), 2, "a version");
        (uint16 before,) = policy.policyAt(1, 1);
        eq(before, 9_500, "earlier requests stay under theirs");
    }

    function test_TheGuardianCancelsWhatWasScheduled() public {
        address next = address(new PoCHubNext());
        bytes memory change = abi.encodeCall(hub.upgradeToAndCall, (next, ""));
        vm.prank(UPGRADER);
        manager.schedule(address(hub), change, 0);
        vm.prank(GUARDIAN);
        manager.cancel(UPGRADER, address(hub), change);
        vm.warp(block.timestamp + 7 days);
        vm.expectPartialRevert(IAccessManager.AccessManagerNotScheduled.selector);
        vm.prank(UPGRADER);
        manager.execute(address(hub), change);
    }

    function test_AnUpgradeTakesTheLongestDelay() public {
        address next = address(new PoCHubNext());
        bytes memory change = abi.encodeCall(hub.upgradeToAndCall, (next, ""));
        vm.startPrank(UPGRADER);
        manager.schedule(address(hub), change, 0);
        vm.warp(block.timestamp + 7 days - 1);
        vm.expectPartialRevert(IAccessManager.AccessManagerNotReady.selector);
        manager.execute(address(hub), change);
        vm.warp(block.timestamp + 1);
        manager.execute(address(hub), change);
        vm.stopPrank();
        eq(PoCHubNext(address(hub)).version(), 2, "upgraded");
    }

    function test_TheGuardianStopsThingsAtOnceAndCanDoNothingElse() public {
        vm.startPrank(GUARDIAN);
        hub.pause();
        splitter.pause();
        pool.pause();
        vault.pause();
        oracles.revokeSigner(vm.addr(KEY), 0);
        no(oracles.isSigner(vm.addr(KEY)), "revoked");
        hub.unpause();
        bytes memory denied =
            abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, GUARDIAN);
        vm.expectRevert(denied);
        oracles.setSigners(new address[](1), 1, 0);
        vm.expectRevert(denied);
        policy.setThreshold(1, 9_000);
        vm.expectRevert(denied);
        splitter.setTreasuries(GUARDIAN, GUARDIAN);
        vm.stopPrank();
    }

    /// @dev Every restricted function of every contract, so that none is left to the administrator by an oversight.
    function test_EachRestrictedFunctionHasItsRole() public view {
        role(address(hub), "setOpenRequestsCap(uint32)", Roles.GOVERNANCE);
        role(address(policy), "setThreshold(uint8,uint16)", Roles.GOVERNANCE);
        role(address(policy), "setBaseRedirect(uint16)", Roles.GOVERNANCE);
        role(address(policy), "setGradeCutoffs(uint16,uint16,uint16,uint16)", Roles.GOVERNANCE);
        role(address(policy), "setRequestTerms(uint96,uint32)", Roles.GOVERNANCE);
        role(address(policy), "setDisputeTerms(uint32,uint96)", Roles.GOVERNANCE);
        role(address(posts), "setDisputes(address)", Roles.GOVERNANCE);
        role(address(posts), "setRoots(address)", Roles.GOVERNANCE);
        role(address(roots), "revokeRoot(bytes32)", Roles.GUARDIAN);
        role(address(links), "relink(address,address)", Roles.GOVERNANCE);
        role(address(links), "setLinkCap(uint32)", Roles.GOVERNANCE);
        role(address(links), "complete(address[])", Roles.REGISTRAR);
        role(address(links), "veto(address)", Roles.GUARDIAN);
        role(address(policy), "setCallbackPrice(uint64)", Roles.GOVERNANCE);
        role(address(splitter), "setTokenAllowed(address,bool)", Roles.GOVERNANCE);
        role(address(splitter), "setTreasuries(address,address)", Roles.GOVERNANCE);
        role(address(vault), "defund(address,uint256,address)", Roles.GOVERNANCE);
        role(address(oracles), "setSigners(address[],uint8,uint8)", Roles.ORACLE_ADMIN);
        role(address(oracles), "setHub(address)", Roles.ORACLE_ADMIN);
        role(address(oracles), "revokeSigner(address,uint64)", Roles.GUARDIAN);
        role(address(disputes), "rule(uint256,uint8,bytes32)", Roles.ARBITER);
        role(address(disputes), "review(bytes32,(uint8,address,bytes32,bytes32,bool))", Roles.ARBITER);
        role(address(disputes), "propose(bytes32,(uint8,uint16,address,bytes32,bytes32))", Roles.ARBITER);
        role(address(disputes), "upholdClaim(uint256,(uint8,uint16,address,bytes32,bytes32))", Roles.ARBITER);
        role(address(disputes), "rejectClaim(uint256,bytes32)", Roles.ARBITER);
        role(address(disputes), "vetoCorrection(uint256,bytes32)", Roles.GUARDIAN);
        role(address(disputes), "claimOnWord(bytes32,bytes32,bytes32)", Roles.PLATFORM);
        role(address(guard), "resolve(bytes32,bool,uint40,bytes32)", Roles.ARBITER);
        role(address(guard), "freezeAccount(address,bytes32,bytes32,uint40)", Roles.FRAUD_OFFICER);
        role(address(guard), "freezePost(bytes32,bytes32,bytes32,uint40)", Roles.FRAUD_OFFICER);
        role(address(vault), "creditBonus(bytes32,bytes32,address,uint256,uint8)", Roles.PAYMASTER);
        address[4] memory pausable = [address(hub), address(splitter), address(pool), address(vault)];
        for (uint256 i; i < 4; ++i) {
            role(pausable[i], "pause()", Roles.GUARDIAN);
            role(pausable[i], "unpause()", Roles.GUARDIAN);
        }
        address[12] memory all = [
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
        for (uint256 i; i < 12; ++i) {
            role(all[i], "upgradeToAndCall(address,bytes)", Roles.UPGRADER);
        }
    }

    function test_EveryContractSaysWhomItWorksWith() public view {
        eq(oracles.hub(), address(hub), "signers report to the hub");
        (address hub_, address posts_) = disputes.modules();
        eq(hub_, address(hub), "hub");
        eq(posts_, address(posts), "posts");
        (posts_,) = vault.modules();
        eq(posts_, address(posts), "posts");
        eq(pool.splitter(), address(splitter), "splitter");
        eq(pool.stepWei(), STEP, "step");
    }

    function test_TwoPeopleRule() public view {
        (bool rules,) = manager.hasRole(Roles.ARBITER, ARBITER);
        yes(rules, "the first");
        (rules,) = manager.hasRole(Roles.ARBITER, SECOND_ARBITER);
        yes(rules, "the second");
    }

    // ---- limits on requests

    function test_APauseStopsNewRequestsAndNothingElse() public {
        bytes32 open = ask();
        vm.prank(GUARDIAN);
        hub.pause();
        VerificationRequest memory request = aRequest();
        vm.expectRevert(PausableUpgradeable.EnforcedPause.selector);
        hub.requestVerification(request);
        fulfill(reportFor(open));
        yes(posts.hasBadge(POST), "answered");
    }

    function test_OneRequesterCannotFillTheQueue() public {
        bytes memory change = abi.encodeCall(hub.setOpenRequestsCap, (2));
        vm.startPrank(GOVERNOR);
        manager.schedule(address(hub), change, 0);
        vm.warp(block.timestamp + 2 days);
        manager.execute(address(hub), change);
        vm.stopPrank();
        bytes32 first = ask();
        bytes32 second = ask();
        VerificationRequest memory request = aRequest();
        vm.expectRevert(
            abi.encodeWithSelector(
                IHubErrors.TooManyOpenRequests.selector, bytes32(uint256(uint160(REQUESTER))), 2
            )
        );
        vm.prank(REQUESTER);
        hub.requestVerification(request);
        vm.prank(FAN);
        hub.requestVerification(request);
        fulfill(reportFor(first));
        eq(hub.openRequests(bytes32(uint256(uint160(REQUESTER)))), 1, "an answer frees a place");
        vm.warp(block.timestamp + 1 days + 1);
        hub.cancelRequest(second);
        eq(hub.openRequests(bytes32(uint256(uint160(REQUESTER)))), 0, "a cancellation too");
        ask();
    }

    function test_ACapOfZeroIsNoCap() public {
        eq(hub.openRequestsCap(), 1_000, "at the start");
        bytes memory change = abi.encodeCall(hub.setOpenRequestsCap, (0));
        vm.startPrank(GOVERNOR);
        manager.schedule(address(hub), change, 0);
        vm.warp(block.timestamp + 2 days);
        vm.expectRevert(abi.encodeWithSelector(IHubErrors.InvalidOpenRequestsCap.selector, 0));
        manager.execute(address(hub), change);
        vm.stopPrank();
    }

    // ---- creators without a wallet

    function test_ACreatorWithoutAWalletIsPaidAndClaimsLater() public {
        address account = links.accountOf("alice");
        // last 20 bytes of keccak256("creativity-oracle/account:alice"), as the oracle derives it
        eq(account, address(uint160(uint256(keccak256("creativity-oracle/account:alice")))), "account");
        vm.deal(FAN, 100);
        vm.prank(FAN);
        splitter.deposit{value: 100}(account, ETHER, 100);
        vm.expectRevert(abi.encodeWithSelector(IMoneyErrors.NotYourAccount.selector, account, WALLET));
        vm.prank(WALLET);
        splitter.withdraw(account, ETHER, WALLET);
        link("alice", WALLET);
        eq(links.walletOf(account), WALLET, "linked");
        vm.prank(WALLET);
        splitter.withdraw(account, ETHER, WALLET);
        eq(WALLET.balance, 100, "claimed");
        eq(links.walletOf(FAN), FAN, "everybody else acts for themselves");
    }

    function test_ALinkNeedsTheQuorumAndHoldsOnce() public {
        address account = links.accountOf("alice");
        bytes[] memory signatures = signedLink(0xBAD, account, WALLET);
        uint64 until = uint64(block.timestamp);
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.UnauthorizedOracle.selector, vm.addr(0xBAD)));
        links.link("alice", WALLET, until, 1, signatures);
        signatures = signedLink(KEY, account, WALLET);
        vm.warp(block.timestamp + 1);
        vm.expectRevert(abi.encodeWithSelector(IAccountErrors.LinkExpired.selector, account, until));
        links.link("alice", WALLET, until, 1, signatures);
        link("alice", WALLET);
        signatures = signedLink(KEY, account, FAN);
        vm.expectRevert(abi.encodeWithSelector(IAccountErrors.AlreadyLinked.selector, account, WALLET));
        links.link("alice", FAN, uint64(block.timestamp), 1, signatures);
        vm.expectRevert(abi.encodeWithSelector(IAccountErrors.InvalidHandle.selector, 0));
        links.accountOf("");
    }

    function test_GovernanceRelinksALostKeyAndNothingThatWasNeverLinked() public {
        address account = links.accountOf("alice");
        bytes memory change = abi.encodeCall(links.relink, (account, FAN));
        vm.startPrank(GOVERNOR);
        manager.schedule(address(links), change, 0);
        vm.warp(block.timestamp + 2 days);
        vm.expectRevert(abi.encodeWithSelector(IAccountErrors.NotLinked.selector, account));
        manager.execute(address(links), change);
        vm.stopPrank();
        link("alice", WALLET);
        vm.prank(GOVERNOR);
        manager.execute(address(links), change);
        eq(links.walletOf(account), FAN, "relinked");
    }

    function officers() private pure returns (RoleTable.Officers memory) {
        return RoleTable.Officers(
            GOVERNOR,
            GUARDIAN,
            ORACLE_ADMIN,
            ARBITER,
            OFFICER,
            UPGRADER,
            PAYMASTER,
            SECOND_ARBITER,
            REGISTRAR,
            2 days,
            7 days
        );
    }

    function link(string memory handle, address wallet) private {
        bytes[] memory signatures = signedLink(KEY, links.accountOf(handle), wallet);
        links.link(handle, wallet, uint64(block.timestamp), 1, signatures);
        vm.warp(block.timestamp + 2 days);
        address[] memory ready = only(links.accountOf(handle));
        vm.prank(REGISTRAR);
        links.complete(ready);
    }

    function only(address account) private pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = account;
    }

    function signedLink(uint256 key, address account, address wallet)
        private
        view
        returns (bytes[] memory signatures)
    {
        signatures = new bytes[](1);
        signatures[0] = signature(key, links.hashLink(account, wallet, uint64(block.timestamp), 1));
    }

    function role(address target, string memory function_, uint64 expected) private view {
        eq(manager.getTargetFunctionRole(target, bytes4(keccak256(bytes(function_)))), expected, function_);
    }
}
