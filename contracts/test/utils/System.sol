// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {OracleRegistry} from "../../src/OracleRegistry.sol";
import {Platforms} from "../../src/Platforms.sol";
import {PoCHub} from "../../src/PoCHub.sol";
import {PolicyRegistry} from "../../src/PolicyRegistry.sol";
import {ResultRoots} from "../../src/ResultRoots.sol";
import {PostRegistry} from "../../src/PostRegistry.sol";
import {MediaType, Outcome} from "../../src/types/Codes.sol";
import {PoCReport, RequestRecord, VerificationRequest} from "../../src/types/Reports.sol";
import {Check} from "./Check.sol";

/// @notice The deployed system with one signer, and reports to feed it. This contract is the admin.
abstract contract System is Check {
    uint256 internal constant KEY = 0xA11CE;
    /// @dev What REQUESTER calls its post; POST is what everybody calls it.
    bytes32 internal constant NAME = keccak256("post");
    bytes32 internal POST;
    /// @dev Nobody's name space has it: attestations name such.
    bytes32 internal constant OWN = keccak256("the oracle's own post");
    bytes32 internal constant CONTENT = keccak256("content");
    bytes32 internal constant ORIGINAL_POST = keccak256("original post");
    address internal constant CREATOR = address(0xC0FFEE);
    address internal constant FIRST_CREATOR = address(0xF125);
    address internal constant REQUESTER = address(0x4E9);
    address internal constant TRANSMITTER = address(0x7A45);

    AccessManager internal manager;
    PolicyRegistry internal policy;
    OracleRegistry internal oracles;
    PostRegistry internal posts;
    PoCHub internal hub;
    Platforms internal platforms;
    ResultRoots internal roots;

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        manager = new AccessManager(address(this));
        policy = PolicyRegistry(
            proxy(
                address(new PolicyRegistry()), abi.encodeCall(PolicyRegistry.initialize, (address(manager)))
            )
        );
        address[] memory signers = new address[](1);
        signers[0] = vm.addr(KEY);
        oracles = OracleRegistry(
            proxy(
                address(new OracleRegistry()),
                abi.encodeCall(OracleRegistry.initialize, (address(manager), signers, 1, 0))
            )
        );
        platforms = Platforms(
            proxy(address(new Platforms()), abi.encodeCall(Platforms.initialize, (address(manager))))
        );
        PostRegistry postsImplementation = new PostRegistry();
        PoCHub hubImplementation = new PoCHub();
        address hubAddress = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        posts = PostRegistry(
            proxy(
                address(postsImplementation),
                abi.encodeCall(PostRegistry.initialize, (address(manager), address(policy), hubAddress))
            )
        );
        hub = PoCHub(
            proxy(
                address(hubImplementation),
                abi.encodeCall(
                    PoCHub.initialize,
                    (address(manager), address(oracles), address(policy), address(posts), address(platforms))
                )
            )
        );
        oracles.setHub(address(hub));
        roots = ResultRoots(
            proxy(
                address(new ResultRoots()),
                abi.encodeCall(ResultRoots.initialize, (address(manager), address(hub)))
            )
        );
        posts.setRoots(address(roots));
        POST = hub.postIdOf(bytes32(uint256(uint160(REQUESTER))), NAME);
    }

    /// @dev A later policy in which nothing but the fee of a request is another.
    function setFee(uint96 feeWei) internal {
        policy.setRequestTerms(feeWei, hub.requestTimeout());
    }

    function proxy(address implementation, bytes memory init) internal returns (address) {
        return address(new ERC1967Proxy(implementation, init));
    }

    // ---- requests

    function aRequest() internal pure returns (VerificationRequest memory) {
        return VerificationRequest(
            NAME, CONTENT, MediaType.IMAGE, CREATOR, address(0), 0, 0, "https://a.example/p.jpg", 0
        );
    }

    function ask() internal returns (bytes32) {
        return ask(aRequest());
    }

    function ask(VerificationRequest memory request) internal returns (bytes32) {
        uint256 fee = request.consumer == address(0) ? hub.fee() : hub.feeFor(request.callbackGas);
        vm.deal(REQUESTER, fee);
        vm.prank(REQUESTER);
        return hub.requestVerification{value: fee}(request);
    }

    // ---- reports

    /// @dev An original's report for a request.
    function reportFor(bytes32 requestId) internal view returns (PoCReport memory report) {
        RequestRecord memory kept = hub.getRequest(requestId);
        report.requestId = requestId;
        report.postId = kept.postId;
        report.contentHash = kept.contentHash == 0 ? CONTENT : kept.contentHash;
        report.mediaType = kept.mediaType;
        report.outcome = Outcome.ORIGINAL;
        report.similarityBps = 1_200;
        report.creator = kept.creator;
        report.evidenceHash = keccak256("evidence");
        report.modelDigest = keccak256("models");
        report.indexSnapshot = keccak256("index");
        report.configVersion = kept.configVersion;
        report.observedAt = uint64(block.timestamp);
        report.validUntil = uint64(block.timestamp + 1 hours);
        report.signerEpoch = oracles.currentEpoch();
    }

    /// @dev An original's report that nobody asked for.
    function attestation(bytes32 postId) internal view returns (PoCReport memory report) {
        report = reportFor(0);
        report.requestId = hub.attestationId(postId, CONTENT);
        report.postId = postId;
        report.contentHash = CONTENT;
        report.mediaType = MediaType.IMAGE;
        report.creator = CREATOR;
        report.configVersion = policy.currentVersion();
    }

    function derivative(PoCReport memory report, uint16 similarityBps)
        internal
        pure
        returns (PoCReport memory)
    {
        report.outcome = Outcome.DERIVATIVE;
        report.similarityBps = similarityBps;
        report.originalCreator = FIRST_CREATOR;
        report.originalPostId = ORIGINAL_POST;
        return report;
    }

    // ---- signatures

    function sign(PoCReport memory report) internal view returns (bytes[] memory signatures) {
        signatures = new bytes[](1);
        signatures[0] = signature(KEY, hub.hashReport(report));
    }

    function signature(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev One signature over many reports, valid for a while.
    function batchSigned(PoCReport[] memory reports)
        internal
        view
        returns (uint64 until, bytes[] memory signatures, bytes32[] memory leaves)
    {
        (until, leaves) = leavesOf(reports);
        signatures = new bytes[](1);
        bytes32 root = roots.rootOf(leaves);
        signatures[0] = signature(KEY, hub.hashBatch(root, leaves.length, until, oracles.currentEpoch()));
    }

    /// @dev The same as a root that is published.
    function rootSigned(PoCReport[] memory reports)
        internal
        view
        returns (uint64 until, bytes[] memory signatures, bytes32[] memory leaves)
    {
        (until, leaves) = leavesOf(reports);
        signatures = new bytes[](1);
        bytes32 root = roots.rootOf(leaves);
        signatures[0] = signature(KEY, hub.hashRoot(root, leaves.length, until, oracles.currentEpoch()));
    }

    function leavesOf(PoCReport[] memory reports)
        private
        view
        returns (uint64 until, bytes32[] memory leaves)
    {
        until = uint64(block.timestamp + 1 hours);
        leaves = new bytes32[](reports.length);
        for (uint256 i; i < reports.length; ++i) {
            leaves[i] = roots.leafOf(reports[i]);
        }
    }

    /// @dev Three signers of whom `quorum` must agree. Returns their keys, ascending by address.
    function threeSigners(uint8 quorum) internal returns (uint256[] memory keys) {
        keys = new uint256[](3);
        (keys[0], keys[1], keys[2]) = (KEY, 0xB0B, 0xCA401);
        address[] memory signers = new address[](3);
        for (uint256 i; i < 3; ++i) {
            for (uint256 j = i; j > 0 && vm.addr(keys[j - 1]) > vm.addr(keys[j]); --j) {
                (keys[j - 1], keys[j]) = (keys[j], keys[j - 1]);
            }
        }
        for (uint256 i; i < 3; ++i) {
            signers[i] = vm.addr(keys[i]);
        }
        oracles.setSigners(signers, quorum, 0);
    }

    function signedBy(uint256[] memory keys, uint256 count, PoCReport memory report)
        internal
        view
        returns (bytes[] memory signatures)
    {
        signatures = new bytes[](count);
        for (uint256 i; i < count; ++i) {
            signatures[i] = signature(keys[i], hub.hashReport(report));
        }
    }

    function fulfill(PoCReport memory report) internal {
        bytes[] memory signatures = sign(report);
        vm.prank(TRANSMITTER);
        hub.fulfill(report, signatures);
    }

    function attest(PoCReport memory report) internal {
        bytes[] memory signatures = sign(report);
        vm.prank(TRANSMITTER);
        hub.attest(report, signatures);
    }

    function fulfillReverts(PoCReport memory report, bytes memory reason) internal {
        bytes[] memory signatures = sign(report);
        vm.expectRevert(reason);
        hub.fulfill(report, signatures);
    }

    function attestReverts(PoCReport memory report, bytes memory reason) internal {
        bytes[] memory signatures = sign(report);
        vm.expectRevert(reason);
        hub.attest(report, signatures);
    }
}
