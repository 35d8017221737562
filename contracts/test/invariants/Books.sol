// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {PolicyRegistry} from "../../src/PolicyRegistry.sol";
import {FraudGuard} from "../../src/disputes/FraudGuard.sol";
import {PoCDisputes} from "../../src/disputes/PoCDisputes.sol";
import {BonusVault} from "../../src/payments/BonusVault.sol";
import {RevenueSplitter} from "../../src/payments/RevenueSplitter.sol";
import {TokenPool} from "../../src/payments/TokenPool.sol";
import {PoCHub} from "../../src/PoCHub.sol";
import {PostRegistry} from "../../src/PostRegistry.sol";
import {PostResult} from "../../src/types/Reports.sol";
import {TestToken} from "../mocks/Tokens.sol";
import {Check} from "../utils/Check.sol";

/// @notice The cast of a campaign, and its books kept a second time.
abstract contract Books is Check {
    uint256 internal constant POSTS = 4;
    uint256 internal constant MAX_POSTS = 12;
    address internal constant ETHER = address(0);

    struct Wiring {
        PoCHub hub;
        PolicyRegistry policy;
        PostRegistry posts;
        RevenueSplitter splitter;
        TokenPool pool;
        PoCDisputes disputes;
        BonusVault vault;
        FraudGuard guard;
        TestToken token;
        address second;
        // Finds what is corrected, and rules on nothing.
        address third;
        uint256[] keys;
        // Every proxy, and for each the same code at another address and a next version.
        address[] proxies;
        address[2][] versions;
    }

    Wiring internal w;
    address[] public accounts;
    bytes32[] public postIds;
    mapping(bytes32 postId => bytes32 name) internal names;

    mapping(address token => uint256) public paidIn;
    mapping(address token => uint256) public paidOut;
    uint256 public frozenMoves;
    uint256 public unexplainedChanges;
    uint256 public bondsIn;
    uint256 public bondsOut;
    uint256 public feesIn;
    mapping(bytes32 postId => bytes32) internal known;

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
            _addPost();
        }
    }

    /// @dev What a post is to the money: everything a report or ruling writes, and nothing that time does.
    function standing(bytes32 postId) public view returns (bytes32) {
        PostResult memory r = w.posts.resultOf(postId);
        return keccak256(
            abi.encode(r.outcome, r.originalCreator, r.redirectBps, r.revision, r.status == 3, r.creator)
        );
    }

    /// @dev All that anybody has, and how every post stands: what no upgrade may change.
    function everything() internal view returns (bytes32 digest) {
        address[2] memory tokens = [ETHER, address(w.token)];
        (address platform, address ecosystem) = w.splitter.treasuries();
        for (uint256 t; t < 2; ++t) {
            digest = keccak256(
                abi.encode(
                    digest,
                    w.splitter.owed(tokens[t]),
                    w.splitter.claimable(platform, tokens[t]),
                    w.splitter.claimable(ecosystem, tokens[t]),
                    w.disputes.claimable(ecosystem, tokens[t]),
                    w.vault.budgetOf(tokens[t])
                )
            );
            for (uint256 i; i < accounts.length; ++i) {
                digest = keccak256(
                    abi.encode(
                        digest,
                        w.splitter.claimable(accounts[i], tokens[t]),
                        w.disputes.claimable(accounts[i], tokens[t]),
                        w.hub.claimable(accounts[i]),
                        w.guard.isAccountFrozen(accounts[i])
                    )
                );
            }
            for (uint256 i; i < postIds.length; ++i) {
                digest = keccak256(
                    abi.encode(
                        digest,
                        w.splitter.contested(postIds[i], tokens[t]),
                        w.splitter.frozenEarnings(postIds[i], tokens[t]),
                        w.pool.supplyOf(postIds[i]),
                        w.posts.resultOf(postIds[i]),
                        w.disputes.openDisputeOf(postIds[i]),
                        w.guard.isPostFrozen(postIds[i])
                    )
                );
            }
        }
    }

    /// @dev Posts become final and are closed to reports then; the campaign goes on with others.
    function freshPost() internal returns (uint256 post) {
        post = postIds.length;
        vm.assume(post < MAX_POSTS);
        _addPost();
    }

    /// @dev What its owner asks about, under a name of the owner's.
    function _addPost() private {
        uint256 i = postIds.length;
        bytes32 name = keccak256(abi.encode("post", i));
        bytes32 postId = w.hub.postIdOf(bytes32(uint256(uint160(ownerOf(i)))), name);
        postIds.push(postId);
        names[postId] = name;
        known[postId] = standing(postId);
    }

    function postCount() external view returns (uint256) {
        return postIds.length;
    }

    function ownerOf(uint256 post) public view returns (address) {
        return accounts[post % accounts.length];
    }

    function pick(uint256 post) internal view returns (bytes32) {
        return postIds[post % postIds.length];
    }

    function account(uint256 who) internal view returns (address) {
        return accounts[who % accounts.length];
    }

    function balance(address token, address holder) internal view returns (uint256) {
        return token == ETHER ? holder.balance : IERC20(token).balanceOf(holder);
    }
}
