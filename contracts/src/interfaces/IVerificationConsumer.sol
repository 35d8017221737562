// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {VerificationResult} from "../types/Reports.sol";

/// @title What a contract implements to be called back
interface IVerificationConsumer {
    /// @notice Receives the result of a request.
    /// @dev Anyone may name any consumer, so check that the caller is the hub AND that the request is yours.
    /// Reverting is safe: the result stands, and anyone may retry the delivery.
    /// @return magic This function's selector; anything else counts as a failed delivery.
    function onVerification(bytes32 requestId, VerificationResult calldata result)
        external
        returns (bytes4 magic);
}
