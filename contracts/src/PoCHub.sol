// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {HubRequests} from "./HubRequests.sol";
import {IPolicyErrors} from "./interfaces/IErrors.sol";
import {IOracleRegistry} from "./interfaces/IOracleRegistry.sol";
import {IPlatforms} from "./interfaces/IPlatforms.sol";
import {IPoCHub} from "./interfaces/IPoCHub.sol";
import {IPolicyRegistry} from "./interfaces/IPolicyRegistry.sol";
import {IPostRegistry} from "./interfaces/IPostRegistry.sol";
import {IVerificationConsumer} from "./interfaces/IVerificationConsumer.sol";
import {BoundedCall} from "./libraries/BoundedCall.sol";
import {PostIds} from "./libraries/PostIds.sol";
import {RedirectMath} from "./libraries/RedirectMath.sol";
import {ReportHash} from "./libraries/ReportHash.sol";
import {ReportRules} from "./libraries/ReportRules.sol";
import {ReportTree} from "./libraries/ReportTree.sol";
import {CallbackStatus, Outcome, RequestStatus} from "./types/Codes.sol";
import {PoCReport, RequestRecord, VerificationResult} from "./types/Reports.sol";

/// @title Requests and reports
/// @notice Takes requests for verification, accepts what a quorum of the oracle signed, tells the consumer.
/// @dev Effects first, strangers last: the result, the fee and the request's status are written before a consumer
/// is called, and what the consumer does cannot undo them.
contract PoCHub is HubRequests, IPolicyErrors, EIP712, ReentrancyGuardTransient {
    /// @notice Gas kept back to record a failed callback.
    uint256 public constant CALLBACK_RESERVE_GAS = 220_000;
    /// @notice How far ahead of the chain's clock an observation may be, in seconds.
    uint256 public constant MAX_CLOCK_SKEW = ReportRules.MAX_CLOCK_SKEW;

    bytes32 private constant BATCH_TYPEHASH =
        keccak256("ReportBatch(bytes32 root,uint256 count,uint64 validUntil,uint64 signerEpoch)");
    // Of its own: what is signed for a batch ends with it, what is under a root stays.
    bytes32 private constant ROOT_TYPEHASH =
        keccak256("ReportRoot(bytes32 root,uint256 count,uint64 validUntil,uint64 signerEpoch)");

    constructor() EIP712("CreativityOracle", "1") {}

    /// @notice Wires the hub.
    function initialize(
        address authority_,
        address oracles_,
        address policy_,
        address posts_,
        address platforms_
    ) external initializer {
        _requireAddress(authority_);
        _requireAddress(oracles_);
        _requireAddress(policy_);
        _requireAddress(posts_);
        _requireAddress(platforms_);
        __AccessManaged_init(authority_);
        HubState storage $ = _hub();
        $.oracles = IOracleRegistry(oracles_);
        $.policy = IPolicyRegistry(policy_);
        $.posts = IPostRegistry(posts_);
        $.platforms = IPlatforms(platforms_);
    }

    /// @inheritdoc IPoCHub
    function fulfill(PoCReport calldata report, bytes[] calldata signatures) external nonReentrant {
        _fulfill(report, signatures, msg.sender);
    }

    /// @inheritdoc IPoCHub
    function attest(PoCReport calldata report, bytes[] calldata signatures) external nonReentrant {
        _attest(report, signatures);
    }

    /// @inheritdoc IPoCHub
    function fulfillBatch(PoCReport[] calldata reports, bytes[][] calldata signatures)
        external
        nonReentrant
        returns (uint256 settled)
    {
        if (reports.length != signatures.length) {
            revert BatchLengthMismatch(reports.length, signatures.length);
        }
        for (uint256 i; i < reports.length; ++i) {
            // The reason is one of our own errors, never a consumer's data, so copying all of it is safe.
            try this.settleFromBatch(reports[i], signatures[i], msg.sender) {
                ++settled;
            } catch (bytes memory reason) {
                emit ReportSkipped(reports[i].requestId, reason);
            }
        }
    }

    /// @inheritdoc IPoCHub
    function attestBatch(
        PoCReport[] calldata reports,
        uint64 validUntil,
        uint64 signerEpoch,
        bytes[] calldata signatures
    ) external nonReentrant returns (uint256 recorded) {
        _requireBatchSigned(reports, validUntil, signerEpoch, signatures);
        address posts = address(_hub().posts);
        for (uint256 i; i < reports.length; ++i) {
            PoCReport calldata report = reports[i];
            // The call that `_attest` makes: one that is refused fails alone.
            (bool ok, bytes memory reason) =
                ReportHash.forward(report, posts, IPostRegistry.recordAttestation.selector);
            if (ok) ++recorded;
            else emit ReportSkipped(report.requestId, reason);
        }
    }

    /// @notice One step of `fulfillBatch`, in a call of its own so that it can fail alone.
    function settleFromBatch(PoCReport calldata report, bytes[] calldata signatures, address transmitter)
        external
    {
        if (msg.sender != address(this)) revert OnlySelf(msg.sender);
        if (report.requestId == PostIds.attestation(address(this), report.postId, report.contentHash)) {
            _attest(report, signatures);
        } else {
            _fulfill(report, signatures, transmitter);
        }
    }

    /// @inheritdoc IPoCHub
    function retryCallback(bytes32 requestId) external nonReentrant returns (bool delivered) {
        HubState storage $ = _hub();
        RequestRecord storage kept = $.requests[requestId];
        if (kept.callbackStatus != CallbackStatus.FAILED) {
            revert CallbackNotRetryable(requestId, kept.callbackStatus);
        }
        VerificationResult memory result = $.undelivered[requestId];
        delivered = _callBack(requestId, kept.consumer, kept.callbackGas, result);
        if (delivered) {
            kept.callbackStatus = CallbackStatus.DELIVERED;
            delete $.undelivered[requestId];
        }
    }

    /// @inheritdoc IPoCHub
    function withdraw(address payable to) external returns (uint256 amountWei) {
        _requireAddress(to);
        HubState storage $ = _hub();
        amountWei = $.claimable[msg.sender];
        if (amountWei == 0) revert NothingToWithdraw(msg.sender);
        $.claimable[msg.sender] = 0;
        emit Withdrawn(msg.sender, to, amountWei);
        (bool sent,) = to.call{value: amountWei}("");
        if (!sent) revert WithdrawalRefused(to);
    }

    /// @inheritdoc IPoCHub
    function getRequest(bytes32 requestId) external view returns (RequestRecord memory) {
        return _hub().requests[requestId];
    }

    /// @inheritdoc IPoCHub
    function hashReport(PoCReport calldata report) public view returns (bytes32) {
        return _hashTypedDataV4(ReportHash.hash(report));
    }

    /// @inheritdoc IPoCHub
    function hashObservation(PoCReport calldata report) external view returns (bytes32) {
        return _hashTypedDataV4(ReportHash.observation(report));
    }

    /// @inheritdoc IPoCHub
    function hashBatch(bytes32 root, uint256 count, uint64 validUntil, uint64 signerEpoch)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(keccak256(abi.encode(BATCH_TYPEHASH, root, count, validUntil, signerEpoch)));
    }

    /// @inheritdoc IPoCHub
    function hashRoot(bytes32 root, uint256 count, uint64 validUntil, uint64 signerEpoch)
        external
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(keccak256(abi.encode(ROOT_TYPEHASH, root, count, validUntil, signerEpoch)));
    }

    /// @inheritdoc IPoCHub
    function attestationId(bytes32 postId, bytes32 contentHash) external view returns (bytes32) {
        return PostIds.attestation(address(this), postId, contentHash);
    }

    /// @inheritdoc IPoCHub
    function claimable(address account) external view returns (uint256) {
        return _hub().claimable[account];
    }

    /// @inheritdoc IPoCHub
    function fee() external view returns (uint96 feeWei) {
        (, feeWei,,) = _hub().policy.requestTerms();
    }

    /// @inheritdoc IPoCHub
    function feeFor(uint32 callbackGas) external view returns (uint256) {
        (, uint96 feeWei,, uint64 gasWei) = _hub().policy.requestTerms();
        return feeWei + uint256(callbackGas) * gasWei;
    }

    /// @inheritdoc IPoCHub
    function requestTimeout() external view returns (uint32 timeout) {
        (,, timeout,) = _hub().policy.requestTerms();
    }

    /// @inheritdoc IPoCHub
    function requestCount() external view returns (uint64) {
        return _hub().requestCount;
    }

    /// @inheritdoc IPoCHub
    function platforms() external view returns (address) {
        return address(_hub().platforms);
    }

    /// @inheritdoc IPoCHub
    function modules() external view returns (address oracles, address policy, address posts) {
        HubState storage $ = _hub();
        return (address($.oracles), address($.policy), address($.posts));
    }

    function _fulfill(PoCReport calldata report, bytes[] calldata signatures, address transmitter) private {
        HubState storage $ = _hub();
        bytes32 requestId = report.requestId;
        RequestRecord storage kept = $.requests[requestId];
        if (kept.status != RequestStatus.PENDING) revert RequestNotPending(requestId, kept.status);
        if (block.timestamp > kept.deadline) revert RequestExpired(requestId, kept.deadline);
        _requireSigned(report, signatures);
        // The quorum's signers were counted once each; a request may want more of them than the quorum.
        if (signatures.length < kept.minSignatures) {
            revert QuorumNotMet(kept.minSignatures, signatures.length);
        }
        _requireAnswers(report, kept);

        kept.status = RequestStatus.FULFILLED;
        kept.outcome = report.outcome;
        kept.reason = report.reason;
        _closeRequest(requestId, kept.requester);
        if (kept.feeWei != 0) {
            // Named under the quorum's signature, so that who copies the transaction earns nothing.
            address payee = report.transmitter == address(0) ? transmitter : report.transmitter;
            $.claimable[payee] += kept.feeWei;
            emit FeePaid(requestId, payee, kept.feeWei);
        }
        (uint8 tier, uint16 redirectBps) = _settle(report, kept);
        if (kept.consumer != address(0)) _deliver(report, tier, redirectBps);
    }

    function _attest(PoCReport calldata report, bytes[] calldata signatures) private {
        _hub().oracles.requireQuorum(hashReport(report), report.signerEpoch, signatures);
        _hub().posts.recordAttestation(report);
    }

    /// @dev A failed analysis settles the request and leaves the post as it is.
    function _settle(PoCReport calldata report, RequestRecord storage kept)
        private
        returns (uint8 tier, uint16 redirectBps)
    {
        if (report.outcome != Outcome.FAILED) {
            (tier, redirectBps) = _hub().posts.record(report, kept.requester, kept.named);
        } else {
            emit VerificationFailed(report.requestId, report.postId, report.reason);
        }
        emit VerificationFulfilled(
            report.requestId,
            report.postId,
            report.outcome,
            report.similarityBps,
            redirectBps,
            report.originalCreator,
            report.evidenceHash
        );
    }

    function _deliver(PoCReport calldata report, uint8 tier, uint16 redirectBps) private {
        HubState storage $ = _hub();
        RequestRecord storage kept = $.requests[report.requestId];
        VerificationResult memory result = VerificationResult({
            postId: report.postId,
            contentHash: report.contentHash,
            originalPostId: report.originalPostId,
            evidenceHash: report.evidenceHash,
            creator: report.creator,
            configVersion: report.configVersion,
            similarityBps: report.similarityBps,
            redirectBps: redirectBps,
            originalCreator: report.originalCreator,
            mediaType: report.mediaType,
            outcome: report.outcome,
            tier: tier
        });
        if (_callBack(report.requestId, kept.consumer, kept.callbackGas, result)) {
            kept.callbackStatus = CallbackStatus.DELIVERED;
        } else {
            // Kept whole: by the time somebody retries, the post may have a later result.
            kept.callbackStatus = CallbackStatus.FAILED;
            $.undelivered[report.requestId] = result;
        }
    }

    /// @dev Writing `callbackStatus` after this call is safe: every function that reads it is nonReentrant.
    function _callBack(
        bytes32 requestId,
        address consumer,
        uint256 gasLimit,
        VerificationResult memory result
    ) private returns (bool delivered) {
        bytes memory data = abi.encodeCall(IVerificationConsumer.onVerification, (requestId, result));
        (bool ok, bytes memory returned) =
            BoundedCall.callExact(consumer, data, gasLimit, CALLBACK_RESERVE_GAS);
        delivered = ok && returned.length == 32
            && bytes32(returned) == bytes32(IVerificationConsumer.onVerification.selector);
        if (delivered) emit CallbackDelivered(requestId, consumer);
        else emit CallbackFailed(requestId, consumer, returned);
    }

    function _requireSigned(PoCReport calldata report, bytes[] calldata signatures) private view {
        _hub().oracles.requireQuorum(hashReport(report), report.signerEpoch, signatures);
        if (block.timestamp > report.validUntil) revert ReportExpired(report.requestId, report.validUntil);
        if (report.reason != 0 && report.outcome != Outcome.FAILED) {
            revert UnexpectedReason(report.outcome, report.reason);
        }
        ReportRules.checkTime(report);
    }

    function _requireBatchSigned(
        PoCReport[] calldata reports,
        uint64 validUntil,
        uint64 signerEpoch,
        bytes[] calldata signatures
    ) private view {
        uint256 n = reports.length;
        if (n == 0) revert EmptyBatch();
        if (block.timestamp > validUntil) revert ReportExpired(0, validUntil);
        bytes32[] memory leaves = new bytes32[](n);
        for (uint256 i; i < n; ++i) {
            // Two words are compared within an epoch: another's would be no proof (`reportBatchEquivocation`).
            if (reports[i].signerEpoch != signerEpoch) {
                revert StaleSignerEpoch(reports[i].signerEpoch, signerEpoch);
            }
            leaves[i] = ReportTree.leafOf(reports[i]);
        }
        bytes32 digest = hashBatch(ReportTree.rootOf(leaves), n, validUntil, signerEpoch);
        _hub().oracles.requireQuorum(digest, signerEpoch, signatures);
    }

    function _requireAnswers(PoCReport calldata report, RequestRecord storage kept) private view {
        if (!Outcome.isValid(report.outcome)) revert InvalidOutcome(report.outcome);
        if (report.similarityBps > RedirectMath.BPS) revert SimilarityOutOfRange(report.similarityBps);
        if (report.postId != kept.postId) revert PostIdMismatch(kept.postId, report.postId);
        if (report.mediaType != kept.mediaType) revert MediaTypeMismatch(kept.mediaType, report.mediaType);
        if (report.creator != kept.creator) revert CreatorMismatch(kept.creator, report.creator);
        if (report.configVersion != kept.configVersion) {
            revert ConfigVersionMismatch(kept.configVersion, report.configVersion);
        }
        // What could not be fetched has no hash to compare.
        bytes32 committed = kept.contentHash;
        if (committed != 0 && report.outcome != Outcome.FAILED && report.contentHash != committed) {
            revert ContentHashMismatch(committed, report.contentHash);
        }
    }
}
