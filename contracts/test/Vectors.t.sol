// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {RedirectMathView} from "../src/RedirectMathView.sol";
import {Check} from "./utils/Check.sol";

/// @notice The vectors that the Python rules are tested with, against the deployed ones.
contract VectorsTest is Check {
    RedirectMathView internal rules = new RedirectMathView();
    string internal json;

    function setUp() public {
        json = vm.readFile("../tests/vectors/rules.json");
    }

    function test_Tier() public view {
        uint256 i;
        for (; has("tier", i); ++i) {
            eq(rules.tier(num("tier", i, "similarityBps")), num("tier", i, "tier"), row("tier", i));
        }
        yes(i >= 6, "vectors were read");
    }

    function test_Redirect() public view {
        uint256 i;
        for (; has("redirect", i); ++i) {
            uint256 actual = rules.redirectBps(
                num("redirect", i, "similarityBps"),
                num("redirect", i, "thresholdBps"),
                num("redirect", i, "baseBps")
            );
            eq(actual, num("redirect", i, "redirectBps"), row("redirect", i));
        }
        yes(i >= 13, "vectors were read");
    }

    function test_RedirectErrors() public view {
        uint256 i;
        for (; has("redirectErrors", i); ++i) {
            // Every error here takes one uint256; the vector names it.
            bytes4 selector =
                bytes4(keccak256(bytes(string.concat(text("redirectErrors", i, "error"), "(uint256)"))));
            (bool ok, bytes memory data) = address(rules)
                .staticcall(
                    abi.encodeCall(
                        rules.redirectBps,
                        (
                            num("redirectErrors", i, "similarityBps"),
                            num("redirectErrors", i, "thresholdBps"),
                            num("redirectErrors", i, "baseBps")
                        )
                    )
                );
            no(ok, row("redirectErrors", i));
            eq(bytes32(bytes4(data)), bytes32(selector), row("redirectErrors", i));
        }
        yes(i >= 3, "vectors were read");
    }

    function test_Bonus() public view {
        uint256 i;
        for (; has("bonus", i); ++i) {
            (uint8 g, uint8 o, uint256 pay) =
                (grade("bonus", i), outcome("bonus", i), num("bonus", i, "basePay"));
            eq(rules.bonusBps(g, o), num("bonus", i, "bonusBps"), row("bonus", i));
            eq(rules.payWithBonus(pay, g, o), num("bonus", i, "total"), row("bonus", i));
        }
        yes(i >= 9, "vectors were read");
    }

    function test_Payout() public view {
        uint256 i;
        for (; has("payout", i); ++i) {
            uint256 earned =
                rules.payWithBonus(num("payout", i, "basePay"), grade("payout", i), outcome("payout", i));
            (uint256 toOriginal, uint256 toPoster) =
                rules.splitRedirect(earned, num("payout", i, "redirectBps"));
            eq(toOriginal, num("payout", i, "toOriginal"), row("payout", i));
            eq(toPoster, num("payout", i, "toPoster"), row("payout", i));
        }
        yes(i >= 3, "vectors were read");
    }

    function test_Trade() public view {
        uint256 i;
        for (; has("trade", i); ++i) {
            (uint256 creator, uint256 platform, uint256 ecosystem) =
                rules.tradeFees(num("trade", i, "amount"));
            eq(creator, num("trade", i, "creatorFee"), row("trade", i));
            eq(platform, num("trade", i, "platformFee"), row("trade", i));
            eq(ecosystem, num("trade", i, "ecosystemFee"), row("trade", i));
            (uint256 toOriginal, uint256 toPoster) =
                rules.splitRedirect(creator, num("trade", i, "redirectBps"));
            eq(toOriginal, num("trade", i, "toOriginal"), row("trade", i));
            eq(toPoster, num("trade", i, "toPoster"), row("trade", i));
        }
        yes(i >= 1, "vectors were read");
    }

    function row(string memory list, uint256 i) private pure returns (string memory) {
        return string.concat(list, "[", vm.toString(i), "]");
    }

    function path(string memory list, uint256 i, string memory key) private pure returns (string memory) {
        return string.concat(".", row(list, i), ".", key);
    }

    function has(string memory list, uint256 i) private view returns (bool) {
        return vm.keyExistsJson(json, string.concat(".", row(list, i)));
    }

    function num(string memory list, uint256 i, string memory key) private view returns (uint256) {
        return vm.parseJsonUint(json, path(list, i, key));
    }

    function text(string memory list, uint256 i, string memory key) private view returns (string memory) {
        return vm.parseJsonString(json, path(list, i, key));
    }

    function grade(string memory list, uint256 i) private view returns (uint8) {
        // A is 1 ... D is 4, and F, with no E before it, is 5.
        uint8 letter = uint8(bytes(text(list, i, "grade"))[0]);
        return letter == uint8(bytes1("F")) ? 5 : letter - uint8(bytes1("A")) + 1;
    }

    function outcome(string memory list, uint256 i) private view returns (uint8) {
        bytes32 name = keccak256(bytes(text(list, i, "outcome")));
        if (name == keccak256("original")) return 1;
        if (name == keccak256("derivative")) return 2;
        if (name == keccak256("self_duplicate")) return 3;
        if (name == keccak256("licensed")) return 4;
        yes(name == keccak256("undecided"), "known outcome");
        return 5;
    }
}
