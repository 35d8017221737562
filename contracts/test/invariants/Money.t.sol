// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {OracleRegistry} from "../../src/OracleRegistry.sol";
import {Platforms} from "../../src/Platforms.sol";
import {PoCHub} from "../../src/PoCHub.sol";
import {PolicyRegistry} from "../../src/PolicyRegistry.sol";
import {PostRegistry} from "../../src/PostRegistry.sol";
import {ResultRoots} from "../../src/ResultRoots.sol";
import {AccountLinks} from "../../src/access/AccountLinks.sol";
import {FraudGuard} from "../../src/disputes/FraudGuard.sol";
import {PoCDisputes} from "../../src/disputes/PoCDisputes.sol";
import {BonusVault} from "../../src/payments/BonusVault.sol";
import {RevenueSplitter} from "../../src/payments/RevenueSplitter.sol";
import {TokenPool} from "../../src/payments/TokenPool.sol";
import {PostResult} from "../../src/types/Reports.sol";
import {Outcome} from "../../src/types/Codes.sol";
import {RedirectMath} from "../../src/libraries/RedirectMath.sol";
import {
    AccountLinksNext,
    BonusVaultNext,
    FraudGuardNext,
    OracleRegistryNext,
    PlatformsNext,
    PoCDisputesNext,
    PoCHubNext,
    PolicyRegistryNext,
    PostRegistryNext,
    ResultRootsNext,
    RevenueSplitterNext,
    TokenPoolNext
} from "../mocks/NextVersions.sol";
import {TestToken} from "../mocks/Tokens.sol";
import {Economy} from "../utils/Economy.sol";
import {Books} from "./Books.sol";
import {MoneyHandler} from "./MoneyHandler.sol";

