// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    IAccountErrors,
    IDisputeErrors,
    IFraudErrors,
    IHubErrors,
    IMoneyErrors,
    IPlatformErrors,
    IPostErrors,
    IQuorumErrors
} from "../../src/interfaces/IErrors.sol";
import {IOracleRegistry} from "../../src/interfaces/IOracleRegistry.sol";
import {CreativityPosts} from "../../src/CreativityPosts.sol";
import {ExampleConsumer} from "../../src/ExampleConsumer.sol";
import {Authorisation} from "../../src/interfaces/IPlatforms.sol";
import {IPoCHub} from "../../src/interfaces/IPoCHub.sol";
import {PoCDisputes} from "../../src/disputes/PoCDisputes.sol";
import {PostStatus} from "../../src/types/Codes.sol";
import {PoCReport, Ruling, VerificationRequest} from "../../src/types/Reports.sol";
import {Economy} from "../utils/Economy.sol";

/// @notice Each fault that was shown by a test (P and its number), and others of its kind (A), and what stops it. What the
/// P-cases did before:
/// P01 a freeze of a post whose id spells an address kept that account from withdrawing.
/// P02 one stolen signer key linked every unclaimed escrow account to the thief, and emptied them in one block.
/// P03 a stranger asked about the victim's post id first, so that its tips and redirects were the stranger's for good.
/// P05 who copied a fulfilment from the mempool had its fee.
/// P06 an appeal that the only arbiter could not rule on held the money for 14 days, and the bond came back.
/// P07 naming another disputes contract left open disputes, and all that they held, without an end.
/// P09 the arbiter who had decided an undecided post ruled on the dispute about it.
/// P10 an attestation chose a policy version of years ago, and its kinder threshold.
/// P11 anybody could have the example consumer's posts decided.
/// P12 a callback that burnt its gas cost the oracle five times what it cost who asked, at a fee of zero.
/// P13 and P14 a party worded a ballot, and stakes of the last second decided it: the vote is gone, and so are they.
/// P16 a year after its end a redirect was ended by asking again.
contract CuresTest is Economy {
    address internal constant MALLORY = address(0xBAD);
    address internal constant SECOND = address(0x5EC0);
    address internal constant PLATFORM_KEY = address(0x9EE);
    address internal constant PURSE = address(0x9025E);

    // ---- P01: subjects are typed

    function test_P01_FreezingAPostFreezesNoAccount() public {
        original(POST);
        tip(POST, 1 ether);
        bytes32 id = bytes32(uint256(uint160(CREATOR)));
        mallorysPost(id);
        guard.freezePost(id, keccak256("alert"), keccak256("statement"), uint40(block.timestamp + 30 days));
        yes(guard.isPostFrozen(id), "the post");
        no(guard.isAccountFrozen(CREATOR), "and nothing else");
        vm.prank(CREATOR);
        splitter.withdraw(CREATOR, ETHER, CREATOR);
        eq(CREATOR.balance, 1 ether, "all of it");
    }

    /// @dev The other way round: a post of that id would have kept an officer from freezing the account.
    function test_A01_AFrozenPostShieldsNoAccount() public {
        bytes32 id = bytes32(uint256(uint160(MALLORY)));
        mallorysPost(id);
        guard.freezePost(id, "1", "1", uint40(block.timestamp + 1 days));
        guard.freezeAccount(MALLORY, "2", "2", uint40(block.timestamp + 1 days));
        yes(guard.isAccountFrozen(MALLORY), "frozen all the same");
    }

    // ---- P02: links

    function test_P02_AStolenSignerKeyTakesNoEscrow() public {
        string[3] memory names = ["alice", "bob", "carol"];
        for (uint256 i; i < 3; ++i) {
            PoCReport memory rep = attestation(keccak256(bytes(names[i])));
            rep.creator = links.accountOf(names[i]);
            attest(rep);
            tip(rep.postId, 1 ether);
            propose(names[i], MALLORY);
            address account = rep.creator;
            vm.prank(MALLORY);
            vm.expectRevert(abi.encodeWithSelector(IMoneyErrors.NotYourAccount.selector, account, MALLORY));
            splitter.withdraw(account, ETHER, MALLORY);
        }
        // Neither the thief nor anybody but the registrar completes, and not before it could be vetoed.
        address[] memory all = new address[](3);
        for (uint256 i; i < 3; ++i) {
            all[i] = links.accountOf(names[i]);
        }
        vm.expectRevert(
            abi.encodeWithSelector(IAccountErrors.LinkNotReady.selector, all[0], block.timestamp + 2 days)
        );
        links.complete(all);
        vm.prank(MALLORY);
        vm.expectPartialRevert(bytes4(keccak256("AccessManagedUnauthorized(address)")));
        links.complete(all);
        // The guardian vetoes one and revokes the key: whatever it attested is void.
        links.veto(all[0]);
        oracles.revokeSigner(vm.addr(KEY), 0);
        vm.warp(block.timestamp + 365 days);
        vm.expectRevert(abi.encodeWithSelector(IAccountErrors.NoLinkPending.selector, all[0]));
        links.complete(all);
        all[0] = all[1];
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.StaleSignerEpoch.selector, 1, 2));
        links.complete(all);
    }

    function test_A02_SoManyLinksADay() public {
        links.setLinkCap(2);
        string[3] memory names = ["alice", "bob", "carol"];
        address[] memory all = new address[](3);
        for (uint256 i; i < 3; ++i) {
            propose(names[i], CREATOR);
            all[i] = links.accountOf(names[i]);
        }
        vm.warp(block.timestamp + 2 days);
        vm.expectRevert(abi.encodeWithSelector(IAccountErrors.LinkCapReached.selector, 2));
        links.complete(all);
        address[] memory two = new address[](2);
        (two[0], two[1]) = (all[0], all[1]);
        links.complete(two);
        address[] memory one = new address[](1);
        one[0] = all[2];
        vm.expectRevert(abi.encodeWithSelector(IAccountErrors.LinkCapReached.selector, 2));
        links.complete(one);
        vm.warp(block.timestamp + 1 days);
        links.complete(one);
        // Three accounts, or spellings, of one creator share a wallet.
        for (uint256 i; i < 3; ++i) {
            eq(links.walletOf(all[i]), CREATOR, "linked");
        }
        vm.expectRevert(abi.encodeWithSelector(IAccountErrors.InvalidLinkCap.selector, 0));
        links.setLinkCap(0);
    }

    function test_A03_AWaitingLinkIsNotReplacedButAVoidOneIs() public {
        propose("alice", MALLORY);
        address account = links.accountOf("alice");
        bytes[] memory signatures = linkSignatures(account, CREATOR, 1);
        vm.expectRevert(abi.encodeWithSelector(IAccountErrors.LinkPending.selector, account, MALLORY));
        links.link("alice", CREATOR, uint64(block.timestamp), 1, signatures);
        address[] memory signers = new address[](1);
        signers[0] = vm.addr(KEY);
        oracles.setSigners(signers, 1, 0);
        links.link("alice", CREATOR, uint64(block.timestamp), 2, linkSignatures(account, CREATOR, 2));
        eq(links.pendingOf(account).wallet, CREATOR, "hers");
    }

    // ---- P03: post ids belong to somebody

    function test_P03_AStrangerHasNobodysPostDecided() public {
        bytes32 name = keccak256("platform post 4711 of the victim");
        bytes32 platformId = registered();
        bytes32 victims = hub.postIdOf(platformId, name);
        // A stranger asks first, under the platform's name and under the whole id, in the victim's name.
        bytes32[2] memory names = [name, victims];
        for (uint256 i; i < 2; ++i) {
            VerificationRequest memory r = aRequest();
            (r.postId, r.creator, r.contentHash) =
            (names[i], CREATOR, keccak256("copy of mallory's own work"));
            vm.prank(MALLORY);
            bytes32 id = hub.requestVerification(r);
            PoCReport memory rep = derivative(reportFor(id), 10_000);
            rep.originalCreator = MALLORY;
            fulfill(rep);
            yes(rep.postId != victims, "in her own name space");
        }
        eq(posts.statusOf(victims), PostStatus.NONE, "the real one is open");
        // The platform's key asks, and the real media decides.
        VerificationRequest memory honest = aRequest();
        honest.postId = name;
        vm.prank(PLATFORM_KEY);
        fulfill(reportFor(hub.requestFor(platformId, honest, Authorisation(PLATFORM_KEY, 0, ""))));
        yes(posts.hasBadge(victims), "decided");
        tip(victims, 1 ether);
        owns(CREATOR, 1 ether, "all of it");
    }

    function test_A15_OnlyWhatAPlatformSignedIsAskedInItsName() public {
        bytes32 platformId = registered();
        uint256 key = 0x91A7;
        vm.prank(PLATFORM);
        platforms.setKey(platformId, vm.addr(key), true);
        VerificationRequest memory r = aRequest();
        uint64 until = uint64(block.timestamp + 1 hours);
        bytes32 digest =
            platforms.hashAuthorisation(platformId, r.postId, r.contentHash, r.creator, REQUESTER, until);
        Authorisation memory by = Authorisation(vm.addr(key), until, signature(key, digest));
        // Another asker, another creator, another key, no key, too late: nothing.
        bytes memory denied =
            abi.encodeWithSelector(IPlatformErrors.NotPlatformKey.selector, platformId, by.key);
        vm.prank(MALLORY);
        vm.expectRevert(denied);
        hub.requestFor(platformId, r, by);
        r.creator = MALLORY;
        vm.prank(REQUESTER);
        vm.expectRevert(denied);
        hub.requestFor(platformId, r, by);
        r = aRequest();
        vm.prank(MALLORY);
        vm.expectRevert(abi.encodeWithSelector(IPlatformErrors.NotPlatformKey.selector, platformId, MALLORY));
        hub.requestFor(platformId, r, Authorisation(MALLORY, until, ""));
        vm.prank(REQUESTER);
        bytes32 id = hub.requestFor(platformId, r, by);
        eq(hub.getRequest(id).requester, PURSE, "the platform's purse stands for it");
        vm.warp(until + 1);
        vm.prank(REQUESTER);
        vm.expectRevert(
            abi.encodeWithSelector(IPlatformErrors.AuthorisationExpired.selector, platformId, until)
        );
        hub.requestFor(platformId, r, by);
        vm.prank(PLATFORM);
        platforms.setKey(platformId, vm.addr(key), false);
        vm.prank(REQUESTER);
        vm.expectRevert(denied);
        hub.requestFor(platformId, r, by);
    }

    function test_A16_APlatformIsItsOwnersAndIsHandedOverByTwo() public {
        bytes32 platformId = registered();
        bytes memory denied =
            abi.encodeWithSelector(IPlatformErrors.NotPlatformOwner.selector, platformId, MALLORY);
        vm.startPrank(MALLORY);
        vm.expectRevert(denied);
        platforms.setKey(platformId, MALLORY, true);
        vm.expectRevert(denied);
        platforms.setFeeAccount(platformId, MALLORY);
        vm.expectRevert(denied);
        platforms.offerOwnership(platformId, MALLORY);
        vm.expectRevert(denied);
        platforms.takeOwnership(platformId);
        vm.stopPrank();
        vm.prank(PLATFORM);
        platforms.offerOwnership(platformId, SECOND);
        vm.prank(SECOND);
        platforms.takeOwnership(platformId);
        eq(platforms.platformOf(platformId).owner, SECOND, "taken");
        yes(platforms.isKey(platformId, PLATFORM_KEY), "keys stay");
        vm.prank(SECOND);
        platforms.setFeeAccount(platformId, SECOND);
        eq(platforms.platformOf(platformId).feeAccount, SECOND, "purse");
    }

    // ---- P11: who may ask

    function test_P11_TheExampleConsumerTakesNobodysWordForAnothersPost() public {
        ExampleConsumer c = new ExampleConsumer(hub);
        bytes32 name = keccak256("a post of the integrator's");
        policy.setCallbackPrice(0);
        vm.prank(MALLORY);
        bytes32 id = c.verify(name, keccak256("harmless"), 1, MALLORY, "https://mallory/x.png");
        fulfill(reportFor(id));
        eq(c.resultOf(c.postIdOf(CREATOR, name)).creator, address(0), "the author's is untouched");
        eq(c.resultOf(c.postIdOf(MALLORY, name)).creator, MALLORY, "hers is hers");
        yes(c.postIdOf(CREATOR, name) != c.postIdOf(MALLORY, name), "two posts");
    }

    function test_A17_APostAndItsRequestAreOne() public {
        CreativityPosts published = new CreativityPosts(hub);
        bytes32 salt = keccak256("salt");
        bytes32 made = hub.commitmentOf(address(published), CREATOR, CONTENT, salt);
        hub.commit(made);
        vm.roll(block.number + 1);
        // Who copies the call opens nothing: the author is part of the commitment.
        vm.prank(MALLORY);
        vm.expectPartialRevert(IHubErrors.CommitmentNotRipe.selector);
        published.createPost(CONTENT, 1, "https://a.example/p.jpg", salt);
        vm.prank(CREATOR);
        uint256 number = published.createPost(CONTENT, 1, "https://a.example/p.jpg", salt);
        bytes32 postId = published.postIdOf(number);
        eq(published.numberOf(postId), number, "known by its id");
        fulfill(derivative(reportFor(published.postOf(number).requestId), 9_800));
        (address to, uint16 bps) = published.redirectOf(postId);
        eq(to, FIRST_CREATOR, "redirect");
        eq(bps, 6_000, "redirect");
        no(published.badgeOf(number), "no badge");
        eq(published.verdictOf(number).outcome, 2, "verdict");
        vm.prank(MALLORY);
        vm.expectRevert(abi.encodeWithSelector(CreativityPosts.NotTheAuthor.selector, number, MALLORY));
        published.verifyAgain(number, "https://m.example/p.jpg");
        vm.prank(CREATOR);
        fulfill(reportFor(published.verifyAgain(number, "https://a.example/p.jpg")));
        yes(published.badgeOf(number), "badge");
        vm.expectRevert(abi.encodeWithSelector(CreativityPosts.NoSuchPost.selector, 2));
        published.postOf(2);
    }

    // ---- why it failed

    function test_A18_AFailureSaysWhyAndNothingElseDoes() public {
        PoCReport memory r = reportFor(ask());
        r.reason = 5;
        fulfillReverts(r, abi.encodeWithSelector(IHubErrors.UnexpectedReason.selector, 1, 5));
        r.outcome = 6;
        vm.expectEmit(address(hub));
        emit IPoCHub.VerificationFailed(r.requestId, POST, 5);
        fulfill(r);
        eq(hub.getRequest(r.requestId).reason, 5, "kept");
    }

    // ---- batches

    function test_A19_BatchesAskForEachRight() public {
        bytes[] memory calls = new bytes[](2);
        copy(POST, 9_800);
        copy(keccak256("other"), 9_800);
        uint40 until = uint40(block.timestamp + 1 days);
        calls[0] = abi.encodeCall(guard.freezePost, (POST, "1", "1", until));
        calls[1] = abi.encodeCall(guard.freezeAccount, (CREATOR, "2", "2", until));
        vm.prank(MALLORY);
        vm.expectPartialRevert(bytes4(keccak256("AccessManagedUnauthorized(address)")));
        guard.multicall(calls);
        guard.multicall(calls);
        yes(guard.isPostFrozen(POST) && guard.isAccountFrozen(CREATOR), "both");
        (uint256 a, uint256 b) = (dispute(POST), dispute(keccak256("other")));
        vm.warp(block.timestamp + 3 days + 1);
        calls[0] = abi.encodeCall(disputes.rule, (a, 1, REASON));
        calls[1] = abi.encodeCall(disputes.rule, (b, 2, REASON));
        disputes.multicall(calls);
        eq(disputes.disputeOf(b).status, 2, "both ruled");
        vm.deal(address(this), 100);
        vault.fund{value: 100}(ETHER, 100);
        calls[0] = abi.encodeCall(vault.creditBonus, (POST, "w", ETHER, 10, 3));
        calls[1] = abi.encodeCall(vault.creditBonus, (keccak256("other"), "w", ETHER, 10, 3));
        vault.multicall(calls);
        eq(vault.budgetOf(ETHER), 80, "both paid");
        // One value cannot be spent twice.
        calls[0] = calls[1] = abi.encodeCall(splitter.tip, (POST, ETHER, 1));
        vm.expectPartialRevert(IMoneyErrors.IncorrectValue.selector);
        splitter.multicall(calls);
    }

    // ---- P05: fees

    function test_P05_TheFeeIsTheTransmittersThatTheReportNames() public {
        setFee(0.01 ether);
        PoCReport memory rep = reportFor(ask());
        rep.transmitter = TRANSMITTER;
        bytes[] memory sigs = sign(rep);
        vm.prank(MALLORY);
        hub.fulfill(rep, sigs);
        eq(hub.claimable(MALLORY), 0, "the copy earns nothing");
        eq(hub.claimable(TRANSMITTER), 0.01 ether, "the work is paid");
    }

    function test_A04_NobodyPutsTheirOwnNameIntoAReport() public {
        setFee(0.01 ether);
        PoCReport memory rep = reportFor(ask());
        rep.transmitter = TRANSMITTER;
        bytes[] memory sigs = sign(rep);
        rep.transmitter = MALLORY;
        vm.prank(MALLORY);
        vm.expectPartialRevert(IQuorumErrors.UnauthorizedOracle.selector);
        hub.fulfill(rep, sigs);
    }

    // ---- P06: appeals

    function test_P06_AnAppealThatNobodyRulesOnEndsInAWeek() public {
        copy(POST, 9_800);
        tip(POST, 100 ether);
        uint256 id = dispute(POST);
        ruled(id, 1);
        uint256 bond = disputes.bondOf(id, 2);
        vm.deal(FIRST_CREATOR, bond);
        vm.prank(FIRST_CREATOR);
        disputes.escalate{value: bond}(id, keccak256("I do not like it"));
        vm.warp(block.timestamp + 7 days + 1);
        disputes.settle(id);
        eq(disputes.claimable(FIRST_CREATOR, ETHER), bond, "nobody was heard, nobody pays");
        yes(posts.hasBadge(POST), "what was ruled stands");
    }

    function test_P06_AnOwnerWhoLostCanWinBeforeTheSecondArbiter() public {
        manager.grantRole(0, SECOND, 0);
        copy(POST, 9_800);
        uint256 id = dispute(POST);
        ruled(id, 2);
        uint256 bond = disputes.bondOf(id, 2);
        vm.deal(CREATOR, bond);
        vm.prank(CREATOR);
        disputes.escalate{value: bond}(id, EVIDENCE);
        vm.warp(block.timestamp + 3 days + 1);
        vm.prank(SECOND);
        disputes.rule(id, 1, REASON);
        eq(disputes.claimable(CREATOR, ETHER), bond, "back");
    }

    // ---- P07: another disputes contract

    function test_P07_AnotherDisputesContractStrandsNothing() public {
        (uint256 id, PoCDisputes next) = replaced();
        ruled(id, 1);
        vm.warp(block.timestamp + 3 days + 1);
        disputes.settle(id);
        splitter.payContested(POST, ETHER);
        owns(CREATOR, 100 ether, "all of it");
        // The new one takes what comes from now on.
        copy(keccak256("later"), 9_800);
        vm.prank(CREATOR);
        vm.expectRevert(abi.encodeWithSelector(IPostErrors.UnauthorizedDisputes.selector, address(disputes)));
        disputes.open(keccak256("later"), EVIDENCE);
        vm.prank(CREATOR);
        next.open(keccak256("later"), EVIDENCE);
    }

    function test_A05_TheOneBeforeHasNoHoldOverOtherPosts() public {
        replaced();
        undecided(ORIGINAL_POST, 9_800);
        vm.expectRevert(abi.encodeWithSelector(IPostErrors.UnauthorizedDisputes.selector, address(disputes)));
        disputes.review(ORIGINAL_POST, Ruling(1, address(0), 0, REASON, false));
    }

    /// @dev A second look that was under way when governance named another contract is an answer, and no result.
    function test_A06_ASecondLookForTheOneBeforeWritesNoPost() public {
        uint256[] memory keys = threeSigners(2);
        PoCReport memory r = derivative(attestation(OWN), 9_800);
        hub.attest(r, signedBy(keys, 2, r));
        vm.recordLogs();
        uint256 id = dispute(OWN);
        bytes32 look = vm.getRecordedLogs()[1].topics[1];
        posts.setDisputes(address(0xD15));
        r = reportFor(look);
        hub.fulfill(r, signedBy(keys, 3, r));
        eq(posts.resultOf(OWN).revision, 1, "not written");
        eq(disputes.disputeOf(id).standing, 1, "ruled");
    }

    // ---- P09: judges

    function test_P09_WhoReviewedDoesNotRule() public {
        undecided(POST, 9_800);
        disputes.review(POST, Ruling(2, FIRST_CREATOR, ORIGINAL_POST, REASON, true));
        uint256 id = dispute(POST);
        vm.prank(FIRST_CREATOR);
        disputes.answer(id, REASON);
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.PartialArbiter.selector, id, address(this)));
        disputes.rule(id, 2, REASON);
        manager.grantRole(0, SECOND, 0);
        vm.prank(SECOND);
        disputes.rule(id, 1, REASON);
        // Nor in a later round, when another ruled in between.
        vm.deal(FIRST_CREATOR, 1 ether);
        vm.prank(FIRST_CREATOR);
        disputes.escalate{value: 0.01 ether}(id, EVIDENCE);
        vm.warp(block.timestamp + 3 days + 1);
        vm.expectRevert(abi.encodeWithSelector(IDisputeErrors.PartialArbiter.selector, id, address(this)));
        disputes.rule(id, 2, REASON);
    }

    function test_A07_AnOfficersWordAloneDoesNotFreezeForAYear() public {
        uint256 frozen;
        for (uint256 i = 1; i <= 24; ++i) {
            bytes32 alert = bytes32(i);
            try guard.freezeAccount(CREATOR, alert, alert, uint40(block.timestamp + 30 days)) {
                frozen += 30;
            } catch {}
            vm.warp(block.timestamp + 30 days);
        }
        eq(frozen, 120, "60 days a year, of two years");
    }

    function test_A08_ReviewedFreezesAreNotCharged() public {
        guard.freezeAccount(CREATOR, "1", "1", uint40(block.timestamp + 30 days));
        bytes32 subject = bytes32(uint256(uint160(CREATOR)));
        eq(guard.budgetOf(false, subject), 30 days, "charged");
        eq(guard.budgetOf(true, subject), 60 days, "a post is somebody else");
        vm.warp(block.timestamp + 10 days);
        manager.grantRole(0, SECOND, 0);
        uint256 again = vm.snapshotState();
        vm.prank(SECOND);
        guard.resolve("1", true, uint40(block.timestamp + 100 days), REASON);
        eq(guard.budgetOf(false, subject), 60 days, "a second person agreed");
        vm.revertToState(again);
        vm.prank(SECOND);
        guard.resolve("1", false, 0, REASON);
        eq(guard.budgetOf(false, subject), 50 days, "time served counts");
        guard.freezeAccount(CREATOR, "2", "2", uint40(block.timestamp + 30 days));
        vm.warp(block.timestamp + 30 days);
        vm.expectRevert(
            abi.encodeWithSelector(IFraudErrors.FreezeBudgetSpent.selector, subject, 20 days, 21 days)
        );
        guard.freezeAccount(CREATOR, "3", "3", uint40(block.timestamp + 21 days));
    }

    // ---- P10, P16: policy and time

    function test_P10_NobodyAttestsUnderAPolicyThatIsOver() public {
        policy.setThreshold(1, 9_990);
        uint256 ended = block.timestamp;
        PoCReport memory rep = derivative(attestation(OWN), 9_600);
        rep.configVersion = 1;
        vm.warp(ended + 3 days + 1);
        rep.observedAt = uint64(block.timestamp);
        rep.validUntil = uint64(block.timestamp + 1);
        attestReverts(rep, abi.encodeWithSelector(IPostErrors.PolicyNotInForce.selector, 1, ended));
        // What was decided in time still arrives.
        vm.warp(ended + 3 days);
        attest(rep);
        eq(posts.resultOf(OWN).redirectBps, 2_000, "under the version it was decided under");
    }

    function test_P16_FinalIsFinal() public {
        fulfill(derivative(reportFor(ask()), 9_800));
        vm.warp(block.timestamp + 400 days);
        eq(posts.statusOf(POST), PostStatus.FINAL, "final");
        fulfillReverts(reportFor(ask()), abi.encodeWithSelector(IPostErrors.PostFinal.selector, POST));
        (address to, uint16 bps) = posts.redirectOf(POST);
        eq(to, FIRST_CREATOR, "stays");
        eq(bps, 6_000, "stays");
    }

    function test_A09_AnotherNumberIsNoNewWindow() public {
        fulfill(derivative(reportFor(ask()), 9_800));
        uint256 finalAt = posts.resultOf(POST).finalAt;
        for (uint16 i = 1; i < 7; ++i) {
            vm.warp(block.timestamp + 1 days);
            fulfill(derivative(reportFor(ask()), 9_800 + i));
            eq(posts.resultOf(POST).finalAt, finalAt, "one verdict, one window");
        }
        vm.warp(finalAt);
        fulfillReverts(
            derivative(reportFor(ask()), 9_900), abi.encodeWithSelector(IPostErrors.PostFinal.selector, POST)
        );
    }

    function test_A10_WhatNobodyCouldDecideStaysOpenToABetterLook() public {
        fulfill(needsReview(reportFor(ask())));
        makeFinal();
        fulfill(reportFor(ask()));
        yes(posts.hasBadge(POST), "decided now");
    }

    // ---- P12: callbacks

    function test_P12_WhoAsksForACallbackPaysForIt() public {
        setFee(0);
        VerificationRequest memory r = aRequest();
        r.consumer = address(new Burner());
        r.callbackGas = 300_000;
        vm.prank(MALLORY);
        vm.expectRevert(abi.encodeWithSelector(IHubErrors.IncorrectFee.selector, 300_000 gwei, 0));
        hub.requestVerification(r);
        PoCReport memory rep = reportFor(ask(r));
        rep.transmitter = TRANSMITTER;
        fulfill(rep);
        eq(hub.claimable(TRANSMITTER), 300_000 gwei, "every unit that it could burn");
        policy.setCallbackPrice(3 gwei);
        eq(hub.feeFor(100_000), 300_000 gwei, "governance follows the price of gas");
    }

    // ---- who had it first

    function test_A11_ACopiedRequestComesAfterTheCommitmentItCopies() public {
        VerificationRequest memory r = aRequest();
        r.salt = keccak256("secret");
        bytes32 commitment = hub.commitmentOf(REQUESTER, CREATOR, CONTENT, r.salt);
        vm.prank(REQUESTER);
        hub.commit(commitment);
        // In the same block it would prove nothing.
        vm.prank(REQUESTER);
        vm.expectRevert(abi.encodeWithSelector(IHubErrors.CommitmentNotRipe.selector, commitment));
        hub.requestVerification(r);
        uint256 made = block.number;
        vm.roll(made + 5);
        // Mallory sees it pending and copies all of it, for a higher tip: she opens nothing.
        VerificationRequest memory stolen = aRequest();
        (stolen.creator, stolen.salt) = (MALLORY, r.salt);
        bytes32 hers = hub.commitmentOf(MALLORY, MALLORY, CONTENT, r.salt);
        vm.startPrank(MALLORY);
        hub.commit(hers);
        vm.expectRevert(abi.encodeWithSelector(IHubErrors.CommitmentNotRipe.selector, hers));
        hub.requestVerification(stolen);
        hub.commit(commitment);
        vm.stopPrank();
        vm.recordLogs();
        bytes32 id = ask(r);
        bytes32[] memory topics = vm.getRecordedLogs()[1].topics;
        eq(topics[0], IPoCHub.CommitmentOpened.selector, "opened");
        eq(topics[1], id, "request");
        eq(topics[2], commitment, "commitment");
        // Once only.
        vm.prank(REQUESTER);
        vm.expectRevert(abi.encodeWithSelector(IHubErrors.CommitmentNotRipe.selector, commitment));
        hub.requestVerification(r);
    }

    function test_A12_ACommitmentIsToContent() public {
        VerificationRequest memory r = aRequest();
        (r.salt, r.contentHash) = (keccak256("secret"), 0);
        vm.expectRevert(abi.encodeWithSelector(IHubErrors.MissingContentHash.selector, NAME));
        hub.requestVerification(r);
    }

    // ---- the last signer

    function test_A13_ASlipOfTheLastSignerStopsNothing() public {
        PoCReport memory said = attestation(OWN);
        PoCReport memory other = derivative(attestation(OWN), 9_800);
        bytes memory first = signature(KEY, hub.hashReport(said));
        bytes memory second = signature(KEY, hub.hashReport(other));
        vm.expectEmit(address(oracles));
        emit IOracleRegistry.SlashingWaits(1, vm.addr(KEY));
        vm.prank(MALLORY);
        oracles.reportEquivocation(said, first, other, second);
        yes(oracles.isSigner(vm.addr(KEY)), "signs on");
        yes(oracles.isProven(vm.addr(KEY)), "until governance has seen to it");
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.AlreadyProven.selector, vm.addr(KEY)));
        oracles.reportEquivocation(said, first, other, second);
        attest(said);
        // Governance knows whether it was a slip or a theft; the guardian may still stop it at once.
        address[] memory signers = new address[](1);
        signers[0] = vm.addr(0xB0B);
        oracles.setSigners(signers, 1, 0);
        no(oracles.isProven(vm.addr(KEY)), "another set");
        no(oracles.isSigner(vm.addr(KEY)), "out");
    }

    function test_A14_ProofsNeverLeaveFewerThanAQuorum() public {
        uint256[] memory keys = threeSigners(2);
        for (uint256 i; i < 3; ++i) {
            PoCReport memory said = attestation(OWN);
            PoCReport memory other = derivative(attestation(OWN), 9_800);
            bytes memory first = signature(keys[i], hub.hashReport(said));
            oracles.reportEquivocation(said, first, other, signature(keys[i], hub.hashReport(other)));
        }
        eq(oracles.signerCount(), 2, "one is out, two wait for governance");
    }

    // ---- steps

    function registered() private returns (bytes32 platformId) {
        vm.startPrank(PLATFORM);
        platformId = platforms.register(PURSE);
        platforms.setKey(platformId, PLATFORM_KEY, true);
        vm.stopPrank();
    }

    /// @dev No request can choose an id; an attestation of works that nobody asked for still names one.
    function mallorysPost(bytes32 id) private {
        PoCReport memory r = attestation(id);
        r.creator = MALLORY;
        attest(r);
    }

    function replaced() private returns (uint256 id, PoCDisputes next) {
        copy(POST, 9_800);
        tip(POST, 100 ether);
        id = dispute(POST);
        next = PoCDisputes(
            proxy(
                address(new PoCDisputes()),
                abi.encodeCall(
                    PoCDisputes.initialize,
                    (address(manager), address(hub), address(posts), address(links), address(splitter))
                )
            )
        );
        posts.setDisputes(address(next));
    }

    function needsReview(PoCReport memory report) private pure returns (PoCReport memory) {
        report.outcome = 5;
        return report;
    }

    function propose(string memory handle, address wallet) private {
        bytes[] memory signatures = linkSignatures(links.accountOf(handle), wallet, 1);
        links.link(handle, wallet, uint64(block.timestamp), 1, signatures);
    }

    function linkSignatures(address account, address wallet, uint64 epoch)
        private
        view
        returns (bytes[] memory signatures)
    {
        signatures = new bytes[](1);
        signatures[0] = signature(KEY, links.hashLink(account, wallet, uint64(block.timestamp), epoch));
    }
}

contract Burner {
    fallback() external {
        assembly {
            invalid()
        }
    }
}
