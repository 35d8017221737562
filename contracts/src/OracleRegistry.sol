// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Managed} from "./Managed.sol";
import {IQuorumErrors} from "./interfaces/IErrors.sol";
import {IOracleRegistry} from "./interfaces/IOracleRegistry.sol";
import {IPoCHub} from "./interfaces/IPoCHub.sol";
import {ReportHash} from "./libraries/ReportHash.sol";
import {ReportTree} from "./libraries/ReportTree.sol";
import {PoCReport, SignedStatement} from "./types/Reports.sol";

/// @title Who may speak for the oracle
/// @dev A set with n >= 3f + 1 and 2k > n + f: any two quorums share an honest signer, so that f faulty ones
/// cannot have two contradicting reports accepted. n = 1, f = 0, k = 1 is a single authority.
contract OracleRegistry is IOracleRegistry, IQuorumErrors, Managed {
    /// @notice Most signers in a set; checking them all must fit in a block with room to spare.
    uint256 public constant MAX_SIGNERS = 31;
    /// @notice How much longer both reports of a proof must be valid, in seconds: a signer whose clock is ahead may take
    /// the first for over and sign another.
    uint256 public constant PROOF_MARGIN = 5 minutes;

    /// @custom:storage-location erc7201:creativity.storage.OracleRegistry
    struct OracleStorage {
        uint64 epoch;
        uint8 quorum;
        uint8 faults;
        address[] signers;
        // By epoch, so that a new set starts empty and an old one needs no clearing.
        mapping(uint64 epoch => mapping(address signer => bool)) member;
        IPoCHub hub;
        // Proven liars without whom too few would be left: governance replaces them.
        mapping(uint64 epoch => mapping(address signer => bool)) proven;
        mapping(uint64 epoch => bool) revoked;
    }

    // keccak256(abi.encode(uint256(keccak256("creativity.storage.OracleRegistry")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x0da34c75ff3ec23ad9602b6578a184258ee68ca204a9e8e82922f48de35dd900;

    /// @notice Starts epoch 1 with a first signer set.
    function initialize(address authority_, address[] calldata signers_, uint8 quorum_, uint8 faults_)
        external
        initializer
    {
        _requireAddress(authority_);
        __AccessManaged_init(authority_);
        _requireSafeAndLive(signers_.length, quorum_, faults_);
        _install(signers_, quorum_, faults_);
    }

    /// @inheritdoc IOracleRegistry
    function setSigners(address[] calldata signers_, uint8 quorum_, uint8 faults_) external restricted {
        _requireSafeAndLive(signers_.length, quorum_, faults_);
        _install(signers_, quorum_, faults_);
    }

    /// @inheritdoc IOracleRegistry
    /// @dev The quorum stays: lowering it would let whoever revokes turn k of n into fewer. Where too few signers
    /// are left the oracle stands still until `setSigners`.
    function revokeSigner(address signer, uint64 since) external restricted {
        OracleStorage storage $ = _storage();
        bool known;
        for (uint64 epoch = $.epoch; epoch > 0 && (epoch >= since || epoch == $.epoch); --epoch) {
            if (!$.member[epoch][signer]) continue;
            known = $.revoked[epoch] = true;
            emit EpochVoided(epoch, signer);
        }
        if (!known) revert UnauthorizedOracle(signer);
        if ($.member[$.epoch][signer]) _revoke(signer);
    }

    /// @inheritdoc IOracleRegistry
    function reportEquivocation(
        PoCReport calldata first,
        bytes calldata firstSignature,
        PoCReport calldata second,
        bytes calldata secondSignature
    ) external {
        _requireContradiction(first, first.validUntil, second, second.validUntil);
        IPoCHub hub_ = _requireHub();
        bytes32 digest = hub_.hashReport(first);
        bytes32 other = hub_.hashReport(second);
        _prove(first, digest, firstSignature, other, secondSignature);
    }

    /// @inheritdoc IOracleRegistry
    function reportBatchEquivocation(SignedStatement calldata first, SignedStatement calldata second)
        external
    {
        _requireContradiction(first.report, _endOf(first), second.report, _endOf(second));
        IPoCHub hub_ = _requireHub();
        bytes32 digest = _digestOf(hub_, first);
        bytes32 other = _digestOf(hub_, second);
        _prove(first.report, digest, first.signature, other, second.signature);
    }

    /// @inheritdoc IOracleRegistry
    function reportTwoObservations(
        PoCReport calldata first,
        bytes calldata firstSignature,
        PoCReport calldata second,
        bytes calldata secondSignature
    ) external {
        _requireComparable(first, second);
        IPoCHub hub_ = _requireHub();
        bytes32 digest = hub_.hashObservation(first);
        bytes32 other = hub_.hashObservation(second);
        if (digest == other) revert NotEquivocal(first.requestId, second.requestId);
        _prove(first, digest, firstSignature, other, secondSignature);
    }

    /// @inheritdoc IOracleRegistry
    function setHub(address hub_) external restricted {
        _requireAddress(hub_);
        _storage().hub = IPoCHub(hub_);
        emit HubChanged(hub_);
    }

    /// @inheritdoc IOracleRegistry
    function requireQuorum(bytes32 digest, uint64 signerEpoch, bytes[] calldata signatures) external view {
        OracleStorage storage $ = _storage();
        uint64 epoch = $.epoch;
        if (signerEpoch != epoch) revert StaleSignerEpoch(signerEpoch, epoch);
        if (signatures.length < $.quorum) revert QuorumNotMet($.quorum, signatures.length);

        mapping(address => bool) storage member = $.member[epoch];
        address previous;
        for (uint256 i; i < signatures.length; ++i) {
            // A malformed signature recovers to zero, which is never a member.
            (address signer,,) = ECDSA.tryRecoverCalldata(digest, signatures[i]);
            if (!member[signer]) revert UnauthorizedOracle(signer);
            _requireAscending(previous, signer);
            previous = signer;
        }
    }

    /// @inheritdoc IOracleRegistry
    function currentEpoch() external view returns (uint64) {
        return _storage().epoch;
    }

    /// @inheritdoc IOracleRegistry
    function quorum() external view returns (uint8) {
        return _storage().quorum;
    }

    /// @inheritdoc IOracleRegistry
    function faults() external view returns (uint8) {
        return _storage().faults;
    }

    /// @inheritdoc IOracleRegistry
    function signers() external view returns (address[] memory) {
        return _storage().signers;
    }

    /// @inheritdoc IOracleRegistry
    function signerCount() external view returns (uint256) {
        return _storage().signers.length;
    }

    /// @inheritdoc IOracleRegistry
    function hub() external view returns (address) {
        return address(_storage().hub);
    }

    /// @inheritdoc IOracleRegistry
    function isSigner(address account) external view returns (bool) {
        OracleStorage storage $ = _storage();
        return $.member[$.epoch][account];
    }

    /// @inheritdoc IOracleRegistry
    function isRevokedEpoch(uint64 epoch) external view returns (bool) {
        return _storage().revoked[epoch];
    }

    /// @inheritdoc IOracleRegistry
    function isProven(address account) external view returns (bool) {
        OracleStorage storage $ = _storage();
        return $.proven[$.epoch][account];
    }

    function _prove(
        PoCReport calldata said,
        bytes32 digest,
        bytes calldata signature,
        bytes32 otherDigest,
        bytes calldata otherSignature
    ) private {
        OracleStorage storage $ = _storage();
        (address signer,,) = ECDSA.tryRecoverCalldata(digest, signature);
        (address other,,) = ECDSA.tryRecoverCalldata(otherDigest, otherSignature);
        // Zero, from a malformed signature, was never a member.
        if (!$.member[said.signerEpoch][signer]) revert UnauthorizedOracle(signer);
        if (other != signer) revert UnauthorizedOracle(other);
        if ($.signers.length > $.quorum) {
            // What a quorum published stays: the others signed it too.
            _revoke(signer);
        } else {
            // Out at once it would leave fewer than a quorum: anybody could stop the oracle over one operator's slip.
            _waits($, signer);
        }
        emit EquivocationProven(signer, said.requestId, msg.sender, digest, otherDigest);
    }

    function _waits(OracleStorage storage $, address signer) private {
        uint64 epoch = $.epoch;
        if (!$.member[epoch][signer]) revert UnauthorizedOracle(signer);
        if ($.proven[epoch][signer]) revert AlreadyProven(signer);
        $.proven[epoch][signer] = true;
        emit SlashingWaits(epoch, signer);
    }

    function _revoke(address signer) private {
        OracleStorage storage $ = _storage();
        if (!$.member[$.epoch][signer]) revert UnauthorizedOracle(signer);
        address[] memory old = $.signers;
        address[] memory left = new address[](old.length - 1);
        uint256 kept;
        for (uint256 i; i < old.length; ++i) {
            if (old[i] != signer) left[kept++] = old[i];
        }
        _install(left, $.quorum, $.faults);
        emit SignerRevoked($.epoch, signer);
    }

    function _install(address[] memory signers_, uint8 quorum_, uint8 faults_) private {
        OracleStorage storage $ = _storage();
        uint64 epoch = ++$.epoch;
        address previous;
        for (uint256 i; i < signers_.length; ++i) {
            // Zero cannot be a signer: it does not ascend from zero.
            _requireAscending(previous, signers_[i]);
            previous = signers_[i];
            $.member[epoch][previous] = true;
        }
        $.signers = signers_;
        $.quorum = quorum_;
        $.faults = faults_;
        emit SignersChanged(epoch, signers_, quorum_, faults_);
    }

    /// @dev An earlier epoch counts too: a new signer set does not wash off what its members said before.
    function _requireComparable(PoCReport calldata first, PoCReport calldata second) private pure {
        if (first.requestId != second.requestId || first.signerEpoch != second.signerEpoch) {
            revert NotEquivocal(first.requestId, second.requestId);
        }
    }

    function _requireContradiction(
        PoCReport calldata first,
        uint64 firstEnd,
        PoCReport calldata second,
        uint64 secondEnd
    ) private view {
        _requireComparable(first, second);
        // The same conclusion with another date is a renewal.
        if (ReportHash.draft(first) == ReportHash.draft(second)) {
            revert NotEquivocal(first.requestId, second.requestId);
        }
        if (firstEnd != secondEnd) {
            _requireStillValid(first.requestId, firstEnd);
            _requireStillValid(second.requestId, secondEnd);
        }
    }

    function _requireStillValid(bytes32 requestId, uint64 end) private view {
        if (block.timestamp + PROOF_MARGIN > end) revert ProofExpired(requestId, end);
    }

    /// @dev The batch's: what is under a root is delivered whatever its report's own time.
    function _endOf(SignedStatement calldata said) private pure returns (uint64) {
        return said.count == 0 ? said.report.validUntil : said.validUntil;
    }

    function _digestOf(IPoCHub hub_, SignedStatement calldata said) private view returns (bytes32) {
        if (said.count == 0) return hub_.hashReport(said.report);
        bytes32 root = MerkleProof.processProofCalldata(said.proof, ReportTree.leafOf(said.report));
        (uint256 n, uint64 until, uint64 epoch) = (said.count, said.validUntil, said.report.signerEpoch);
        return said.published ? hub_.hashRoot(root, n, until, epoch) : hub_.hashBatch(root, n, until, epoch);
    }

    function _requireHub() private view returns (IPoCHub hub_) {
        hub_ = _storage().hub;
        if (address(hub_) == address(0)) revert HubNotSet();
    }

    function _requireSafeAndLive(uint256 n, uint256 k, uint256 f) private pure {
        if (n > MAX_SIGNERS || n < 3 * f + 1 || k > n || 2 * k <= n + f) revert InvalidQuorum(n, k, f);
    }

    function _requireAscending(address previous, address next) private pure {
        if (next == address(0)) revert ZeroAddress();
        if (next == previous) revert DuplicateSigner(next);
        if (next < previous) revert SignersNotAscending(previous, next);
    }

    function _storage() private pure returns (OracleStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
