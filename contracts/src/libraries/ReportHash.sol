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

    /// @dev All fields, one word each.
    uint256 internal constant REPORT_BYTES = 18 * 32;

    /// @notice `hashStruct` of the report.
    function hash(PoCReport calldata report) internal pure returns (bytes32 hash_) {
        bytes32 typehash = TYPEHASH;
        uint256 length = REPORT_BYTES;
        // In memory that nobody keeps: a batch hashes many.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typehash)
            calldatacopy(add(free, 0x20), report, length)
            hash_ := keccak256(free, add(length, 0x20))
        }
    }

    /// @notice The report as it is in the call: all fields are static, so its ABI encoding is its fields in order, one word
    /// each, exactly what EIP-712 asks for.
    /// @dev A word with bits that its type has no room for is not refused here; it hashes to what nobody signed.
    function words(PoCReport calldata report) internal pure returns (bytes calldata words_) {
        uint256 length = REPORT_BYTES;
        assembly ("memory-safe") {
            words_.offset := report
            words_.length := length
        }
    }

    /// @notice Calls a function that takes a report alone, with the words as they came.
    /// @return ok Whether it succeeded.
    /// @return reason What it reverted with, all of it: for contracts of ours only.
    function forward(PoCReport calldata report, address target, bytes4 selector)
        internal
        returns (bool ok, bytes memory reason)
    {
        uint256 length = REPORT_BYTES;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, selector)
            calldatacopy(add(free, 4), report, length)
            ok := call(gas(), target, 0, free, add(length, 4), 0, 0)
            if iszero(ok) {
                reason := free
                mstore(reason, returndatasize())
                returndatacopy(add(reason, 0x20), 0, returndatasize())
                mstore(0x40, and(add(add(reason, returndatasize()), 0x3f), not(0x1f)))
            }
        }
    }

    /// @notice `hashStruct` of what one signer saw: the same conclusion before a quorum agreed on it.
    function observation(PoCReport calldata report) internal pure returns (bytes32) {
        return
            keccak256(abi.encode(OBSERVATION_TYPEHASH, draft(report), report.observedAt, report.signerEpoch));
    }

    /// @notice Hash of what was concluded, whenever and by whom it was signed.
    function draft(PoCReport calldata report) internal pure returns (bytes32) {
        return keccak256(words(report)[:DRAFT_BYTES]);
    }
}
