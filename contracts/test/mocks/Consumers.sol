// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPoCHub} from "../../src/interfaces/IPoCHub.sol";
import {IVerificationConsumer} from "../../src/interfaces/IVerificationConsumer.sol";
import {PoCReport, VerificationResult} from "../../src/types/Reports.sol";

/// @notice Takes what it gets, once told to; until then refuses.
contract MoodyConsumer is IVerificationConsumer {
    bool public willing;
    uint256 public deliveries;
    uint256 public gasSeen;
    bytes32 public lastRequestId;
    VerificationResult internal last;

    error NotNow(uint256 reason);

    function setWilling(bool value) external {
        willing = value;
    }

    function lastResult() external view returns (VerificationResult memory) {
        return last;
    }

    function onVerification(bytes32 requestId, VerificationResult calldata result) external returns (bytes4) {
        uint256 gas_ = gasleft();
        if (!willing) revert NotNow(42);
        gasSeen = gas_;
        ++deliveries;
        lastRequestId = requestId;
        last = result;
        return IVerificationConsumer.onVerification.selector;
    }
}

/// @notice Reverts with 350 kB, which a careless caller copies.
contract ReturnBomb is IVerificationConsumer {
    function onVerification(bytes32, VerificationResult calldata) external pure returns (bytes4) {
        assembly {
            revert(0, 350000)
        }
    }
}

/// @notice Succeeds with 350 kB.
contract SuccessBomb is IVerificationConsumer {
    function onVerification(bytes32, VerificationResult calldata) external pure returns (bytes4) {
        assembly {
            return(0, 350000)
        }
    }
}

/// @notice Burns all it gets.
contract GasBurner is IVerificationConsumer {
    function onVerification(bytes32, VerificationResult calldata) external pure returns (bytes4) {
        assembly {
            invalid()
        }
    }
}

/// @notice Returns something else than the magic value.
contract WrongMagic is IVerificationConsumer {
    function onVerification(bytes32, VerificationResult calldata) external pure returns (bytes4) {
        return 0xdeadbeef;
    }
}

/// @notice Calls back into the hub with whatever it was loaded with, and remembers how that went.
contract Reenterer is IVerificationConsumer {
    IPoCHub internal immutable hub;
    bytes internal payload;
    bool public called;
    bool public succeeded;
    bytes4 public errorSelector;

    constructor(IPoCHub hub_) {
        hub = hub_;
    }

    function load(bytes calldata payload_) external {
        payload = payload_;
    }

    function onVerification(bytes32, VerificationResult calldata) external returns (bytes4) {
        (bool ok, bytes memory data) = address(hub).call(payload);
        called = true;
        succeeded = ok;
        errorSelector = bytes4(data);
        return IVerificationConsumer.onVerification.selector;
    }
}

/// @notice Does not accept money.
contract RefusingPayee {
    error NoMoney();

    receive() external payable {
        revert NoMoney();
    }
}
