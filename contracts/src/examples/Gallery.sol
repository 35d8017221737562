// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {VerificationConsumer} from "../VerificationConsumer.sol";
import {IPoCHub} from "../interfaces/IPoCHub.sol";
import {MediaType, Outcome} from "../types/Codes.sol";
import {VerificationResult} from "../types/Reports.sol";

/// @title A gallery that hangs originals only
/// @notice An author puts a piece up, asks about it, and it hangs while the oracle calls it an original.
contract Gallery is VerificationConsumer {
    /// @notice Gas asked for the callback; hanging a piece takes about 60,000.
    uint32 public constant CALLBACK_GAS = 120_000;

    /// @notice Whose piece it is, by the gallery's name for it; zero for none.
    mapping(bytes32 key => address author) public authorOf;
    /// @notice Whether a piece hangs, by its post's id.
    mapping(bytes32 postId => bool) public hangs;

    /// @notice A piece was put up.
    event PutUp(bytes32 indexed key, address indexed author);
    /// @notice The oracle answered about a piece.
    event Judged(bytes32 indexed postId, bool hangs);

    constructor(IPoCHub hub_) VerificationConsumer(hub_) {}

    /// @notice Puts a picture up. Each author has names of their own, so nobody takes another one's.
    /// @return key The gallery's name for the piece.
    function putUp(bytes32 name) external returns (bytes32 key) {
        key = keccak256(abi.encode(msg.sender, name));
        authorOf[key] = msg.sender;
        emit PutUp(key, msg.sender);
    }

    /// @notice Asks the oracle about a piece of the caller's; the value pays `feeFor(CALLBACK_GAS)`.
    function ask(bytes32 key, bytes32 contentHash, string calldata uri) external payable returns (bytes32) {
        return _requestVerification(key, contentHash, MediaType.IMAGE, msg.sender, uri, CALLBACK_GAS);
    }

    function _mayAsk(address asker, bytes32 key) internal view override returns (bool) {
        return authorOf[key] == asker;
    }

    function _onResult(bytes32, VerificationResult calldata result) internal override {
        hangs[result.postId] = result.outcome == Outcome.ORIGINAL;
        emit Judged(result.postId, result.outcome == Outcome.ORIGINAL);
    }
}
