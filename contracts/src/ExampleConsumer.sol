// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPoCHub} from "./interfaces/IPoCHub.sol";
import {IVerificationConsumer} from "./interfaces/IVerificationConsumer.sol";
import {VerificationRequest, VerificationResult} from "./types/Reports.sol";

/// @title A contract that asks the oracle
/// @notice The whole of what an integration needs: ask, remember the request, accept its result from the hub.
contract ExampleConsumer is IVerificationConsumer {
    /// @notice Gas asked for the callback; storing the result takes about 140,000.
    uint32 public constant CALLBACK_GAS = 200_000;

    /// @notice The hub this contract asks and listens to.
    IPoCHub public immutable hub;

    mapping(bytes32 requestId => bool) private _asked;
    mapping(bytes32 postId => VerificationResult) private _results;

    /// @notice The oracle answered.
    event Verified(bytes32 indexed requestId, bytes32 indexed postId, uint8 outcome, uint16 redirectBps);

    /// @notice Only the hub may call back.
    error NotTheHub(address caller);
    /// @notice This contract did not make that request.
    error UnknownRequest(bytes32 requestId);

    constructor(IPoCHub hub_) {
        hub = hub_;
    }

    /// @notice Asks for a post of the caller's to be verified; the value sent pays `hub.feeFor(CALLBACK_GAS)`.
    /// @dev Each author has a name space of their own in here, as this contract has one at the hub: whoever asks writes about
    /// nobody's posts but their own. A contract that knows who its authors are checks that instead.
    /// @param name The author's name for the post.
    /// @param contentHash SHA-256 of the media, or zero to accept what is found at `uri`.
    function verify(bytes32 name, bytes32 contentHash, uint8 mediaType, address creator, string calldata uri)
        external
        payable
        returns (bytes32 requestId)
    {
        bytes32 key = keyOf(msg.sender, name);
        requestId = hub.requestVerification{value: msg.value}(
            VerificationRequest(key, contentHash, mediaType, creator, address(this), CALLBACK_GAS, 0, uri, 0)
        );
        _asked[requestId] = true;
    }

    /// @inheritdoc IVerificationConsumer
    function onVerification(bytes32 requestId, VerificationResult calldata result) external returns (bytes4) {
        if (msg.sender != address(hub)) revert NotTheHub(msg.sender);
        if (!_asked[requestId]) revert UnknownRequest(requestId);
        delete _asked[requestId];
        _results[result.postId] = result;
        emit Verified(requestId, result.postId, result.outcome, result.redirectBps);
        return IVerificationConsumer.onVerification.selector;
    }

    /// @notice The latest result received for a post, by its id (`postIdOf`); all zero if none.
    function resultOf(bytes32 postId) external view returns (VerificationResult memory) {
        return _results[postId];
    }

    /// @notice An author's post as this contract names it to the hub.
    function keyOf(address author, bytes32 name) public pure returns (bytes32) {
        return keccak256(abi.encode(author, name));
    }

    /// @notice Id by which everybody else knows an author's post.
    function postIdOf(address author, bytes32 name) external view returns (bytes32) {
        return hub.postIdOf(bytes32(uint256(uint160(address(this)))), keyOf(author, name));
    }
}
