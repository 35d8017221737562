// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {System} from "../utils/System.sol";
import {OracleHandler} from "./OracleHandler.sol";

/// @notice Whatever is said and whoever accuses whom, the honest stay and a liar who was proven is out.
contract OracleInvariants is System {
    OracleHandler private handler;

    function setUp() public override {
        super.setUp();
        uint256[] memory keys = new uint256[](4);
        for (uint256 i; i < 4; ++i) {
            keys[i] = 0xA000 + i;
        }
        handler = new OracleHandler(oracles, hub, keys);
        manager.grantRole(0, address(handler), 0);
        address[] memory signers = new address[](4);
        for (uint256 i; i < 4; ++i) {
            signers[i] = vm.addr(keys[i]);
            for (uint256 j = i; j > 0 && signers[j - 1] > signers[j]; --j) {
                (signers[j - 1], signers[j]) = (signers[j], signers[j - 1]);
            }
        }
        oracles.setSigners(signers, 3, 1);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function invariant_TheHonestStayAndAProvenLiarIsOut() external view {
        eq(handler.misjudged(), 0, "nobody honest was taken out");
        for (uint256 who; who < 3; ++who) {
            yes(oracles.isSigner(handler.addressOf(who)), "the honest sign on");
        }
        eq(
            oracles.isSigner(handler.addressOf(3)) ? 1 : 0,
            handler.caught() ? 0 : 1,
            "out once proven, and only then"
        );
        eq(oracles.currentEpoch(), 2 + handler.changes(), "each change is one epoch");
        eq(oracles.quorum(), 3, "no proof lowers the quorum");
        address[] memory signers = oracles.signers();
        eq(signers.length, handler.caught() ? 3 : 4, "signers");
        eq(oracles.signerCount(), signers.length, "counted");
        for (uint256 i = 1; i < signers.length; ++i) {
            yes(signers[i - 1] < signers[i], "ascending");
        }
    }
}
