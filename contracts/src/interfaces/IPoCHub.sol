// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Authorisation} from "./IPlatforms.sol";
import {PoCReport, RequestRecord, VerificationRequest} from "../types/Reports.sol";

/// @title Requests and reports
interface IPoCHub {
    /// @notice Somebody wants a post verified. `seq` counts from 1 without gaps, so a missed event shows.
    /// @param minSignatures Signatures the answer needs where that is more than the quorum; else less or zero.
    event VerificationRequested(
        bytes32 indexed requestId,
        bytes32 indexed postId,
        address indexed requester,
        uint64 seq,
        bytes32 contentHash,
        uint8 mediaType,
        address creator,
        uint64 configVersion,
        uint64 deadline,
        uint8 minSignatures,
        string uri
    );
    /// @notice Somebody put down in this block that they have a work, and not yet which.
    event Committed(bytes32 indexed commitment, address indexed by);
    /// @notice The request's content was committed to in an earlier block, which is its place among claims to it.
    event CommitmentOpened(bytes32 indexed requestId, bytes32 indexed commitment, uint64 blockNumber);
    /// @notice A report was accepted.
    event VerificationFulfilled(
        bytes32 indexed requestId,
        bytes32 indexed postId,
        uint8 outcome,
        uint16 similarityBps,
        uint16 redirectBps,
        address originalCreator,
        bytes32 evidenceHash
    );
    /// @notice The analysis behind a report failed, and why (see `FailureReason`). The asker may ask again.
    event VerificationFailed(bytes32 indexed requestId, bytes32 indexed postId, uint8 reason);
    /// @notice The consumer took the result.
    event CallbackDelivered(bytes32 indexed requestId, address indexed consumer);
    /// @notice The consumer did not take the result; `retryCallback` tries again.
    /// @param returned At most 256 bytes of what it returned or reverted with.
    event CallbackFailed(bytes32 indexed requestId, address indexed consumer, bytes returned);
    /// @notice The request expired and its fee went back.
    event RequestCancelled(bytes32 indexed requestId, address indexed requester, uint256 refundWei);
    /// @notice One report of a batch was refused; the rest went on.
    event ReportSkipped(bytes32 indexed requestId, bytes reason);
    /// @notice A request's fee came in, and waits with it.
    event FeeHeld(bytes32 indexed requestId, address indexed by, uint256 amountWei);
    /// @notice A request's fee found its owner.
    event FeePaid(bytes32 indexed requestId, address indexed to, uint256 amountWei);
    /// @notice Money left the hub.
    event Withdrawn(address indexed account, address indexed to, uint256 amountWei);

    /// @notice Puts down `commitmentOf` a later request. A request that shows its content's hash can be copied while it
    /// is pending; one that opens a commitment of an earlier block cannot be forestalled.
    function commit(bytes32 commitment) external;

    /// @notice What `commit` takes: only `requester` can open it, for this creator and content.
    /// @param salt Secret until the request; not zero.
    function commitmentOf(address requester, address creator, bytes32 contentHash, bytes32 salt)
        external
        view
        returns (bytes32);

    /// @notice Asks for a post to be verified. Send exactly `feeFor(callbackGas)`, or `fee()` where no consumer is named.
    function requestVerification(VerificationRequest calldata request)
        external
        payable
        returns (bytes32 requestId);

    /// @notice Asks for a post in a platform's name space, as one of its keys or with a signature of one. The platform's fee
    /// account stands for the requester: it is refunded, and may ask again.
    function requestFor(bytes32 platformId, VerificationRequest calldata request, Authorisation calldata by)
        external
        payable
        returns (bytes32 requestId);

    /// @notice Id of a post by the name that its platform or contract gave it.
    /// @param namespace A platform's id, or the asking contract's address, left-padded.
    function postIdOf(bytes32 namespace, bytes32 name) external view returns (bytes32);

