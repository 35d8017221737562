// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccountLinks} from "../src/interfaces/IAccountLinks.sol";
import {IBonusVault} from "../src/interfaces/IBonusVault.sol";
import {Finding, ICorrections} from "../src/interfaces/ICorrections.sol";
import {ILedger} from "../src/interfaces/ILedger.sol";
import {IPoCDisputes} from "../src/interfaces/IPoCDisputes.sol";
import {IPoCHub} from "../src/interfaces/IPoCHub.sol";
import {IRevenueSplitter} from "../src/interfaces/IRevenueSplitter.sol";
import {ITokenPool} from "../src/interfaces/ITokenPool.sol";
import {Outcome} from "../src/types/Codes.sol";
import {PoCReport, VerificationRequest} from "../src/types/Reports.sol";
import {TestToken} from "./mocks/Tokens.sol";
import {Economy} from "./utils/Economy.sol";
import {Vm} from "./utils/Vm.sol";

/// @notice Whatever happened, who reads the logs alone knows what everybody has: in the splitter, the vault, the pool, the
/// hub and the disputes, and whose wallet an account's money waits for.
contract FromEventsTest is Economy {
    uint256 private constant STEPS = 60;
    bytes32 private constant COPY = keccak256("copy");
    bytes32 private constant LATER = keccak256("later");
    bytes32 private constant UNSURE = keccak256("unsure");

    TestToken private token;
    address[] private accounts;
    bytes32[] private postIds;
    // What the logs say, by what and whose.
    mapping(bytes32 key => uint256) private told;
    uint256 private entries;
    // The story's own memory of what it may try next.
    bytes32[] private requests;
    uint256 private corrections;

    function setUp() public override {
        super.setUp();
        token = new TestToken();
        token.setFee(100);
        splitter.setTokenAllowed(address(token), true);
        setFee(7 gwei);
        PoCReport memory earlier = attestation(ORIGINAL_POST);
        earlier.creator = FIRST_CREATOR;
        attest(earlier);
        vm.warp(block.timestamp + 1);
        copy(COPY, 9_800);
        original(LATER);
        undecided(UNSURE, 9_900);
        postIds = [ORIGINAL_POST, COPY, LATER, UNSURE];
        accounts = [CREATOR, FIRST_CREATOR, FAN, PLATFORM, ECOSYSTEM, REQUESTER, TRANSMITTER];
        accounts.push(links.accountOf("alice"));
        manager.grantRole(0, FIRST_CREATOR, 0);
        vm.recordLogs();
    }

    /// forge-config: default.fuzz.runs = 64
    function testFuzz_EveryBalanceFollowsFromTheLogs(uint256 seed) external {
        for (uint256 i; i < STEPS; ++i) {
            seed = uint256(keccak256(abi.encode(seed, i)));
            step(seed % 25, seed >> 8);
        }
        yes(entries > STEPS / 4, "something happened");
        compare();
    }

    /// @dev One that is known to go through all of it.
    function test_EveryKindOfMoneyIsInTheStory() external {
        for (uint256 round; round < 16; ++round) {
            for (uint256 kind; kind < 25; ++kind) {
                step(kind, uint256(keccak256(abi.encode(round, kind))));
            }
        }
        string[9] memory kinds =
            ["credited", "withdrawn", "contested", "frozen", "budget", "reserves", "fee", "stake", "wallet"];
        for (uint256 i; i < kinds.length; ++i) {
            yes(told[keccak256(bytes(kinds[i]))] != 0, kinds[i]);
        }
        compare();
    }

    // ---- the story

    function step(uint256 kind, uint256 r) private {
        bytes32 postId = postIds[r % 4];
        address who = accounts[(r >> 4) % accounts.length];
        address coin = (r >> 8) % 3 == 0 ? address(token) : ETHER;
        uint256 amount = within(r >> 16, 1, 1e20);
        if (kind < 4) return pay(kind, postId, who, coin, amount);
        if (kind == 4) {
            return act(who, address(pool), 1 ether, abi.encodeCall(pool.buy, (postId, r % 50 + 1)));
        }
        if (kind == 5) {
            uint256 held = pool.balanceOf(postId, who);
            return act(who, address(pool), 0, abi.encodeCall(pool.sell, (postId, within(r, 1, held + 1), 0)));
        }
        if (kind == 6) {
            equip(address(this), address(vault), coin, amount);
            uint256 value = coin == ETHER ? amount : 0;
            return act(address(this), address(vault), value, abi.encodeCall(vault.fund, (coin, amount)));
        }
        if (kind == 7) {
            return admin(
                address(vault),
                abi.encodeCall(vault.creditBonus, (postId, bytes32(r), coin, amount / 8, uint8(r % 5 + 1)))
            );
        }
        if (kind == 8) return admin(address(vault), abi.encodeCall(vault.defund, (coin, amount / 50, who)));
        if (kind == 9) {
            return act(who, address(splitter), 0, abi.encodeCall(ILedger.withdraw, (who, coin, who)));
        }
        if (kind == 10) {
            return act(
                who,
                address(r % 2 == 0 ? address(vault) : address(disputes)),
                0,
                abi.encodeCall(ILedger.withdraw, (who, coin, who))
            );
        }
        if (kind == 11) {
            return act(who, address(splitter), 0, abi.encodeCall(splitter.payContested, (postId, coin)));
        }
        if (kind == 12) {
            return act(who, address(splitter), 0, abi.encodeCall(splitter.releaseFrozen, (postId, coin)));
        }
        if (kind == 13) {
            uint40 until = uint40(block.timestamp + within(r, 1 hours, 10 days));
            return
                admin(
                    address(guard), abi.encodeCall(guard.freezePost, (postId, bytes32(r), bytes32(r), until))
                );
        }
        if (kind < 18) return judge(kind, postId, r);
        if (kind < 21) return ask_(kind, r);
        if (kind == 21) return act(who, address(hub), 0, abi.encodeCall(hub.withdraw, (payable(who))));
        if (kind == 22) return link(r);
        vm.warp(block.timestamp + within(r, 1 hours, 4 days));
    }

    function pay(uint256 kind, bytes32 postId, address who, address coin, uint256 amount) private {
        equip(who, address(splitter), coin, amount);
        bytes memory call;
        if (kind == 0) call = abi.encodeCall(splitter.tip, (postId, coin, amount));
        if (kind == 1) call = abi.encodeCall(splitter.tipComment, (postId, FAN, coin, amount));
        if (kind == 2) call = abi.encodeCall(splitter.tipRepost, (postId, PLATFORM, coin, amount));
        if (kind == 3) call = abi.encodeCall(splitter.payEarnings, (postId, coin, amount));
        act(who, address(splitter), coin == ETHER ? amount : 0, call);
    }

    /// @dev A dispute and what follows, a claim and what follows.
    function judge(uint256 kind, bytes32 postId, uint256 r) private {
        address d = address(disputes);
        uint256 id = within(r >> 40, 1, 4);
        if (kind == 14) {
            if (r % 3 == 0) return act(CREATOR, d, 0, abi.encodeCall(disputes.open, (postId, EVIDENCE)));
            if (r % 3 == 1) return act(FIRST_CREATOR, d, 0, abi.encodeCall(disputes.answer, (id, REASON)));
            return admin(d, abi.encodeCall(disputes.rule, (id, uint8(r >> 9) % 4 + 1, REASON)));
        }
        if (kind == 15) {
            uint256 bond = disputes.bondOf(id, uint256(disputes.disputeOf(id).round) + 1);
            if (r % 2 == 0) {
                return act(
                    (r >> 9) % 2 == 0 ? CREATOR : FIRST_CREATOR,
                    d,
                    bond,
                    abi.encodeCall(disputes.escalate, (id, EVIDENCE))
                );
            }
            return act(FAN, d, 0, abi.encodeCall(disputes.settle, (id)));
        }
        if (kind == 16) {
            uint256 bond = disputes.claimBondOf(postId, FIRST_CREATOR);
            return
                act(FIRST_CREATOR, d, bond, abi.encodeCall(disputes.claim, (postId, ORIGINAL_POST, EVIDENCE)));
        }
        Finding memory f = Finding(Outcome.DERIVATIVE, 9_900, FIRST_CREATOR, ORIGINAL_POST, REASON);
        if (r % 4 == 0) return admin(d, abi.encodeCall(disputes.rejectClaim, (id, REASON)));
        if (r % 4 == 1) return act(FAN, d, 0, abi.encodeCall(disputes.settleClaim, (id)));
        if (r % 4 == 2) return admin(d, abi.encodeCall(disputes.upholdClaim, (id, f)));
        act(FAN, d, 0, abi.encodeCall(disputes.execute, (id)));
    }

    function ask_(uint256 kind, uint256 r) private {
        if (kind == 18) {
            VerificationRequest memory request = aRequest();
            request.postId = bytes32(r);
            uint256 before = hub.requestCount();
            vm.deal(REQUESTER, 7 gwei);
            vm.prank(REQUESTER);
            bytes32 id = hub.requestVerification{value: 7 gwei}(request);
            yes(hub.requestCount() == before + 1, "asked");
            requests.push(id);
            return book(vm.getRecordedLogs());
        }
        if (requests.length == 0) return;
        bytes32 requestId = requests[r % requests.length];
        if (kind == 20) return act(FAN, address(hub), 0, abi.encodeCall(hub.cancelRequest, (requestId)));
        PoCReport memory report = reportFor(requestId);
        act(TRANSMITTER, address(hub), 0, abi.encodeCall(hub.fulfill, (report, sign(report))));
    }

    function link(uint256 r) private {
        address account = links.accountOf("alice");
        uint64 until = uint64(block.timestamp);
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = signature(KEY, links.hashLink(account, FAN, until, 1));
        address[] memory one = new address[](1);
        one[0] = account;
        if (r % 4 == 0) admin(address(links), abi.encodeCall(links.veto, (account)));
        else if (r % 4 == 1) admin(address(links), abi.encodeCall(links.complete, (one)));
        else if (r % 4 == 2) admin(address(links), abi.encodeCall(links.relink, (account, CREATOR)));
        else act(FAN, address(links), 0, abi.encodeCall(links.link, ("alice", FAN, until, 1, signatures)));
    }

    /// @dev What fails leaves no log; what does not is in the books.
    function act(address from, address to, uint256 value, bytes memory call) private {
        if (from != address(this)) vm.deal(from, from.balance + value);
        vm.prank(from);
        (bool done,) = to.call{value: value}(call);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        if (done) book(logs);
    }

    function admin(address to, bytes memory call) private {
        act(address(this), to, 0, call);
    }

    function equip(address who, address spender, address coin, uint256 amount) private {
        if (coin == ETHER) {
            if (who == address(this)) vm.deal(who, amount);
            return;
        }
        token.mint(who, amount);
        vm.prank(who);
        token.approve(spender, amount);
        vm.getRecordedLogs();
    }

    // ---- the books, from logs alone

    function book(Vm.Log[] memory logs) private {
        for (uint256 i; i < logs.length; ++i) {
            Vm.Log memory log = logs[i];
            ++entries;
            if (log.emitter == address(hub)) bookHub(log);
            else if (log.emitter == address(links)) bookLink(log);
            else if (log.emitter == address(pool)) bookTrade(log);
            else if (log.emitter != address(token)) bookLedger(log);
        }
    }

    function bookLedger(Vm.Log memory log) private {
        bytes32 kind = log.topics[0];
        address by = log.emitter;
        if (kind == ILedger.Credited.selector) {
            add("credited", by, log.topics[1], log.topics[2], abi.decode(log.data, (uint256)));
        } else if (kind == ILedger.Withdrawn.selector) {
            add("withdrawn", by, log.topics[1], log.topics[2], abi.decode(log.data, (uint256)));
        } else if (kind == IRevenueSplitter.RevenueSplit.selector) {
            (,, uint256 toOriginal, uint256 toPoster, bool waits, bool stays) =
                abi.decode(log.data, (uint8, uint256, uint256, uint256, bool, bool));
            if (waits) add("contested", by, log.topics[1], log.topics[3], toOriginal);
            if (stays) add("frozen", by, log.topics[1], log.topics[3], toPoster);
        } else if (kind == IRevenueSplitter.ContestedPaid.selector) {
            (, uint256 toOriginal, uint256 toPoster, bool stays) =
                abi.decode(log.data, (address, uint256, uint256, bool));
            add("settled", by, log.topics[1], log.topics[2], toOriginal + toPoster);
            if (stays) add("frozen", by, log.topics[1], log.topics[2], toPoster);
        } else if (kind == IRevenueSplitter.FrozenReleased.selector) {
            add("thawed", by, log.topics[1], log.topics[2], abi.decode(log.data, (uint256)));
        } else if (kind == IBonusVault.Funded.selector) {
            add("budget", by, 0, log.topics[2], abi.decode(log.data, (uint256)));
        } else if (kind == IBonusVault.Defunded.selector) {
            add("spent", by, 0, log.topics[2], abi.decode(log.data, (uint256)));
        } else if (kind == IBonusVault.BonusCredited.selector) {
            (uint256 basePay, uint256 bonus,,) = abi.decode(log.data, (uint256, uint256, uint8, uint8));
            add("spent", by, 0, log.topics[3], basePay + bonus);
        } else if (kind == IPoCDisputes.DisputeOpened.selector) {
            (, uint256 bond,,) = abi.decode(log.data, (uint8, uint256, bytes32, bytes32));
            add("stake", by, 0, 0, bond);
        } else if (kind == ICorrections.CopyClaimed.selector) {
            (, uint256 bond,,) = abi.decode(log.data, (address, uint256, bytes32, uint40));
            add("stake", by, 0, 0, bond);
        } else if (kind == IPoCDisputes.BondPaid.selector) {
            add("paid", by, 0, 0, abi.decode(log.data, (uint256)));
        } else if (kind == ICorrections.ClaimClosed.selector) {
            (,, uint256 bond,) = abi.decode(log.data, (uint8, address, uint256, bytes32));
            add("paid", by, 0, 0, bond);
        }
    }

    function bookTrade(Vm.Log memory log) private {
        (bool bought, uint256 tokens, uint256 price,,) =
            abi.decode(log.data, (bool, uint256, uint256, uint256, uint256));
        add(bought ? "bought" : "sold", log.emitter, log.topics[1], log.topics[2], tokens);
        add(bought ? "reserves" : "returned", log.emitter, 0, 0, price);
    }

    function bookHub(Vm.Log memory log) private {
        bytes32 kind = log.topics[0];
        if (kind == IPoCHub.FeeHeld.selector) {
            add("fee", log.emitter, 0, 0, abi.decode(log.data, (uint256)));
        } else if (kind == IPoCHub.FeePaid.selector || kind == IPoCHub.RequestCancelled.selector) {
            uint256 amount = abi.decode(log.data, (uint256));
            add("fee out", log.emitter, 0, 0, amount);
            add("credited", log.emitter, log.topics[2], 0, amount);
        } else if (kind == IPoCHub.Withdrawn.selector) {
            add("withdrawn", log.emitter, log.topics[1], 0, abi.decode(log.data, (uint256)));
        }
    }

    function bookLink(Vm.Log memory log) private {
        bytes32 kind = log.topics[0];
        bytes32 wallet = keccak256(abi.encode("wallet", log.topics[1]));
        bytes32 waits = keccak256(abi.encode("waits", log.topics[1]));
        if (kind == IAccountLinks.AccountLinked.selector) {
            told[wallet] = uint256(log.topics[2]);
            if (!abi.decode(log.data, (bool))) told[waits] = 0;
            ++told[keccak256("wallet")];
        }
        if (kind == IAccountLinks.LinkProposed.selector) told[waits] = uint256(log.topics[2]);
        if (kind == IAccountLinks.LinkVetoed.selector) told[waits] = 0;
    }

    function add(string memory what, address by, bytes32 of_, bytes32 coin, uint256 amount) private {
        told[keccak256(abi.encode(what, by, of_, coin))] += amount;
        told[keccak256(abi.encode(what, by, coin))] += amount;
        told[keccak256(bytes(what))] += amount;
    }

    function said(string memory what, address by, bytes32 of_, address coin) private view returns (uint256) {
        return told[keccak256(abi.encode(what, by, of_, word(coin)))];
    }

    function all(string memory what, address by, address coin) private view returns (uint256) {
        return told[keccak256(abi.encode(what, by, word(coin)))];
    }

    function word(address account) private pure returns (bytes32) {
        return bytes32(uint256(uint160(account)));
    }

    // ---- and what the contracts say

    function compare() private view {
        address[2] memory coins = [ETHER, address(token)];
        for (uint256 c; c < 2; ++c) {
            address coin = coins[c];
            address[3] memory ledgers = [address(splitter), address(vault), address(disputes)];
            for (uint256 l; l < 3; ++l) {
                for (uint256 i; i < accounts.length; ++i) {
                    eq(
                        ILedger(ledgers[l]).claimable(accounts[i], coin),
                        due(ledgers[l], accounts[i], coin),
                        "due"
                    );
                }
            }
            uint256 waits;
            for (uint256 i; i < 4; ++i) {
                uint256 held = said("contested", address(splitter), postIds[i], coin)
                    - said("settled", address(splitter), postIds[i], coin);
                uint256 frozen = said("frozen", address(splitter), postIds[i], coin)
                    - said("thawed", address(splitter), postIds[i], coin);
                eq(splitter.contested(postIds[i], coin), held, "contested");
                eq(splitter.frozenEarnings(postIds[i], coin), frozen, "frozen");
                waits += held + frozen;
            }
            eq(owed(address(splitter), coin) + waits, has(address(splitter), coin), "splitter");
            uint256 budget = all("budget", address(vault), coin) - all("spent", address(vault), coin);
            eq(vault.budgetOf(coin), budget, "budget");
            eq(owed(address(vault), coin) + budget, has(address(vault), coin), "vault");
        }
        uint256 stake = all("stake", address(disputes), ETHER) - all("paid", address(disputes), ETHER);
        eq(owed(address(disputes), ETHER) + stake, address(disputes).balance, "bonds");
        comparePool();
        for (uint256 i; i < accounts.length; ++i) {
            eq(hub.claimable(accounts[i]), due(address(hub), accounts[i], ETHER), "fees");
            uint256 wallet = told[keccak256(abi.encode("wallet", word(accounts[i])))];
            eq(links.walletOf(accounts[i]), wallet == 0 ? accounts[i] : address(uint160(wallet)), "wallet");
            uint256 next = told[keccak256(abi.encode("waits", word(accounts[i])))];
            eq(links.pendingOf(accounts[i]).wallet, address(uint160(next)), "link that waits");
        }
        uint256 escrow = all("fee", address(hub), ETHER) - all("fee out", address(hub), ETHER);
        eq(owed(address(hub), ETHER) + escrow, address(hub).balance, "hub");
    }

    function comparePool() private view {
        for (uint256 i; i < 4; ++i) {
            uint256 supply;
            for (uint256 j; j < accounts.length; ++j) {
                bytes32 mine = keccak256(abi.encode("bought", address(pool), postIds[i], word(accounts[j])));
                bytes32 gone = keccak256(abi.encode("sold", address(pool), postIds[i], word(accounts[j])));
                eq(pool.balanceOf(postIds[i], accounts[j]), told[mine] - told[gone], "tokens");
                supply += told[mine] - told[gone];
            }
            eq(pool.supplyOf(postIds[i]), supply, "supply");
        }
        uint256 reserves = all("reserves", address(pool), ETHER) - all("returned", address(pool), ETHER);
        eq(pool.reserves(), reserves, "reserves");
        eq(address(pool).balance, reserves, "and they are there");
    }

    function due(address by, address account, address coin) private view returns (uint256) {
        return said("credited", by, word(account), coin) - said("withdrawn", by, word(account), coin);
    }

    function owed(address by, address coin) private view returns (uint256) {
        return all("credited", by, coin) - all("withdrawn", by, coin);
    }

    function has(address by, address coin) private view returns (uint256) {
        return coin == ETHER ? by.balance : token.balanceOf(by);
    }
}
