// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Books} from "./Books.sol";

/// @notice Money in and out, by anybody in any order.
abstract contract Payments is Books {
    uint256 internal bonuses;

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

    function _equip(address who, address token, uint256 amount) private returns (uint256 value) {
        if (token == ETHER) {
            vm.deal(who, who.balance + amount);
            return amount;
        }
        w.token.mint(who, amount);
        vm.prank(who);
        w.token.approve(address(w.splitter), amount);
    }
}
