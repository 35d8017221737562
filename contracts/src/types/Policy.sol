// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice What a policy version says besides thresholds and the base redirect.
struct PolicyTerms {
    /// Lowest engagement score, 0..10000, of grade A, B, C and D; below the last it is F.
    uint16 gradeABps;
    uint16 gradeBBps;
    uint16 gradeCBps;
    uint16 gradeDBps;
    /// Seconds a request stays open.
    uint32 requestTimeout;
    /// Seconds a result can be contested.
    uint32 disputeWindow;
    /// Fee of a request, in wei.
    uint96 feeWei;
    /// Bond of a dispute's second round, in wei; the third costs twice as much.
    uint96 bondWei;
    /// What a requester pays for each unit of gas that its callback may use, in wei.
    uint64 callbackGasWei;
}
