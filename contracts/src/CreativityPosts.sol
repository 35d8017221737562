// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPoCHub} from "./interfaces/IPoCHub.sol";
import {IPostRegistry, IRedirectSource} from "./interfaces/IPostRegistry.sol";
import {PostResult, VerificationRequest} from "./types/Reports.sol";

/// @title Posts that are verified from their first block
/// @notice A post and the request to verify it are one transaction, in this contract's own name space: nobody can have
/// another's post decided, and none exists that was not asked about. Verdict, redirect and badge are read where pools read
/// them, so there is no callback to pay for and no copy to go stale.
contract CreativityPosts is IRedirectSource {
    /// @notice A post, as kept.
    struct Post {
        address author;
        uint8 mediaType;
        uint40 createdAt;
        bytes32 contentHash;
        /// Its request at the hub, for cancelling.
        bytes32 requestId;
    }

    /// @notice The hub this contract asks.
    IPoCHub public immutable hub;
    /// @notice Where results are read.
    IPostRegistry public immutable registry;
    /// @notice Posts so far; the number of the latest.
    uint256 public postCount;

    mapping(uint256 number => Post) private _posts;
    mapping(bytes32 postId => uint256 number) private _numbers;

    /// @notice A post is there, and the oracle has been asked about it.
    event PostCreated(
        uint256 indexed number,
        bytes32 indexed postId,
        address indexed author,
        bytes32 contentHash,
        bytes32 requestId,
        string uri
    );

    /// @notice No post has this number.
    error NoSuchPost(uint256 number);
    /// @notice Only its author may have a post verified again.
    error NotTheAuthor(uint256 number, address caller);

    constructor(IPoCHub hub_) {
        hub = hub_;
        (,, address posts) = hub_.modules();
        registry = IPostRegistry(posts);
    }

    /// @notice Publishes a post of the caller's and asks the oracle about it. Send exactly `hub.fee()`.
    /// @param contentHash SHA-256 of the media, or zero to accept what is found at `uri`.
    /// @param salt Opens `hub.commitmentOf(this contract, author, contentHash, salt)`, made in an earlier block; zero for none.
    function createPost(bytes32 contentHash, uint8 mediaType, string calldata uri, bytes32 salt)
        external
        payable
        returns (uint256 number)
    {
        number = ++postCount;
        bytes32 requestId = _ask(number, contentHash, mediaType, msg.sender, uri, salt);
        bytes32 postId = postIdOf(number);
        _posts[number] = Post(msg.sender, mediaType, uint40(block.timestamp), contentHash, requestId);
        _numbers[postId] = number;
        emit PostCreated(number, postId, msg.sender, contentHash, requestId, uri);
    }

    /// @notice Asks again, as the author: a request that failed or expired is not the end of a post.
    function verifyAgain(uint256 number, string calldata uri) external payable returns (bytes32 requestId) {
        Post storage post = _posts[number];
        if (msg.sender != post.author) revert NotTheAuthor(number, msg.sender);
        requestId = _ask(number, post.contentHash, post.mediaType, msg.sender, uri, 0);
        post.requestId = requestId;
    }

    /// @notice The post, as kept.
    function postOf(uint256 number) external view returns (Post memory post) {
        post = _posts[number];
        if (post.author == address(0)) revert NoSuchPost(number);
    }

    /// @notice A post's id, by which everybody pays it and reads its result.
    function postIdOf(uint256 number) public view returns (bytes32) {
        return hub.postIdOf(bytes32(uint256(uint160(address(this)))), bytes32(number));
    }

    /// @notice What the oracle, or a ruling, made of a post; all zero until then.
    function verdictOf(uint256 number) external view returns (PostResult memory) {
        return registry.resultOf(postIdOf(number));
    }

    /// @notice Whether the post shows the originality badge.
    function badgeOf(uint256 number) external view returns (bool) {
        return registry.hasBadge(postIdOf(number));
    }

    /// @inheritdoc IRedirectSource
    function redirectOf(bytes32 postId) external view returns (address beneficiary, uint16 redirectBps) {
        return registry.redirectOf(postId);
    }

    /// @notice Number of a post by its id; zero where it is none of this contract's.
    function numberOf(bytes32 postId) external view returns (uint256) {
        return _numbers[postId];
    }

    function _ask(
        uint256 number,
        bytes32 contentHash,
        uint8 mediaType,
        address author,
        string calldata uri,
        bytes32 salt
    ) private returns (bytes32) {
        return hub.requestVerification{value: msg.value}(
            VerificationRequest(bytes32(number), contentHash, mediaType, author, address(0), 0, 0, uri, salt)
        );
    }
}
