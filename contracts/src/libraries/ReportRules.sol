// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IHubErrors, IRuleErrors} from "../interfaces/IErrors.sol";
import {Outcome} from "../types/Codes.sol";
import {PoCReport} from "../types/Reports.sol";
import {PostIds} from "./PostIds.sol";
import {RedirectMath} from "./RedirectMath.sol";

/// @title What a report may say
/// @notice A quorum signs facts; it cannot sign a conclusion that the policy it names rules out.
library ReportRules {
    /// @notice How far ahead of the chain's clock an observation may be, in seconds.
    uint256 internal constant MAX_CLOCK_SKEW = 5 minutes;

    /// @notice Reverts unless the outcome follows from the report's facts under `thresholdBps`.
    /// @dev Failed is refused: it settles a request and never reaches a post.
    function check(PoCReport calldata report, uint256 thresholdBps) internal pure {
        uint256 similarity = report.similarityBps;
        uint8 outcome = report.outcome;
        if (similarity > RedirectMath.BPS) revert IRuleErrors.SimilarityOutOfRange(similarity);
        if (!Outcome.isValid(outcome) || outcome == Outcome.FAILED) {
            revert IRuleErrors.InvalidOutcome(outcome);
        }

        bool above = similarity >= thresholdBps;
        if (outcome == Outcome.DERIVATIVE) {
            if (report.originalCreator == address(0)) {
                revert IRuleErrors.MissingOriginalCreator(report.postId);
            }
            // An index that holds the post itself finds it at 100 %: that must never cost its creator anything.
            if (report.originalCreator == report.creator || report.originalPostId == report.postId) {
                revert IRuleErrors.SelfMatch(report.postId, report.creator);
            }
            if (!above) revert IRuleErrors.OutcomeContradictsPolicy(outcome, similarity, thresholdBps);
        } else if (outcome == Outcome.ORIGINAL || outcome == Outcome.SHARED_SOURCE) {
            bool another = report.originalCreator != address(0) && report.originalCreator != report.creator;
            if (above && another) {
                revert IRuleErrors.OutcomeContradictsPolicy(outcome, similarity, thresholdBps);
            }
        }
    }

    /// @notice Reverts unless the report is one that nobody asked for, and complete.
    function checkAttestation(PoCReport calldata report, address hub) internal view {
        bytes32 postId = report.postId;
        bytes32 id = PostIds.attestation(hub, postId, report.contentHash);
        if (report.requestId != id) revert IHubErrors.InvalidAttestationId(id, report.requestId);
        if (postId == 0) revert IHubErrors.MissingPostId();
        if (report.contentHash == 0) revert IHubErrors.MissingContentHash(postId);
        if (report.creator == address(0)) revert IHubErrors.MissingCreator(postId);
        // Nothing to attest: a failure only answers somebody's request.
        if (report.outcome == Outcome.FAILED) revert IRuleErrors.InvalidOutcome(report.outcome);
        checkTime(report);
        if (report.reason != 0) revert IHubErrors.UnexpectedReason(report.outcome, report.reason);
    }

    /// @notice Reverts where the report claims to have seen what is still to come.
    function checkTime(PoCReport calldata report) internal view {
        if (report.observedAt > block.timestamp + MAX_CLOCK_SKEW) {
            revert IHubErrors.ObservedInFuture(report.requestId, report.observedAt);
        }
    }
}
