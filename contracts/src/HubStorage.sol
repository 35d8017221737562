// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IOracleRegistry} from "./interfaces/IOracleRegistry.sol";
import {IPlatforms} from "./interfaces/IPlatforms.sol";
import {IPolicyRegistry} from "./interfaces/IPolicyRegistry.sol";
import {IPostRegistry} from "./interfaces/IPostRegistry.sol";
import {RequestRecord, VerificationResult} from "./types/Reports.sol";

/// @title State of the hub
abstract contract HubStorage {
    /// @custom:storage-location erc7201:creativity.storage.PoCHub
    struct HubState {
        IOracleRegistry oracles;
        uint64 requestCount;
        IPolicyRegistry policy;
        IPostRegistry posts;
        mapping(bytes32 requestId => RequestRecord) requests;
        // Results whose callback failed, until somebody delivers them.
        mapping(bytes32 requestId => VerificationResult) undelivered;
        mapping(address account => uint256 amountWei) claimable;
        // Block of a commitment; zero once it is opened.
        IPlatforms platforms;
        mapping(bytes32 commitment => uint64 blockNumber) commitments;
    }

    // keccak256(abi.encode(uint256(keccak256("creativity.storage.PoCHub")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x0cc5d57317de8d6ff4f4bb32c4c8e5dbae329b9dbb767ecf47cc9ee3dc27fe00;

    function _hub() internal pure returns (HubState storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
