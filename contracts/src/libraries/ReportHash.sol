// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PoCReport} from "../types/Reports.sol";

/// @title EIP-712 struct hash of a report
library ReportHash {
    bytes32 internal constant TYPEHASH = keccak256(
        "PoCReport(bytes32 requestId,bytes32 postId,bytes32 contentHash,uint8 mediaType,uint8 outcome,"
        "uint16 similarityBps,address creator,address originalCreator,bytes32 originalPostId,"
        "bytes32 evidenceHash,bytes32 modelDigest,bytes32 indexSnapshot,uint64 configVersion,"
        "uint64 observedAt,uint64 validUntil,uint64 signerEpoch)"
    );

    /// @notice `hashStruct` of the report.
    /// @dev All fields are static, so the ABI encoding of the struct is its fields in order, one word each:
    /// exactly what EIP-712 asks for.
    function hash(PoCReport calldata report) internal pure returns (bytes32) {
        return keccak256(abi.encode(TYPEHASH, report));
    }
}
