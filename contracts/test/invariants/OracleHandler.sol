// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {OracleRegistry} from "../../src/OracleRegistry.sol";
import {PoCHub} from "../../src/PoCHub.sol";
import {PoCReport} from "../../src/types/Reports.sol";
import {Check} from "../utils/Check.sol";

/// @notice Three honest signers, one who says anything, and accusers who hold up any two things that were said.
/// @dev The honest sign as the nodes do: one conclusion for a request until it has run out by their own clock, which is up
/// to five minutes ahead of the chain's; the same conclusion again with new dates; one observation for each epoch.
contract OracleHandler is Check {
    uint256 internal constant LIAR = 3;
    uint256 internal constant REQUESTS = 3;

    struct Said {
        PoCReport report;
        bytes signature;
        uint256 who;
        bool observed;
    }

    OracleRegistry internal oracles;
    PoCHub internal hub;
    uint256[] internal keys;
    Said[] internal said;
    // The last report of each signer on each request in each epoch, plus one.
    mapping(uint256 who => mapping(uint256 request => mapping(uint64 epoch => uint256))) internal last;
    mapping(uint256 who => mapping(uint256 request => mapping(uint64 epoch => bool))) internal observed;

    address[4] internal addresses;
    bool public caught;
    uint256 public proofs;
    uint256 public misjudged;
    uint256 public changes;

    constructor(OracleRegistry oracles_, PoCHub hub_, uint256[] memory keys_) {
        (oracles, hub, keys) = (oracles_, hub_, keys_);
        for (uint256 i; i < 4; ++i) {
            addresses[i] = vm.addr(keys_[i]);
        }
    }

    function sign(uint256 who, uint256 request, uint16 conclusion, uint256 ahead, uint256 validity) external {
        who = who % 4;
        request = request % REQUESTS;
        uint64 epoch = oracles.currentEpoch();
        uint256 clock = block.timestamp + within(ahead, 0, 5 minutes);
        PoCReport memory report = _report(request, conclusion % 10_001, epoch);
        report.observedAt = uint64(block.timestamp);
        report.validUntil = uint64(clock + within(validity, 10 minutes, 2 hours));
        uint256 before = last[who][request][epoch];
        if (who != LIAR && before != 0) {
            PoCReport memory earlier = said[before - 1].report;
            // While it holds, only dates may change.
            if (clock <= earlier.validUntil) report.similarityBps = earlier.similarityBps;
            if (report.validUntil <= earlier.validUntil) report.validUntil = earlier.validUntil + 1;
        }
        said.push(Said(report, _signature(who, hub.hashReport(report)), who, false));
        last[who][request][epoch] = said.length;
    }

    function observe(uint256 who, uint256 request, uint16 conclusion) external {
        who = who % 4;
        request = request % REQUESTS;
        uint64 epoch = oracles.currentEpoch();
        vm.assume(!(who != LIAR && observed[who][request][epoch]));
        PoCReport memory report = _report(request, conclusion % 10_001, epoch);
        report.observedAt = uint64(block.timestamp);
        said.push(Said(report, _signature(who, hub.hashObservation(report)), who, true));
        observed[who][request][epoch] = true;
    }

    /// @dev Any two statements, as whatever kind the accuser likes to call them.
    function accuse(uint256 first, uint256 second, bool asObservations, bool wellChosen) external {
        vm.assume(said.length > 1);
        Said storage a = said[first % said.length];
        Said storage b = said[second % said.length];
        if (wellChosen) (b, asObservations) = (_rival(a, second), a.observed);
        uint64 epoch = oracles.currentEpoch();
        bool accepted;
        if (asObservations) {
            try oracles.reportTwoObservations(a.report, a.signature, b.report, b.signature) {
                accepted = true;
            } catch {}
        } else {
            try oracles.reportEquivocation(a.report, a.signature, b.report, b.signature) {
                accepted = true;
            } catch {}
        }
        if (!accepted) return;
        ++proofs;
        if (a.who != LIAR || b.who != LIAR || oracles.currentEpoch() != epoch + 1) ++misjudged;
        caught = true;
        ++changes;
    }

    /// @dev The administrator puts everybody back: what was said under the epoch before still counts.
    function reinstate() external {
        vm.assume(caught);
        address[] memory signers = new address[](4);
        for (uint256 i; i < 4; ++i) {
            signers[i] = addresses[i];
        }
        for (uint256 i = 1; i < 4; ++i) {
            for (uint256 j = i; j > 0 && signers[j - 1] > signers[j]; --j) {
                (signers[j - 1], signers[j]) = (signers[j], signers[j - 1]);
            }
        }
        oracles.setSigners(signers, 3, 1);
        caught = false;
        ++changes;
    }

    function wait(uint256 seconds_) external {
        vm.warp(block.timestamp + within(seconds_, 1, 30 minutes));
    }

    function addressOf(uint256 who) external view returns (address) {
        return addresses[who];
    }

    /// @dev Another statement of the same kind, signer, request and epoch, where there is one.
    function _rival(Said storage a, uint256 from) private view returns (Said storage) {
        for (uint256 i; i < said.length; ++i) {
            Said storage b = said[addmod(from, i, said.length)];
            bool same = b.who == a.who && b.observed == a.observed && b.report.requestId == a.report.requestId
                && b.report.signerEpoch == a.report.signerEpoch;
            if (same && b.report.similarityBps != a.report.similarityBps) return b;
        }
        return a;
    }

    function _report(uint256 request, uint256 conclusion, uint64 epoch)
        private
        pure
        returns (PoCReport memory report)
    {
        report.requestId = keccak256(abi.encode(request));
        report.similarityBps = uint16(conclusion);
        report.signerEpoch = epoch;
    }

    function _signature(uint256 who, bytes32 digest) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keys[who], digest);
        return abi.encodePacked(r, s, v);
    }
}
