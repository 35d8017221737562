// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {RevenueSplitter} from "../../src/payments/RevenueSplitter.sol";

/// @notice An ERC-20 that anybody may mint, and that can take a fee on the way.
contract TestToken is ERC20("Test", "TST") {
    uint256 public feeBps;

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function setFee(uint256 bps) external {
        feeBps = bps;
    }

    function _update(address from, address to, uint256 amount) internal override {
        uint256 fee = from == address(0) ? 0 : amount * feeBps / 10_000;
        super._update(from, to, amount - fee);
        if (fee != 0) super._update(from, address(0xFEE), fee);
    }
}

/// @notice An ERC-20 of a thief: delivers nothing, answers false, or pays by calling back into the splitter.
contract HostileToken {
    RevenueSplitter public immutable SPLITTER;
    bytes32 public immutable POST;
    bool public reenters;
    bool public lies;
    bytes public caught;
    uint256 private _balance;

    constructor(RevenueSplitter splitter, bytes32 postId) {
        SPLITTER = splitter;
        POST = postId;
    }

    function behave(bool reenters_, bool lies_) external {
        (reenters, lies) = (reenters_, lies_);
    }

    function balanceOf(address) external view returns (uint256) {
        return _balance;
    }

    function transferFrom(address, address, uint256 amount) external returns (bool) {
        if (reenters) {
            try SPLITTER.tip(POST, address(this), 1) {}
            catch (bytes memory reason) {
                caught = reason;
            }
            _balance += amount;
        }
        return !lies;
    }
}

/// @notice Refuses ether, or comes back for more while it is paid.
contract Payee {
    RevenueSplitter public immutable SPLITTER;
    bool public refuses;
    uint256 public taken;

    constructor(RevenueSplitter splitter) {
        SPLITTER = splitter;
    }

    function refuse(bool refuses_) external {
        refuses = refuses_;
    }

    function fetch() external {
        SPLITTER.withdraw(address(this), address(0), address(this));
    }

    receive() external payable {
        require(!refuses);
        taken += msg.value;
        try SPLITTER.withdraw(address(this), address(0), address(this)) {} catch {}
    }
}
