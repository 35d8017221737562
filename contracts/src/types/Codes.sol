// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

// Numbers, not Solidity enums: an enum out of range fails while decoding, with no data, and the caller
// never learns which field was wrong. A number can be refused with an error that names it.

/// @notice Kinds of media a report can be about.
library MediaType {
    uint8 internal constant IMAGE = 1;
    uint8 internal constant VIDEO = 2;
    uint8 internal constant AUDIO = 3;

    /// @notice Whether `value` is one of the three kinds.
    function isValid(uint8 value) internal pure returns (bool) {
        return value >= IMAGE && value <= AUDIO;
    }
}

/// @notice What an analysis concluded.
library Outcome {
    uint8 internal constant NONE = 0;
    uint8 internal constant ORIGINAL = 1;
    uint8 internal constant DERIVATIVE = 2;
    uint8 internal constant SELF_DUPLICATE = 3;
    uint8 internal constant LICENSED = 4;
    /// @dev Too short, too plain, stale index, or a match whose creator is unknown. No badge, no redirect.
    uint8 internal constant NEEDS_REVIEW = 5;
    /// @dev The media could not be fetched or decoded. Settles the request, never touches the post.
    uint8 internal constant FAILED = 6;
    /// @dev What it shares with an earlier post comes from a source that nobody owns. Paid as original, without a badge.
    uint8 internal constant SHARED_SOURCE = 7;

    /// @notice Whether `value` is an outcome a report may carry.
    function isValid(uint8 value) internal pure returns (bool) {
        return value >= ORIGINAL && value <= SHARED_SOURCE;
    }
}

/// @notice Why an analysis failed.
library FailureReason {
    /// @dev Not given.
    uint8 internal constant NONE = 0;
    uint8 internal constant NOT_FOUND = 1;
    uint8 internal constant UNREACHABLE = 2;
    uint8 internal constant TOO_LARGE = 3;
    uint8 internal constant UNSUPPORTED = 4;
    uint8 internal constant UNDECODABLE = 5;
    /// @dev What was found is not the content that was committed to.
    uint8 internal constant OTHER_CONTENT = 6;
    uint8 internal constant TIMED_OUT = 7;
}

/// @notice How close the best verified match is, a field apart from the outcome.
library Tier {
    uint8 internal constant LOW = 1;
    uint8 internal constant MEDIUM = 2;
    uint8 internal constant HIGH = 3;
}

/// @notice Engagement grades; only A and B earn a bonus.
library Grade {
    uint8 internal constant A = 1;
    uint8 internal constant B = 2;
    uint8 internal constant C = 3;
    uint8 internal constant D = 4;
    uint8 internal constant F = 5;
}

/// @notice Life of a verification request.
library RequestStatus {
    uint8 internal constant NONE = 0;
    uint8 internal constant PENDING = 1;
    uint8 internal constant FULFILLED = 2;
    uint8 internal constant CANCELLED = 3;
}

/// @notice What became of a consumer's callback.
library CallbackStatus {
    /// @dev The request named no consumer, or is not settled yet.
    uint8 internal constant NONE = 0;
    uint8 internal constant DELIVERED = 1;
    uint8 internal constant FAILED = 2;
}

/// @notice Standing of a post's result.
library PostStatus {
    uint8 internal constant NONE = 0;
    /// @dev Recorded, and the window in which it can be contested is still open.
    uint8 internal constant PROVISIONAL = 1;
    uint8 internal constant FINAL = 2;
    uint8 internal constant DISPUTED = 3;
}

/// @notice Last byte of a standing's first slot: its status in the lowest two bits, and what else there is to read.
library StandingFlags {
    uint8 internal constant STATUS = 3;
    /// @dev A redirect, a held share, or a later revision.
    uint8 internal constant MORE = 4;
    uint8 internal constant SOURCE = 8;
    uint8 internal constant CONTENT = 16;
    uint8 internal constant REQUESTER = 32;
    /// @dev Decided by people: no report overwrites it. Whether it can still be disputed is the window's to say.
    uint8 internal constant RULED = 64;
    /// @dev Nobody asked. Who owns the name space of its id may still say whose post it is.
    uint8 internal constant ATTESTED = 128;
}

/// @notice Kinds of what a post earns.
library Revenue {
    uint8 internal constant TIP = 1;
    uint8 internal constant COMMENT_TIP = 2;
    uint8 internal constant REPOST_TIP = 3;
    uint8 internal constant TRADE_FEE = 4;
    uint8 internal constant EARNINGS = 5;
}

/// @notice Life of a fraud freeze.
library FreezeStatus {
    uint8 internal constant NONE = 0;
    uint8 internal constant FROZEN = 1;
    uint8 internal constant APPEALED = 2;
    uint8 internal constant UPHELD = 3;
    uint8 internal constant RELEASED = 4;
    /// @dev Never stored: the end date passed.
    uint8 internal constant EXPIRED = 5;
}

/// @notice Life of a claim or a correction.
library CaseStatus {
    uint8 internal constant NONE = 0;
    uint8 internal constant OPEN = 1;
    uint8 internal constant UPHELD = 2;
    uint8 internal constant REJECTED = 3;
    /// @dev Nobody decided in time.
    uint8 internal constant LAPSED = 4;
}

/// @notice Life of a dispute.
library DisputeStatus {
    uint8 internal constant NONE = 0;
    /// @dev Waiting for a ruling.
    uint8 internal constant OPEN = 1;
    /// @dev Ruled; the side that lost may go on.
    uint8 internal constant RULED = 2;
    uint8 internal constant CLOSED = 3;
}