/// @notice Whatever people do in whatever order, the books balance and the rules hold.
contract MoneyInvariants is Economy {
    MoneyHandler private handler;
    TestToken private token;

    function setUp() public override {
        super.setUp();
        token = new TestToken();
        splitter.setTokenAllowed(address(token), true);
        token.setFee(100); // a token that takes 1 % on the way, the hardest one that is legal
        hub.setOpenRequestsCap(type(uint32).max);
        address second = address(0x5EC0);
        address third = address(0x7412D);
        // Three signers of whom two must agree: a second look takes the third.
        uint256[] memory keys = threeSigners(2);
        handler = new MoneyHandler(
            Books.Wiring(
                hub,
                policy,
                posts,
                splitter,
                pool,
                disputes,
                vault,
                guard,
                token,
                second,
                third,
                keys,
                proxies(),
                versions()
            )
        );
        manager.grantRole(0, address(handler), 0);
        manager.grantRole(0, second, 0);
        manager.grantRole(0, third, 0);
    }

    function proxies() private view returns (address[] memory all) {
        all = new address[](12);
        (all[0], all[1], all[2], all[3]) = (address(hub), address(oracles), address(policy), address(posts));
        (all[4], all[5]) = (address(links), address(guard));
        (all[6], all[7], all[8]) = (address(splitter), address(pool), address(disputes));
        (all[9], all[10], all[11]) = (address(vault), address(platforms), address(roots));
    }

    function versions() private returns (address[2][] memory all) {
        all = new address[2][](12);
        all[0] = [address(new PoCHub()), address(new PoCHubNext())];
        all[1] = [address(new OracleRegistry()), address(new OracleRegistryNext())];
        all[2] = [address(new PolicyRegistry()), address(new PolicyRegistryNext())];
        all[3] = [address(new PostRegistry()), address(new PostRegistryNext())];
        all[4] = [address(new AccountLinks()), address(new AccountLinksNext())];
        all[5] = [address(new FraudGuard()), address(new FraudGuardNext())];
        all[6] = [address(new RevenueSplitter()), address(new RevenueSplitterNext())];
        all[7] = [address(new TokenPool()), address(new TokenPoolNext())];
        all[8] = [address(new PoCDisputes()), address(new PoCDisputesNext())];
        all[9] = [address(new BonusVault()), address(new BonusVaultNext())];
        all[10] = [address(new Platforms()), address(new PlatformsNext())];
        all[11] = [address(new ResultRoots()), address(new ResultRootsNext())];
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev One campaign for all: each would replay the same calls. The failing one is named by its message.
    function invariant_TheBooksBalanceAndTheRulesHold() external view {
        theSplittersBooksBalance();
        theReservePaysForEveryToken();
        bondsBalance();
        feesBalance();
        theVaultsBudgetIsThere();
        frozenMoneyNeverMoves();
        nothingChangesUnexplained();
        redirectsFollowTheRule();
    }

    /// @notice sum(claimable) + contested + frozen == owed == balance == in - out, in ether and in the token.
    function theSplittersBooksBalance() private view {
        balanced(ETHER, address(splitter).balance);
        balanced(address(token), token.balanceOf(address(splitter)));
    }

    /// @notice The pool's reserve pays for every token in existence.
    function theReservePaysForEveryToken() private view {
        uint256 sum;
        for (uint256 i; i < handler.postCount(); ++i) {
            bytes32 postId = handler.postIds(i);
            uint256 supply = pool.supplyOf(postId);
            sum += pool.priceToSell(postId, supply);
            uint256 held;
            for (uint256 j; j < 5; ++j) {
                held += pool.balanceOf(postId, handler.accounts(j));
            }
            eq(held, supply, "every token is somebody's");
        }
        eq(pool.reserves(), sum, "reserve is the sum of the curves");
        eq(address(pool).balance, sum, "and is there");
    }

    /// @notice Bonds are somebody's: each is either at stake in a dispute or claimable.
    function bondsBalance() private view {
        uint256 claimable = disputes.claimable(ECOSYSTEM, ETHER);
        for (uint256 i; i < 5; ++i) {
            claimable += disputes.claimable(handler.accounts(i), ETHER);
        }
        uint256 atStake;
        for (uint256 id = 1; id <= disputes.disputeCount(); ++id) {
            atStake += disputes.disputeOf(id).bondWei;
        }
        for (uint256 id = 1; id <= handler.claimCount(); ++id) {
            atStake += disputes.claimOf(id).bondWei;
        }
        eq(claimable + atStake, address(disputes).balance, "bonds");
        eq(disputes.owed(ETHER), address(disputes).balance, "owed");
        eq(handler.bondsIn(), claimable + atStake, "in");
        eq(handler.bondsOut(), claimable, "out");
    }

    /// @notice A request's fee is the transmitter's, or waits with the request.
    function feesBalance() private view {
        eq(address(hub).balance, handler.feesIn(), "fees");
        yes(hub.claimable(address(handler)) <= handler.feesIn(), "no more than came in");
    }

    function theVaultsBudgetIsThere() private view {
        eq(vault.budgetOf(ETHER), address(vault).balance, "ether");
        eq(vault.budgetOf(address(token)), token.balanceOf(address(vault)), "token");
    }

    function frozenMoneyNeverMoves() private view {
        eq(handler.frozenMoves(), 0, "frozen moves");
    }

    /// @notice A post's outcome changes by a signed report or a ruling only; free money can always be fetched.
    function nothingChangesUnexplained() private view {
        eq(handler.unexplainedChanges(), 0, "unexplained changes");
    }

    /// @notice Redirects are bounded, follow the formula, and exist for derivatives of somebody else alone.
    function redirectsFollowTheRule() private view {
        for (uint256 i; i < handler.postCount(); ++i) {
            bytes32 postId = handler.postIds(i);
            PostResult memory result = posts.resultOf(postId);
            if (result.revision == 0) continue;
            (address beneficiary, uint16 bps) = posts.redirectOf(postId);
            if (result.outcome != Outcome.DERIVATIVE) {
                eq(bps, 0, "no redirect");
                eq(beneficiary, address(0), "nobody");
                continue;
            }
            (uint16 threshold, uint16 base) = policy.policyAt(result.configVersion, result.mediaType);
            eq(bps, RedirectMath.redirectBps(result.similarityBps, threshold, base), "formula of its version");
            no(posts.hasBadge(postId), "no badge on a copy");
            yes(beneficiary != address(0) && beneficiary != result.creator, "somebody else");
        }
    }

    function balanced(address token_, uint256 balance) private view {
        uint256 claimable = splitter.claimable(PLATFORM, token_) + splitter.claimable(ECOSYSTEM, token_);
        for (uint256 i; i < 5; ++i) {
            claimable += splitter.claimable(handler.accounts(i), token_);
        }
        uint256 held;
        for (uint256 i; i < handler.postCount(); ++i) {
            bytes32 postId = handler.postIds(i);
            held += splitter.contested(postId, token_) + splitter.frozenEarnings(postId, token_);
        }
        eq(claimable + held, splitter.owed(token_), "sum is owed");
        eq(splitter.owed(token_), balance, "owed is the balance");
        eq(balance, handler.paidIn(token_) - handler.paidOut(token_), "in less out");
    }
}
