// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Managed} from "./Managed.sol";
import {IPlatformErrors} from "./interfaces/IErrors.sol";
import {Authorisation, IPlatforms, Platform} from "./interfaces/IPlatforms.sol";

/// @title Platforms
/// @dev A platform's id is a hash, so it is nobody's address: the name spaces of platforms and of contracts never meet.
contract Platforms is IPlatforms, IPlatformErrors, EIP712, Managed {
    bytes32 private constant TYPEHASH = keccak256(
        "PostAuthorization(bytes32 platformId,bytes32 postId,bytes32 contentHash,address creator,address asker,uint64 validUntil)"
    );

    /// @custom:storage-location erc7201:creativity.storage.Platforms
    struct PlatformStorage {
        uint64 count;
        mapping(bytes32 platformId => Platform) platforms;
        mapping(bytes32 platformId => mapping(address key => bool)) keys;
    }

    // keccak256(abi.encode(uint256(keccak256("creativity.storage.Platforms")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x5f7c7fe875eccc87044efd3086ee8429203258a27bb621542c1bec0913dd7300;

    constructor() EIP712("CreativityOraclePlatforms", "1") {}

    /// @notice Sets who governs.
    function initialize(address authority_) external initializer {
        _requireAddress(authority_);
        __AccessManaged_init(authority_);
    }

    /// @inheritdoc IPlatforms
    function register(address feeAccount) external returns (bytes32 platformId) {
        _requireAddress(feeAccount);
        PlatformStorage storage $ = _storage();
        platformId = keccak256(abi.encode(block.chainid, address(this), ++$.count));
        $.platforms[platformId] = Platform(msg.sender, feeAccount, address(0));
        $.keys[platformId][msg.sender] = true;
        emit PlatformRegistered(platformId, msg.sender, feeAccount);
        emit KeyChanged(platformId, msg.sender, true);
    }

    /// @inheritdoc IPlatforms
    function setKey(bytes32 platformId, address key, bool allowed) external {
        _owned(platformId);
        _requireAddress(key);
        _storage().keys[platformId][key] = allowed;
        emit KeyChanged(platformId, key, allowed);
    }

    /// @inheritdoc IPlatforms
    function setFeeAccount(bytes32 platformId, address feeAccount) external {
        _requireAddress(feeAccount);
        _owned(platformId).feeAccount = feeAccount;
        emit FeeAccountChanged(platformId, feeAccount);
    }

    /// @inheritdoc IPlatforms
    function offerOwnership(bytes32 platformId, address to) external {
        _owned(platformId).offeredTo = to;
        emit OwnershipOffered(platformId, to);
    }

    /// @inheritdoc IPlatforms
    function takeOwnership(bytes32 platformId) external {
        Platform storage platform = _storage().platforms[platformId];
        if (platform.offeredTo != msg.sender) revert NotPlatformOwner(platformId, msg.sender);
        platform.owner = msg.sender;
        platform.offeredTo = address(0);
        emit OwnershipTaken(platformId, msg.sender);
    }

    /// @inheritdoc IPlatforms
    function requireAuthorised(
        bytes32 platformId,
        bytes32 postId,
        bytes32 contentHash,
        address creator,
        address asker,
        Authorisation calldata by
    ) external view returns (address feeAccount) {
        PlatformStorage storage $ = _storage();
        feeAccount = $.platforms[platformId].feeAccount;
        if (!$.keys[platformId][by.key]) revert NotPlatformKey(platformId, by.key);
        // A key that asks itself needs to sign nothing.
        if (asker == by.key) return feeAccount;
        if (block.timestamp > by.validUntil) revert AuthorisationExpired(platformId, by.validUntil);
        bytes32 digest = hashAuthorisation(platformId, postId, contentHash, creator, asker, by.validUntil);
        if (!SignatureChecker.isValidSignatureNow(by.key, digest, by.signature)) {
            revert NotPlatformKey(platformId, by.key);
        }
    }

    /// @inheritdoc IPlatforms
    function hashAuthorisation(
        bytes32 platformId,
        bytes32 postId,
        bytes32 contentHash,
        address creator,
        address asker,
        uint64 validUntil
    ) public view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(abi.encode(TYPEHASH, platformId, postId, contentHash, creator, asker, validUntil))
        );
    }

    /// @inheritdoc IPlatforms
    function platformOf(bytes32 platformId) external view returns (Platform memory) {
        return _storage().platforms[platformId];
    }

    /// @inheritdoc IPlatforms
    function isKey(bytes32 platformId, address key) external view returns (bool) {
        return _storage().keys[platformId][key];
    }

    function _owned(bytes32 platformId) private view returns (Platform storage platform) {
        platform = _storage().platforms[platformId];
        if (platform.owner != msg.sender) revert NotPlatformOwner(platformId, msg.sender);
    }

    function _storage() private pure returns (PlatformStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
