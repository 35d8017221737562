// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {HubStorage} from "./HubStorage.sol";
import {RequestLimits} from "./RequestLimits.sol";
import {IHubErrors, IPostErrors, IQuorumErrors, IRuleErrors} from "./interfaces/IErrors.sol";
import {Authorisation} from "./interfaces/IPlatforms.sol";
import {IPoCHub} from "./interfaces/IPoCHub.sol";
import {PostIds} from "./libraries/PostIds.sol";
import {MediaType, RequestStatus} from "./types/Codes.sol";
import {PostResult, RequestRecord, VerificationRequest} from "./types/Reports.sol";

/// @title Asking
/// @notice How requests come into the hub, and how they leave it unanswered.
abstract contract HubRequests is
    IPoCHub,
    IHubErrors,
    IPostErrors,
    IQuorumErrors,
    IRuleErrors,
    RequestLimits,
    HubStorage
{
    /// @notice Longest URI, in bytes.
    uint256 public constant MAX_URI_BYTES = 2_048;
    /// @notice Most gas a callback can ask for.
    uint32 public constant MAX_CALLBACK_GAS = 300_000;

    /// @inheritdoc IPoCHub
    function requestVerification(VerificationRequest calldata request)
        external
        payable
        returns (bytes32 requestId)
    {
        bytes32 self = bytes32(uint256(uint160(msg.sender)));
        if (_hub().posts.mayAskAgain(request.postId, msg.sender)) {
            return _request(request, request.postId, msg.sender, self);
        }
        requestId = _request(request, postIdOf(self, request.postId), msg.sender, self);
        _hub().requests[requestId].named = true;
    }

    /// @inheritdoc IPoCHub
    function requestFor(bytes32 platformId, VerificationRequest calldata request, Authorisation calldata by)
        external
        payable
        returns (bytes32 requestId)
    {
        address purse = _hub().platforms
            .requireAuthorised(
                platformId, request.postId, request.contentHash, request.creator, msg.sender, by
            );
        // What it asks is a second look, and changes no post.
        if (_hub().posts.mayReview(purse)) revert UnauthorizedDisputes(purse);
        requestId = _request(request, postIdOf(platformId, request.postId), purse, platformId);
        _countFor(requestId, platformId);
        _hub().requests[requestId].named = true;
    }

    /// @inheritdoc IPoCHub
    function postIdOf(bytes32 namespace, bytes32 name) public view returns (bytes32) {
        return PostIds.named(address(this), namespace, name);
    }

    function _request(
        VerificationRequest calldata request,
        bytes32 postId,
        address requester,
        bytes32 namespace
    ) private returns (bytes32 requestId) {
        (uint64 version, uint96 feeWei, uint32 timeout, uint64 gasWei) = _hub().policy.requestTerms();
        // Whoever wants to be called pays for it, whether the callback succeeds or burns all it was given.
        uint256 due = feeWei + (request.consumer == address(0) ? 0 : uint256(request.callbackGas) * gasWei);
        if (msg.value != due) revert IncorrectFee(due, msg.value);
        _requireWellFormed(request);
        _requireSigners(request.minSignatures);
        _openRequest(namespace);
        VerificationRequest memory named = request;
        named.postId = postId;
        (requestId,) = _keep(named, requester, version, timeout);
        if (request.salt != 0) _open(requestId, request);
    }

    /// @inheritdoc IPoCHub
    function commit(bytes32 commitment) external {
        // The first one counts; a copy of it opens for nobody but its maker.
        if (_hub().commitments[commitment] != 0) return;
        _hub().commitments[commitment] = uint64(block.number);
        emit Committed(commitment, msg.sender);
    }

    /// @inheritdoc IPoCHub
    function commitmentOf(address requester, address creator, bytes32 contentHash, bytes32 salt)
        public
        view
        returns (bytes32)
    {
        return keccak256(abi.encode(block.chainid, address(this), requester, creator, contentHash, salt));
    }

    /// @inheritdoc IPoCHub
    /// @dev Neither pause nor cap stops it: the clock of a dispute runs. One for each dispute, so they are bounded.
    function requestReview(bytes32 postId, uint8 minSignatures, uint32 callbackGas)
        external
        returns (bytes32 requestId, uint40 deadline)
    {
        HubState storage $ = _hub();
        if (msg.sender != $.posts.disputes()) revert UnauthorizedDisputes(msg.sender);
        PostResult memory result = $.posts.resultOf(postId);
        if (result.revision == 0) revert UnknownPost(postId);
        if (result.contentHash == 0) revert NothingToVerify(postId);
        if (callbackGas > MAX_CALLBACK_GAS) revert CallbackGasTooHigh(callbackGas, MAX_CALLBACK_GAS);
        _requireSigners(minSignatures);
        VerificationRequest memory request = VerificationRequest({
            postId: postId,
            contentHash: result.contentHash,
            mediaType: result.mediaType,
            creator: result.creator,
            consumer: msg.sender,
            callbackGas: callbackGas,
            minSignatures: minSignatures,
            uri: "",
            salt: 0
        });
        (,, uint32 timeout,) = $.policy.requestTerms();
        return _keep(request, msg.sender, result.configVersion, timeout);
    }

    /// @inheritdoc IPoCHub
    function cancelRequest(bytes32 requestId) external {
        HubState storage $ = _hub();
        RequestRecord storage kept = $.requests[requestId];
        if (kept.status != RequestStatus.PENDING) revert RequestNotPending(requestId, kept.status);
        // Not before: a requester could otherwise withdraw a request on seeing its report on the way.
        if (block.timestamp <= kept.deadline) revert RequestNotExpired(requestId, kept.deadline);
        kept.status = RequestStatus.CANCELLED;
        _closeRequest(requestId, kept.requester);
        $.claimable[kept.requester] += kept.feeWei;
        emit RequestCancelled(requestId, kept.requester, kept.feeWei);
    }

    /// @dev Made before anybody could read the content's hash in a pending transaction, so it tells who had it first.
    function _open(bytes32 requestId, VerificationRequest calldata request) private {
        if (request.contentHash == 0) revert MissingContentHash(request.postId);
        bytes32 commitment = commitmentOf(msg.sender, request.creator, request.contentHash, request.salt);
        uint64 made = _hub().commitments[commitment];
        if (made == 0 || made >= block.number) revert CommitmentNotRipe(commitment);
        delete _hub().commitments[commitment];
        emit CommitmentOpened(requestId, commitment, made);
    }

    function _keep(VerificationRequest memory request, address requester, uint64 version, uint32 timeout)
        private
        returns (bytes32 requestId, uint40 deadline)
    {
        HubState storage $ = _hub();
        uint64 seq = ++$.requestCount;
        requestId = _requestId(request, requester, seq);
        deadline = uint40(block.timestamp + timeout);
        RequestRecord storage kept = $.requests[requestId];
        kept.requester = requester;
        kept.deadline = deadline;
        kept.callbackGas = request.callbackGas;
        kept.mediaType = request.mediaType;
        kept.status = RequestStatus.PENDING;
        kept.consumer = request.consumer;
        kept.feeWei = uint96(msg.value);
        kept.creator = request.creator;
        kept.configVersion = version;
        kept.minSignatures = request.minSignatures;
        kept.postId = request.postId;
        kept.contentHash = request.contentHash;
        _announceRequest(requestId, seq, kept, request.uri);
        if (msg.value != 0) emit FeeHeld(requestId, msg.sender, msg.value);
    }

    function _announceRequest(bytes32 requestId, uint64 seq, RequestRecord storage kept, string memory uri)
        private
    {
        emit VerificationRequested(
            requestId,
            kept.postId,
            kept.requester,
            seq,
            kept.contentHash,
            kept.mediaType,
            kept.creator,
            kept.configVersion,
            kept.deadline,
            kept.minSignatures,
            uri
        );
    }

    /// @dev Every parameter that decides what is analysed, for whom and by how many is in the id: after a reorg the same
    /// id cannot come back with other content, another creator or another source.
    function _requestId(VerificationRequest memory request, address requester, uint64 seq)
        private
        view
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                block.chainid,
                address(this),
                requester,
                seq,
                request.postId,
                request.contentHash,
                request.mediaType,
                request.creator,
                request.minSignatures,
                keccak256(bytes(request.uri))
            )
        );
    }

    /// @dev A request that nobody can answer would only hold its fee until it expires.
    function _requireSigners(uint8 minSignatures) private view {
        if (minSignatures == 0) return;
        uint256 signers = _hub().oracles.signerCount();
        if (minSignatures > signers) revert QuorumUnavailable(minSignatures, signers);
    }

    function _requireWellFormed(VerificationRequest calldata request) private pure {
        if (request.postId == 0) revert MissingPostId();
        if (!MediaType.isValid(request.mediaType)) revert InvalidMediaType(request.mediaType);
        if (request.creator == address(0)) revert MissingCreator(request.postId);
        uint256 length = bytes(request.uri).length;
        if (length > MAX_URI_BYTES) revert UriTooLong(length, MAX_URI_BYTES);
        if (length == 0 && request.contentHash == 0) revert NothingToVerify(request.postId);
        if (request.callbackGas > MAX_CALLBACK_GAS) {
            revert CallbackGasTooHigh(request.callbackGas, MAX_CALLBACK_GAS);
        }
    }
}
