// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IRuleErrors} from "../interfaces/IErrors.sol";
import {Grade, Outcome, Tier} from "../types/Codes.sol";

/// @title Rules that move money
/// @notice The only place with the formulas: integers in basis points, one floor division per result.
/// @dev Arguments are checked in the order threshold, similarity, base, so that a mirror can tell which error
/// comes first when several would.
library RedirectMath {
    uint256 internal constant BPS = 10_000;
    uint256 internal constant HIGH_BPS = 9_000;
    uint256 internal constant MEDIUM_BPS = 7_000;
    uint256 internal constant BONUS_A_BPS = 2_000;
    uint256 internal constant BONUS_B_BPS = 1_000;
    uint256 internal constant COMMENTER_BPS = 8_000;
    uint256 internal constant REPOSTER_BPS = 5_000;
    uint256 internal constant TRADE_CREATOR_BPS = 100;
    uint256 internal constant TRADE_PLATFORM_BPS = 25;
    uint256 internal constant TRADE_ECOSYSTEM_BPS = 25;

    /// @notice high from 9000, medium from 7000, else low.
    function tier(uint256 similarityBps) internal pure returns (uint8) {
        if (similarityBps > BPS) revert IRuleErrors.SimilarityOutOfRange(similarityBps);
        if (similarityBps >= HIGH_BPS) return Tier.HIGH;
        return similarityBps >= MEDIUM_BPS ? Tier.MEDIUM : Tier.LOW;
    }

    /// @notice Share of revenue that goes to the original's creator: base * (s - t) / (10000 - t) for s >= t, else 0.
    function redirectBps(uint256 similarityBps, uint256 thresholdBps, uint256 baseBps)
        internal
        pure
        returns (uint16)
    {
        if (thresholdBps >= BPS) revert IRuleErrors.InvalidThreshold(thresholdBps);
        if (similarityBps > BPS) revert IRuleErrors.SimilarityOutOfRange(similarityBps);
        if (baseBps > BPS) revert IRuleErrors.InvalidBase(baseBps);
        if (similarityBps < thresholdBps) return 0;
        // At most base <= 10000, so the cast is safe and the product cannot overflow.
        return uint16((baseBps * (similarityBps - thresholdBps)) / (BPS - thresholdBps));
    }

    /// @notice Bonus on base pay: A 2000, B 1000, else 0; halved unless the work counts as original.
    /// @dev The basis points are halved, not the money, so that there is one floor. Licensed, needs-review and
    /// failed analyses count as original: undecided is paid as original until decided.
    function bonusBps(uint8 grade, uint8 outcome) internal pure returns (uint16) {
        if (grade < Grade.A || grade > Grade.F) revert IRuleErrors.InvalidGrade(grade);
        if (!Outcome.isValid(outcome)) revert IRuleErrors.InvalidOutcome(outcome);
        if (grade > Grade.B) return 0;
        uint256 full = grade == Grade.A ? BONUS_A_BPS : BONUS_B_BPS;
        bool copied = outcome == Outcome.DERIVATIVE || outcome == Outcome.SELF_DUPLICATE;
        return uint16(copied ? full / 2 : full);
    }

    /// @notice Base pay and its bonus together.
    function payWithBonus(uint256 basePay, uint8 grade, uint8 outcome) internal pure returns (uint256) {
        return basePay + share(basePay, bonusBps(grade, outcome));
    }

    /// @notice Split of what a post earns. Dust stays with the poster: the accused is never over-charged.
    function splitRedirect(uint256 amount, uint256 redirect)
        internal
        pure
        returns (uint256 toOriginal, uint256 toPoster)
    {
        if (redirect > BPS) revert IRuleErrors.InvalidRedirect(redirect);
        toOriginal = share(amount, redirect);
        toPoster = amount - toOriginal;
    }

    /// @notice Split of a tip on a comment, before any redirect: 80 % commenter, the rest post owner.
    function splitCommentTip(uint256 amount)
        internal
        pure
        returns (uint256 toCommenter, uint256 toPostOwner)
    {
        toCommenter = share(amount, COMMENTER_BPS);
        toPostOwner = amount - toCommenter;
    }

    /// @notice Split of a tip on a repost, before any redirect: half the reposter, the rest post owner.
    function splitRepostTip(uint256 amount) internal pure returns (uint256 toReposter, uint256 toPostOwner) {
        toReposter = share(amount, REPOSTER_BPS);
        toPostOwner = amount - toReposter;
    }

    /// @notice Fees of a token trade: 1 % creator, 0.25 % platform, 0.25 % ecosystem, each floored.
    function tradeFees(uint256 amount)
        internal
        pure
        returns (uint256 creatorFee, uint256 platformFee, uint256 ecosystemFee)
    {
        creatorFee = share(amount, TRADE_CREATOR_BPS);
        platformFee = share(amount, TRADE_PLATFORM_BPS);
        ecosystemFee = share(amount, TRADE_ECOSYSTEM_BPS);
    }

    /// @notice amount * bps / 10000, floored, without overflow for any amount.
    function share(uint256 amount, uint256 bps) internal pure returns (uint256) {
        return Math.mulDiv(amount, bps, BPS);
    }
}
