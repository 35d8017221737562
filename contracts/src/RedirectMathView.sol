// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IRuleErrors} from "./interfaces/IErrors.sol";
import {RedirectMath} from "./libraries/RedirectMath.sol";

/// @title Window onto the rules
/// @notice Lets anybody, the oracle's own tests first, ask the deployed rules. Holds no state.
contract RedirectMathView is IRuleErrors {
    /// @notice Tier of a similarity.
    /// @param similarityBps 0..10000.
    /// @return 1 low, 2 medium, 3 high.
    function tier(uint256 similarityBps) external pure returns (uint8) {
        return RedirectMath.tier(similarityBps);
    }

    /// @notice Redirect for a similarity under a policy.
    /// @param similarityBps 0..10000.
    /// @param thresholdBps 0..9999.
    /// @param baseBps 0..10000.
    function redirectBps(uint256 similarityBps, uint256 thresholdBps, uint256 baseBps)
        external
        pure
        returns (uint16)
    {
        return RedirectMath.redirectBps(similarityBps, thresholdBps, baseBps);
    }

    /// @notice Bonus on base pay, in basis points.
    /// @param grade 1 (A) to 5 (F).
    /// @param outcome See `Outcome`.
    function bonusBps(uint8 grade, uint8 outcome) external pure returns (uint16) {
        return RedirectMath.bonusBps(grade, outcome);
    }

    /// @notice Base pay and its bonus together.
    function payWithBonus(uint256 basePay, uint8 grade, uint8 outcome) external pure returns (uint256) {
        return RedirectMath.payWithBonus(basePay, grade, outcome);
    }

    /// @notice Split of what a post earns.
    function splitRedirect(uint256 amount, uint256 redirect)
        external
        pure
        returns (uint256 toOriginal, uint256 toPoster)
    {
        return RedirectMath.splitRedirect(amount, redirect);
    }

    /// @notice Split of a tip on a comment, before any redirect.
    function splitCommentTip(uint256 amount)
        external
        pure
        returns (uint256 toCommenter, uint256 toPostOwner)
    {
        return RedirectMath.splitCommentTip(amount);
    }

    /// @notice Split of a tip on a repost, before any redirect.
    function splitRepostTip(uint256 amount) external pure returns (uint256 toReposter, uint256 toPostOwner) {
        return RedirectMath.splitRepostTip(amount);
    }

    /// @notice Fees of a token trade.
    function tradeFees(uint256 amount)
        external
        pure
        returns (uint256 creatorFee, uint256 platformFee, uint256 ecosystemFee)
    {
        return RedirectMath.tradeFees(amount);
    }
}
