// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice A platform, as kept.
struct Platform {
    address owner;
    /// Who is refunded, and asks for re-analysis; the platform's purse.
    address feeAccount;
    /// Whom the owner offered it to; zero for nobody.
    address offeredTo;
}

/// @notice By which key a platform agrees to a request.
struct Authorisation {
    address key;
    uint64 validUntil;
    /// Of `hashAuthorisation`, also by a contract (ERC-1271); empty where the key asks itself.
    bytes signature;
}

/// @title Platforms
/// @notice A platform has an id, an owner, keys and a fee account. Its posts lie in its own name space, and nobody has one
/// of them decided without one of its keys.
interface IPlatforms {
    /// @notice A platform is there; its owner is its first key.
    event PlatformRegistered(bytes32 indexed platformId, address indexed owner, address indexed feeAccount);
    /// @notice A key may, or may no longer, speak for a platform.
    event KeyChanged(bytes32 indexed platformId, address indexed key, bool allowed);
    /// @notice A platform's purse is another.
    event FeeAccountChanged(bytes32 indexed platformId, address indexed feeAccount);
    /// @notice The owner offers the platform to somebody.
    event OwnershipOffered(bytes32 indexed platformId, address indexed to);
    /// @notice Who was offered the platform took it.
    event OwnershipTaken(bytes32 indexed platformId, address indexed owner);

    /// @notice Makes a platform of the caller's. Anyone may.
    function register(address feeAccount) external returns (bytes32 platformId);

    /// @notice Allows or forbids a key, as the owner. Keys sign in every day's business; the owner stays at home.
    function setKey(bytes32 platformId, address key, bool allowed) external;

    /// @notice Names another fee account, as the owner.
    function setFeeAccount(bytes32 platformId, address feeAccount) external;

    /// @notice Offers the platform to another owner, who must take it.
    function offerOwnership(bytes32 platformId, address to) external;

    /// @notice Takes a platform that was offered. Its keys stay as they are.
    function takeOwnership(bytes32 platformId) external;

    /// @notice Reverts unless a key of the platform asks, or signed that `asker` may.
    /// @return feeAccount The platform's purse.
    function requireAuthorised(
        bytes32 platformId,
        bytes32 postId,
        bytes32 contentHash,
        address creator,
        address asker,
        Authorisation calldata by
    ) external view returns (address feeAccount);

    /// @notice EIP-712 digest that a key signs.
    function hashAuthorisation(
        bytes32 platformId,
        bytes32 postId,
        bytes32 contentHash,
        address creator,
        address asker,
        uint64 validUntil
    ) external view returns (bytes32);

    /// @notice The platform; all zero if unknown.
    function platformOf(bytes32 platformId) external view returns (Platform memory);

    /// @notice Whether a key speaks for a platform.
    function isKey(bytes32 platformId, address key) external view returns (bool);
}
