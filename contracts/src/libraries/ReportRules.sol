// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IRuleErrors} from "../interfaces/IErrors.sol";
import {Outcome} from "../types/Codes.sol";
import {PoCReport} from "../types/Reports.sol";
import {RedirectMath} from "./RedirectMath.sol";

/// @title What a report may say
/// @notice A quorum signs facts; it cannot sign a conclusion that the policy it names rules out.
library ReportRules {
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
        } else if (outcome == Outcome.ORIGINAL) {
            bool another = report.originalCreator != address(0) && report.originalCreator != report.creator;
            if (above && another) {
                revert IRuleErrors.OutcomeContradictsPolicy(outcome, similarity, thresholdBps);
            }
        }
    }
}
