// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IHubErrors} from "./interfaces/IErrors.sol";
import {ManagedPausable} from "./ManagedPausable.sol";

/// @title Limits on requests
/// @notice One requester cannot fill the oracle's queue, and the guardian can close the door to new requests.
/// Reports for open requests, refunds and withdrawals go on.
abstract contract RequestLimits is ManagedPausable {
    /// @notice Open requests of one account or platform allowed at the start.
    uint32 public constant INITIAL_OPEN_REQUESTS_CAP = 1_000;

    /// @custom:storage-location erc7201:creativity.storage.RequestLimits
    struct LimitStorage {
        // Zero until governance sets another; the initial cap holds then, also after an upgrade.
        uint32 openRequestsCap;
        // By name space: an account that a platform names as its purse did not ask for anything.
        mapping(bytes32 namespace => uint32) openRequests;
        // Whose place a request takes, where that is a platform's.
        mapping(bytes32 requestId => bytes32 platformId) platformOf;
    }

    // keccak256(abi.encode(uint256(keccak256("creativity.storage.RequestLimits")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x6885375f8c97bd38a602f045733b3e84711db053a652e9c70fcdd20c14269f00;

    /// @notice Cap of later requests.
    event OpenRequestsCapChanged(uint32 cap);

    /// @notice Sets how many open requests one account may have.
    function setOpenRequestsCap(uint32 cap) external restricted {
        if (cap == 0) revert IHubErrors.InvalidOpenRequestsCap(cap);
        _storage().openRequestsCap = cap;
        emit OpenRequestsCapChanged(cap);
    }

    /// @notice How many open requests one account may have.
    function openRequestsCap() public view returns (uint32) {
        uint32 cap = _storage().openRequestsCap;
        return cap == 0 ? INITIAL_OPEN_REQUESTS_CAP : cap;
    }

    /// @notice Requests of a platform, or of an account as a number, that are neither settled nor cancelled.
    function openRequests(bytes32 namespace) external view returns (uint32) {
        return _storage().openRequests[namespace];
    }

    function _openRequest(bytes32 namespace) internal whenNotPaused {
        uint32 open = _storage().openRequests[namespace];
        if (open >= openRequestsCap()) revert IHubErrors.TooManyOpenRequests(namespace, open);
        _storage().openRequests[namespace] = open + 1;
    }

    function _countFor(bytes32 requestId, bytes32 platformId) internal {
        _storage().platformOf[requestId] = platformId;
    }

    /// @dev Saturates: second looks are never counted.
    function _closeRequest(bytes32 requestId, address requester) internal {
        bytes32 namespace = _storage().platformOf[requestId];
        if (namespace == 0) namespace = bytes32(uint256(uint160(requester)));
        uint32 open = _storage().openRequests[namespace];
        if (open != 0) _storage().openRequests[namespace] = open - 1;
    }

    function _storage() private pure returns (LimitStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
