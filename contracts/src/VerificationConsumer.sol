// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPoCHub} from "./interfaces/IPoCHub.sol";
import {IVerificationConsumer} from "./interfaces/IVerificationConsumer.sol";
import {VerificationRequest, VerificationResult} from "./types/Reports.sol";

/// @title Base of a contract that asks the oracle
/// @notice Takes results from the hub alone, and of this contract's own requests alone; asks only for who may ask about a post.
/// @dev Say who that is in `_mayAsk`, and what a result changes in `_onResult`. There is no way around either check.
abstract contract VerificationConsumer is IVerificationConsumer {
    /// @notice The hub this contract asks and listens to.
    IPoCHub public immutable hub;

    mapping(bytes32 requestId => bool) private _asked;

    /// @notice Only the hub may call back.
    error NotTheHub(address caller);
    /// @notice This contract did not make that request, or its result came already.
    error UnknownRequest(bytes32 requestId);
    /// @notice This account may not ask about that post.
    error MayNotAsk(address asker, bytes32 key);
    /// @notice There is no contract at that address.
    error NoHub(address hub);

    constructor(IPoCHub hub_) {
        if (address(hub_).code.length == 0) revert NoHub(address(hub_));
        hub = hub_;
    }

    /// @inheritdoc IVerificationConsumer
    function onVerification(bytes32 requestId, VerificationResult calldata result)
        external
        override
        returns (bytes4)
    {
        if (msg.sender != address(hub)) revert NotTheHub(msg.sender);
        if (!_asked[requestId]) revert UnknownRequest(requestId);
        delete _asked[requestId];
        _onResult(requestId, result);
        return IVerificationConsumer.onVerification.selector;
    }

    /// @notice Id by which everybody else knows a post of this contract.
    function postIdOf(bytes32 key) public view returns (bytes32) {
        return hub.postIdOf(bytes32(uint256(uint160(address(this)))), key);
    }

    /// @notice What a request costs, with a callback of so much gas.
    function feeFor(uint32 callbackGas) public view returns (uint256) {
        return hub.feeFor(callbackGas);
    }

    /// @notice Asks about a post for the caller of this contract; all value of the call pays the fee.
    /// @param key This contract's own name for the post.
    /// @param contentHash SHA-256 of the media, or zero to accept what is found at `uri`.
    /// @param callbackGas What `_onResult` gets, with some 10,000 for the checks before it.
    function _requestVerification(
        bytes32 key,
        bytes32 contentHash,
        uint8 mediaType,
        address creator,
        string memory uri,
        uint32 callbackGas
    ) internal returns (bytes32 requestId) {
        if (!_mayAsk(msg.sender, key)) revert MayNotAsk(msg.sender, key);
        requestId = hub.requestVerification{value: msg.value}(
            VerificationRequest(key, contentHash, mediaType, creator, address(this), callbackGas, 0, uri, 0)
        );
        _asked[requestId] = true;
    }

    /// @notice Whether an account may ask about a post: its author, in most contracts.
    function _mayAsk(address asker, bytes32 key) internal view virtual returns (bool);

    /// @notice Takes a result that is genuine. If this reverts the verdict stands, and anybody may deliver it again.
    function _onResult(bytes32 requestId, VerificationResult calldata result) internal virtual;
}
