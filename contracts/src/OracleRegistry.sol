// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Managed} from "./Managed.sol";
import {IQuorumErrors} from "./interfaces/IErrors.sol";
import {IOracleRegistry} from "./interfaces/IOracleRegistry.sol";

/// @title Who may speak for the oracle
/// @dev A set with n >= 3f + 1 and 2k > n + f: any two quorums share an honest signer, so that f faulty ones
/// cannot have two contradicting reports accepted. n = 1, f = 0, k = 1 is a single authority.
contract OracleRegistry is IOracleRegistry, IQuorumErrors, Managed {
    /// @notice Most signers in a set; checking them all must fit in a block with room to spare.
    uint256 public constant MAX_SIGNERS = 31;

    /// @custom:storage-location erc7201:creativity.storage.OracleRegistry
    struct OracleStorage {
        uint64 epoch;
        uint8 quorum;
        uint8 faults;
        address[] signers;
        // By epoch, so that a new set starts empty and an old one needs no clearing.
        mapping(uint64 epoch => mapping(address signer => bool)) member;
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
    function revokeSigner(address signer) external restricted {
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
    function isSigner(address account) external view returns (bool) {
        OracleStorage storage $ = _storage();
        return $.member[$.epoch][account];
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
