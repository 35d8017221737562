// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Outcome} from "../../src/types/Codes.sol";
import {PoCReport, RequestRecord, VerificationRequest} from "../../src/types/Reports.sol";
import {Books} from "./Books.sol";

/// @notice Requests, reports and forgeries, under policies that change on the way.
abstract contract Reporting is Books {
    // ---- reports

    function report(uint256 post, uint16 similarity, uint256 outcome) external watched {
        _analyse(post, similarity, within(outcome, Outcome.ORIGINAL, Outcome.NEEDS_REVIEW));
    }

    function _analyse(uint256 post, uint16 similarity, uint256 outcome) internal {
        post %= postIds.length;
        bytes32 postId = pick(post);
        bool closed = isClosed(postId);
        address creator = ownerOf(post);
        uint256 fee = w.hub.fee();
        vm.deal(creator, fee);
        vm.prank(creator);
        bytes32 requestId = w.hub.requestVerification{value: fee}(
            VerificationRequest(
                names[postId], keccak256(abi.encode(postId)), 1, creator, address(0), 0, 0, "x", 0
            )
        );
        feesIn += fee;
        PoCReport memory said = concluded(requestId, similarity, uint8(outcome));
        bytes[] memory signatures = signed(said, 2);
        if (closed) {
            if (postIds.length < MAX_POSTS) freshPost();
            try w.hub.fulfill(said, signatures) {
                ++unexplainedChanges;
            } catch {}
        } else {
            w.hub.fulfill(said, signatures);
            known[postId] = standing(postId);
        }
    }

    /// @dev Signed by a stranger, by one signer alone, or by one twice: it must change nothing.
    function forge(uint256 post, uint256 key, uint16 similarity) external watched {
        bytes32 postId = pick(post);
        PoCReport memory said = _report(w.hub.attestationId(postId, keccak256(abi.encode(postId))), postId);
        said.creator = ownerOf(post % postIds.length);
        said.configVersion = w.policy.currentVersion();
        said.outcome = Outcome.ORIGINAL;
        said.similarityBps = similarity % 5_000;
        bytes[] memory signatures = signed(said, key % 3 == 0 ? 1 : 2);
        if (key % 3 == 1) signatures[1] = signatures[0];
        if (key % 3 == 2) signatures[1] = sign(within(key, 1, 1e9) + 1e9, said);
        try w.hub.attest(said, signatures) {
            ++unexplainedChanges;
        } catch {}
    }

    /// @dev Any policy that governance may set; what was decided under another must not notice.
    function govern(uint256 what, uint256 value) external watched {
        if (what % 4 == 0) {
            w.policy.setThreshold(1, uint16(within(value, 5_000, 9_999)));
        } else if (what % 4 == 1) {
            w.policy.setBaseRedirect(uint16(within(value, 0, 10_000)));
        } else if (what % 4 == 2) {
            w.policy.setRequestTerms(uint96(value % 1 gwei), uint32(within(value, 300, 30 days)));
        } else {
            w.policy
                .setDisputeTerms(uint32(within(value, 1 hours, 10 days)), uint96(within(value, 1, 1 ether)));
        }
    }

    // ---- what signers say

    /// @dev In dispute, final, or decided by a ruling: even a quorum must not overwrite it.
    function isClosed(bytes32 postId) internal view returns (bool) {
        uint8 status = w.posts.statusOf(postId);
        bool last = status == 2 && w.posts.resultOf(postId).outcome != Outcome.NEEDS_REVIEW;
        return status == 3 || last || isHeld(postId) || w.posts.isRuled(postId);
    }

    /// @dev Read where it is stored: no caller needs it.
    function isHeld(bytes32 postId) internal view returns (bool) {
        return _hold(postId) >> 192 & 1 != 0;
    }

    function isCorrected(bytes32 postId) internal view returns (bool) {
        return _hold(postId) >> 184 & 1 != 0;
    }

    function openClaims(bytes32 postId) internal view returns (uint8) {
        return uint8(_hold(postId) >> 160);
    }

    function _hold(bytes32 postId) private view returns (uint256) {
        uint256 holds = 0xb2d1fb7cc8283eac88a5381529a1a978854b0d533589e64452d91127fcdd6f00 + 13;
        return uint256(vm.load(address(w.disputes), keccak256(abi.encode(postId, holds))));
    }

    /// @dev A report on a request that its policy allows.
    function concluded(bytes32 requestId, uint16 similarity, uint8 outcome)
        internal
        view
        returns (PoCReport memory said)
    {
        RequestRecord memory kept = w.hub.getRequest(requestId);
        said = _report(requestId, kept.postId);
        said.creator = kept.creator;
        said.configVersion = kept.configVersion;
        (uint16 threshold,) = w.policy.policyAt(kept.configVersion, 1);
        said.outcome = outcome;
        said.similarityBps = uint16(
            said.outcome == Outcome.DERIVATIVE
                ? within(similarity, threshold, 10_000)
                : within(similarity, 0, said.outcome == Outcome.ORIGINAL ? threshold - 1 : 10_000)
        );
        if (said.outcome == Outcome.DERIVATIVE) {
            // Whoever is not the poster: the next in the row.
            said.originalCreator =
                kept.creator == accounts[4] ? accounts[0] : address(uint160(kept.creator) + 1);
            said.originalPostId = keccak256(abi.encode(kept.postId, "original"));
        }
    }

    function signed(PoCReport memory said, uint256 count) internal view returns (bytes[] memory signatures) {
        signatures = new bytes[](count);
        for (uint256 i; i < count; ++i) {
            signatures[i] = sign(w.keys[i], said);
        }
    }

    function sign(uint256 key, PoCReport memory said) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, w.hub.hashReport(said));
        return abi.encodePacked(r, s, v);
    }

    function _report(bytes32 requestId, bytes32 postId) private view returns (PoCReport memory said) {
        said.requestId = requestId;
        said.postId = postId;
        said.contentHash = keccak256(abi.encode(postId));
        said.mediaType = 1;
        said.evidenceHash = "evidence";
        said.observedAt = uint64(block.timestamp);
        said.validUntil = uint64(block.timestamp + 1);
        said.signerEpoch = 2;
    }
}