    /// @notice Asks for a second look at a recorded post, free and under the policy it was decided under. Only the
    /// disputes contract may; the answer goes to it and not to the post.
    /// @param minSignatures More than the quorum, so that other signers than the first time must agree.
    /// @param callbackGas Gas the disputes contract gets with the answer.
    /// @return requestId Announced like any request, with an empty URI: the media is found by its content hash.
    /// @return deadline Unix time after which no answer is taken.
    function requestReview(bytes32 postId, uint8 minSignatures, uint32 callbackGas)
        external
        returns (bytes32 requestId, uint40 deadline);

    /// @notice Settles a request. Anyone may transmit a report that a quorum signed; the fee goes to the transmitter it
    /// names.
    function fulfill(PoCReport calldata report, bytes[] calldata signatures) external;

    /// @notice Records a report that nobody requested on chain, once per post and content.
    function attest(PoCReport calldata report, bytes[] calldata signatures) external;

    /// @notice Settles many reports, requests and attestations mixed; a bad one is skipped with an event.
    /// @return settled How many were accepted.
    function fulfillBatch(PoCReport[] calldata reports, bytes[][] calldata signatures)
        external
        returns (uint256 settled);

    /// @notice Records many reports that nobody asked for, of which a quorum signed one hash. One that is refused is skipped
    /// with an event; wrong signatures refuse all.
    /// @param validUntil Unix time after which the signatures are void.
    /// @param signatures Of `hashBatch` of `ReportTree`'s root over the reports in this order, as for one report.
    /// @return recorded How many were accepted.
    function attestBatch(
        PoCReport[] calldata reports,
        uint64 validUntil,
        uint64 signerEpoch,
        bytes[] calldata signatures
    ) external returns (uint256 recorded);

    /// @notice Tries a failed callback again. Anyone may.
    /// @return delivered Whether the consumer took it this time.
    function retryCallback(bytes32 requestId) external returns (bool delivered);

    /// @notice Cancels an expired request and credits its fee to the requester. Anyone may.
    function cancelRequest(bytes32 requestId) external;

    /// @notice Sends all that the caller may claim.
    /// @return amountWei What was sent.
    function withdraw(address payable to) external returns (uint256 amountWei);

    /// @notice The request as kept; all zero if unknown.
    function getRequest(bytes32 requestId) external view returns (RequestRecord memory);

    /// @notice EIP-712 digest that the signers sign.
    function hashReport(PoCReport calldata report) external view returns (bytes32);

    /// @notice EIP-712 digest of what one signer saw before the quorum agreed; `validUntil` is no part of it.
    function hashObservation(PoCReport calldata report) external view returns (bytes32);

    /// @notice EIP-712 digest that the signers sign over a tree of reports, for `attestBatch`.
    function hashBatch(bytes32 root, uint256 count, uint64 validUntil, uint64 signerEpoch)
        external
        view
        returns (bytes32);

    /// @notice EIP-712 digest that the signers sign over a tree of reports, for `IResultRoots.postRoot`.
    function hashRoot(bytes32 root, uint256 count, uint64 validUntil, uint64 signerEpoch)
        external
        view
        returns (bytes32);

    /// @notice Id of the attestation of a post and content.
    function attestationId(bytes32 postId, bytes32 contentHash) external view returns (bytes32);

    /// @notice What an account may withdraw, in wei.
    function claimable(address account) external view returns (uint256);

    /// @notice Fee of a request made now, in wei.
    function fee() external view returns (uint96);

    /// @notice Fee of a request made now whose consumer gets so much gas, in wei.
    function feeFor(uint32 callbackGas) external view returns (uint256);

    /// @notice Seconds a request made now stays open.
    function requestTimeout() external view returns (uint32);

    /// @notice Requests made so far; the `seq` of the latest.
    function requestCount() external view returns (uint64);

    /// @notice Where platforms are registered.
    function platforms() external view returns (address);

    /// @notice Contracts the hub works with.
    function modules() external view returns (address oracles, address policy, address posts);
}
