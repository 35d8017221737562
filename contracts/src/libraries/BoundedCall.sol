// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IHubErrors} from "../interfaces/IErrors.sol";

/// @title Call to a stranger
/// @notice An exact amount of gas goes in, at most `MAX_COPY` bytes come out.
/// @dev `try/catch (bytes memory)` copies all that the callee returns: 350 kB of it cost the caller more gas than
/// the call itself was allowed, and reverted the whole transaction. Copying a bounded prefix does not.
library BoundedCall {
    uint256 internal constant MAX_COPY = 256;

    /// @notice Calls `target`, never reverts because of what it does.
    /// @param gasLimit Gas the callee gets, exactly.
    /// @param reserve Gas that must be left for the caller after a callee that burns all it gets.
    /// @return ok Whether the call succeeded; false where there is no code.
    /// @return returned The first `MAX_COPY` bytes of what came back.
    function callExact(address target, bytes memory data, uint256 gasLimit, uint256 reserve)
        internal
        returns (bool ok, bytes memory returned)
    {
        // EIP-150 forwards at most 63/64 of what is left. Without this check a transmitter could starve the callee
        // and have the failure recorded as the consumer's.
        uint256 required = (gasLimit * 64) / 63 + 1 + reserve;
        uint256 available = gasleft();
        if (available < required) revert IHubErrors.InsufficientGasForCallback(required, available);
        if (target.code.length == 0) return (false, "");

        returned = new bytes(MAX_COPY);
        assembly ("memory-safe") {
            ok := call(gasLimit, target, 0, add(data, 0x20), mload(data), 0, 0)
            let size := returndatasize()
            if gt(size, MAX_COPY) { size := MAX_COPY }
            mstore(returned, size)
            returndatacopy(add(returned, 0x20), 0, size)
        }
    }
}
