// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PausableUpgradeable} from "@openzeppelin/contracts-upgradeable/utils/PausableUpgradeable.sol";
import {IPoolErrors, IUnknownPostError} from "../src/interfaces/IErrors.sol";
import {ITokenPool} from "../src/interfaces/ITokenPool.sol";
import {Economy} from "./utils/Economy.sol";

/// @notice The reserve pays for every token, and each trade follows the post.
contract TokenPoolTest is Economy {
    function setUp() public override {
        super.setUp();
        copy(POST, 9_800);
        makeFinal();
    }

    function test_ATradePaysItsFeesByTheRedirect() public {
        // Tokens 1..4 cost 1 + 2 + 3 + 4 steps.
        eq(pool.priceToBuy(POST, 4), 10_000, "price");
        vm.deal(FAN, 11_000);
        vm.expectEmit(address(pool));
        emit ITokenPool.Traded(POST, FAN, true, 4, 10_000, 150, 4);
        vm.prank(FAN);
        eq(pool.buy{value: 11_000}(POST, 4), 10_150, "paid");
        owns(FIRST_CREATOR, 60, "60 % of 1 %");
        owns(CREATOR, 40, "40 % of 1 %");
        owns(PLATFORM, 25, "platform");
        owns(ECOSYSTEM, 25, "ecosystem");
        owns(FAN, 850, "change");
        eq(pool.balanceOf(POST, FAN), 4, "tokens");
        eq(address(pool).balance, 10_000, "reserve");
    }

    function test_WhoBoughtLastSellsFirstAtTheSamePrice() public {
        buy(FAN, 4);
        uint256 before = splitter.claimable(FAN, ETHER);
        vm.prank(FAN);
        eq(pool.sell(POST, 1, 3_940), 3_940, "token 4 less 1.5 %");
        owns(FAN, before + 3_940, "proceeds");
        vm.prank(FAN);
        pool.sell(POST, 3, 0);
        eq(pool.supplyOf(POST), 0, "supply");
        eq(pool.reserves(), 0, "reserve");
        eq(address(pool).balance, 0, "nothing stuck");
        owesWhatItHas();
    }

    function testFuzz_TheReservePaysForEveryToken(uint32 a, uint32 b, uint32 c) public {
        uint256 first = within(a, 1, 1e6);
        uint256 second = within(b, 1, 1e6);
        uint256 sold = within(c, 1, first);
        buy(FAN, first);
        buy(CREATOR, second);
        vm.prank(FAN);
        pool.sell(POST, sold, 0);
        uint256 supply = pool.supplyOf(POST);
        eq(supply, first + second - sold, "supply");
        eq(pool.reserves(), STEP * (supply * (supply + 1) / 2), "reserve is the sum of the curve");
        eq(pool.reserves(), address(pool).balance, "and is there");
        eq(pool.priceToSell(POST, supply), pool.reserves(), "all can leave");
        owesWhatItHas();
    }

    function test_Refusals() public {
        vm.expectRevert(abi.encodeWithSelector(IPoolErrors.InvalidAmount.selector, 0));
        pool.buy(POST, 0);
        vm.expectRevert(abi.encodeWithSelector(IPoolErrors.InvalidAmount.selector, 1e9 + 1));
        pool.buy(POST, 1e9 + 1);
        vm.expectRevert(abi.encodeWithSelector(IPoolErrors.InvalidAmount.selector, 1e9 + 1));
        pool.priceToBuy(POST, 1e9 + 1);
        vm.expectRevert(abi.encodeWithSelector(IPoolErrors.InvalidAmount.selector, 1));
        pool.priceToSell(POST, 1);
        vm.deal(address(this), 1_014);
        vm.expectRevert(abi.encodeWithSelector(IPoolErrors.PriceMoved.selector, 1_014, 1_013));
        pool.buy{value: 1_013}(POST, 1);
        vm.expectRevert(abi.encodeWithSelector(IPoolErrors.NotEnoughTokens.selector, address(this), 0, 1));
        pool.sell(POST, 1, 0);
        vm.expectRevert(abi.encodeWithSelector(IPoolErrors.InvalidAmount.selector, 0));
        pool.sell(POST, 0, 0);
        buy(FAN, 2);
        vm.expectRevert(abi.encodeWithSelector(IPoolErrors.PriceMoved.selector, 1_970, 1_971));
        vm.prank(FAN);
        pool.sell(POST, 1, 1_971);
        vm.expectRevert(abi.encodeWithSelector(IUnknownPostError.UnknownPost.selector, bytes32("nobody's")));
        pool.buy{value: 1_014}("nobody's", 1);
    }

    function test_APauseLetsEverybodyLeave() public {
        buy(FAN, 3);
        pool.pause();
        splitter.pause();
        vm.deal(CREATOR, 1 ether);
        vm.expectRevert(PausableUpgradeable.EnforcedPause.selector);
        vm.prank(CREATOR);
        pool.buy{value: 1 ether}(POST, 1);
        vm.prank(FAN);
        pool.sell(POST, 3, 0);
        vm.prank(FAN);
        splitter.withdraw(FAN, ETHER, FAN);
        eq(address(pool).balance, 0, "left");
    }

    function buy(address who, uint256 tokens) private {
        uint256 price = pool.priceToBuy(POST, tokens);
        uint256 due = price + splitter.tradeFees(price);
        vm.deal(who, due);
        vm.prank(who);
        pool.buy{value: due}(POST, tokens);
    }
}
