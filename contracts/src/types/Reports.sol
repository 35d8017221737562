// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice What the oracle's signers sign (EIP-712). The order of the fields is part of the type hash.
struct PoCReport {
    /// Request this report settles, or `attestationId(postId, contentHash)` when nobody asked.
    bytes32 requestId;
    bytes32 postId;
    /// SHA-256 of the media that was analysed.
    bytes32 contentHash;
    /// See `MediaType`.
    uint8 mediaType;
    /// See `Outcome`.
    uint8 outcome;
    /// Calibrated score of the best verified match, 0..10000, floored.
    uint16 similarityBps;
    /// Who posted the media: a wallet, or the escrow account of a creator without one.
    address creator;
    /// Who made the matched work; zero when nothing matched or its creator is unknown.
    address originalCreator;
    bytes32 originalPostId;
    /// Hash of the evidence a reader can open and check.
    bytes32 evidenceHash;
    /// Digest of the models and calibration that decided.
    bytes32 modelDigest;
    /// Digest of the index the media was compared with.
    bytes32 indexSnapshot;
    /// Policy version the decision was made under.
    uint64 configVersion;
    /// Why the analysis failed, see `FailureReason`; zero for every other outcome.
    uint8 reason;
    /// Unix time of the observation.
    uint64 observedAt;
    /// Unix time after which the report is void.
    uint64 validUntil;
    /// Epoch of the signer set.
    uint64 signerEpoch;
    /// Who has the fee of the request for delivering this; zero: whoever does so first.
    address transmitter;
}

/// @notice A report and how a signer signed it: alone, in a batch, or under a root.
struct SignedStatement {
    PoCReport report;
    bytes signature;
    /// Zero where the report was signed alone; else how many were in the batch.
    uint256 count;
    /// Unix time after which the batch's signature is void.
    uint64 validUntil;
    /// From the report's leaf to the batch's root.
    bytes32[] proof;
    /// Whether it was signed as a root (`IResultRoots.postRoot`).
    bool published;
}

/// @notice What a contract asks for.
struct VerificationRequest {
    /// The asker's own name for the post; the hub puts it into the asker's name space (`postIdOf`). The id of a post that is
    /// recorded, and whose requester or creator asks, stays what it is: that is a re-analysis.
    bytes32 postId;
    /// SHA-256 of the media; zero commits to nothing and accepts what the oracle finds at `uri`.
    bytes32 contentHash;
    uint8 mediaType;
    address creator;
    /// Contract to call back; zero for none.
    address consumer;
    /// Gas the callback gets, exactly.
    uint32 callbackGas;
    /// Signatures the answer needs; zero, and whatever is less, means the quorum.
    uint8 minSignatures;
    string uri;
    /// Opens a commitment made in an earlier block (`commit`); zero for none.
    bytes32 salt;
}

/// @notice A request as the hub keeps it. Packed into five slots.
struct RequestRecord {
    address requester;
    /// Unix time after which it can no longer be fulfilled and may be cancelled.
    uint40 deadline;
    uint32 callbackGas;
    uint8 mediaType;
    /// See `RequestStatus`.
    uint8 status;
    /// See `Outcome`; zero until settled.
    uint8 outcome;
    address consumer;
    uint96 feeWei;
    address creator;
    uint64 configVersion;
    /// See `CallbackStatus`.
    uint8 callbackStatus;
    /// Signatures the answer needs, where that is more than the quorum.
    uint8 minSignatures;
    /// Why it failed, see `FailureReason`.
    uint8 reason;
    /// Whether the post is in the name space of who asks, or of the platform whose key did.
    bool named;
    bytes32 postId;
    bytes32 contentHash;
}

/// @notice What a consumer is called back with.
struct VerificationResult {
    bytes32 postId;
    bytes32 contentHash;
    bytes32 originalPostId;
    bytes32 evidenceHash;
    address creator;
    uint64 configVersion;
    uint16 similarityBps;
    uint16 redirectBps;
    address originalCreator;
    uint8 mediaType;
    uint8 outcome;
    /// See `Tier`; zero when the outcome is Failed.
    uint8 tier;
}

/// @notice A post's standing, as read. What else its report said is in the event that announced it, and the commitment
/// proves it (`IPostRegistry.isOfReport`).
struct PostResult {
    /// Of the last report: the first 28 bytes of its EIP-712 struct hash.
    bytes28 commitment;
    uint32 configVersion;
    /// SHA-256 of the media; of an original that nobody asked for zero until somebody shows its report.
    bytes32 contentHash;
    bytes32 originalPostId;
    address creator;
    uint8 mediaType;
    uint8 outcome;
    /// See `Tier`.
    uint8 tier;
    /// See `PostStatus`. Stored provisional; reads give final once `finalAt` has passed.
    uint8 status;
    /// Who made the original; the beneficiary when the outcome is Derivative.
    address originalCreator;
    uint16 similarityBps;
    uint16 redirectBps;
    /// Share that waits until the result is final although it is no copy's: the post is undecided, or under review.
    uint16 heldBps;
    /// Who may ask for a re-analysis besides the creator.
    address requester;
    /// When the post first had a result on chain, or the root that published it; no later result moves it.
    uint40 firstRecordedAt;
    /// When the standing result was written; that of a first result is `firstRecordedAt`.
    uint40 recordedAt;
    uint40 finalAt;
    /// 1 for the first result, one more for each that followed.
    uint16 revision;
}

/// @notice A post's standing as kept: two slots for an original that nobody asked for, the others only where not zero.
struct Standing {
    address creator;
    // Seconds fit until 2106.
    uint32 firstRecordedAt;
    uint32 finalAt;
    uint16 similarityBps;
    // Media type in the upper half, outcome in the lower.
    uint8 kind;
    // See `StandingFlags`.
    uint8 flags;
    // ---- 224 bits of a hash: 112 of collision resistance
    bytes28 commitment;
    uint32 configVersion;
    // ---- flag MORE
    address originalCreator;
    uint16 redirectBps;
    uint16 heldBps;
    uint16 revision;
    uint40 recordedAt;
    // ---- flag SOURCE
    bytes32 originalPostId;
    // ---- flag CONTENT
    bytes32 contentHash;
    // ---- flag REQUESTER: another than the creator
    address requester;
}

/// @notice What somebody with the right to decide made of a post.
struct Ruling {
    /// Original, Derivative, SelfDuplicate or Licensed; see `Outcome`.
    uint8 outcome;
    /// Who made the original; zero unless the outcome is Derivative.
    address originalCreator;
    bytes32 originalPostId;
    bytes32 reasonHash;
    /// Whether the owner may still dispute it, in a window of its own.
    bool contestable;
}
