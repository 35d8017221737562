// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PoCReport} from "../types/Reports.sol";

/// @title EIP-712 struct hashes of what signers say
library ReportHash {
    bytes32 internal constant TYPEHASH = keccak256(
        "PoCReport(bytes32 requestId,bytes32 postId,bytes32 contentHash,uint8 mediaType,uint8 outcome,"
        "uint16 similarityBps,address creator,address originalCreator,bytes32 originalPostId,"
        "bytes32 evidenceHash,bytes32 modelDigest,bytes32 indexSnapshot,uint64 configVersion,uint8 reason,"
        "uint64 observedAt,uint64 validUntil,uint64 signerEpoch,address transmitter)"
    );

    bytes32 internal constant OBSERVATION_TYPEHASH =
        keccak256("Observation(bytes32 draftHash,uint64 observedAt,uint64 signerEpoch)");
    /// @dev The fields before the three times and epochs: what was concluded, from requestId to reason.
    uint256 internal constant DRAFT_BYTES = 14 * 32;

    /// @notice `hashStruct` of the report.
    /// @dev All fields are static, so the ABI encoding of the struct is its fields in order, one word each:
    /// exactly what EIP-712 asks for.
    function hash(PoCReport calldata report) internal pure returns (bytes32) {
        return keccak256(abi.encode(TYPEHASH, report));
    }

    /// @notice `hashStruct` of what one signer saw: the same conclusion before a quorum agreed on it.
    function observation(PoCReport calldata report) internal pure returns (bytes32) {
        return
            keccak256(abi.encode(OBSERVATION_TYPEHASH, draft(report), report.observedAt, report.signerEpoch));
    }

    /// @notice Hash of what was concluded, whenever and by whom it was signed.
    function draft(PoCReport calldata report) internal pure returns (bytes32 hash_) {
        bytes memory encoded = abi.encode(report);
        uint256 length = DRAFT_BYTES;
        assembly ("memory-safe") {
            hash_ := keccak256(add(encoded, 0x20), length)
        }
    }
}
