// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {OracleRegistry} from "../src/OracleRegistry.sol";
import {IQuorumErrors} from "../src/interfaces/IErrors.sol";
import {IOracleRegistry} from "../src/interfaces/IOracleRegistry.sol";
import {PoCReport} from "../src/types/Reports.sol";
import {System} from "./utils/System.sol";

/// @notice Who signs two answers to one question is out, by anybody's proof; who signs honestly never is.
contract EquivocationTest is System {
    uint256 private constant LIAR = 0xB0B;
    PoCReport private said;

    function setUp() public override {
        super.setUp();
        threeSigners(2);
        said = attestation(OWN);
    }

    // ---- two reports

    function test_TwoAnswersToOneQuestionRevokeTheirSigner() public {
        PoCReport memory other = derivative(attestation(OWN), 9_800);
        bytes32 digest = hub.hashReport(said);
        bytes32 otherDigest = hub.hashReport(other);
        vm.expectEmit(address(oracles));
        emit IOracleRegistry.SignerRevoked(3, vm.addr(LIAR));
        vm.expectEmit(address(oracles));
        emit IOracleRegistry.EquivocationProven(
            vm.addr(LIAR), said.requestId, TRANSMITTER, digest, otherDigest
        );
        report(said, LIAR, other, LIAR);
        no(oracles.isSigner(vm.addr(LIAR)), "out");
        eq(oracles.signerCount(), 2, "the others stay");
        eq(oracles.currentEpoch(), 3, "what was signed before is void");
        eq(oracles.quorum(), 2, "the quorum stays");
        // Once is enough.
        fails(said, LIAR, other, LIAR, revoked());
    }

    /// @dev Every field of the conclusion, one at a time.
    function test_AnyOtherConclusionCounts() public {
        for (uint256 field; field < 11; ++field) {
            uint256 again = vm.snapshotState();
            PoCReport memory other = said;
            if (field == 0) other.postId = ORIGINAL_POST;
            if (field == 1) other.contentHash = keccak256("other");
            if (field == 2) other.mediaType = 2;
            if (field == 3) other.outcome = 5;
            if (field == 4) other.similarityBps += 1;
            if (field == 5) other.creator = FIRST_CREATOR;
            if (field == 6) other.originalCreator = FIRST_CREATOR;
            if (field == 7) other.originalPostId = ORIGINAL_POST;
            if (field == 8) other.evidenceHash = keccak256("other");
            if (field == 9) other.modelDigest = keccak256("other");
            if (field == 10) other.indexSnapshot = keccak256("other");
            report(said, LIAR, other, LIAR);
            no(oracles.isSigner(vm.addr(LIAR)), "out");
            vm.revertToState(again);
        }
    }

    function test_TheSameAgainIsNoLie() public {
        fails(said, LIAR, said, LIAR, notEquivocal());
    }

    /// @dev A report is signed again with new dates when the first could not be delivered in time.
    function test_ARenewalIsNoLie() public {
        PoCReport memory renewed = said;
        renewed.observedAt += 60;
        renewed.validUntil += 1 hours;
        fails(said, LIAR, renewed, LIAR, notEquivocal());
    }

    /// @dev After the first has run out the signers agree anew, and may conclude something else.
    function test_AnotherConclusionAfterTheFirstHasRunOutIsNoLie() public {
        PoCReport memory later = derivative(attestation(OWN), 9_800);
        vm.warp(said.validUntil + 1);
        later.validUntil = uint64(block.timestamp + 1 hours);
        bytes memory over =
            abi.encodeWithSelector(IQuorumErrors.ProofExpired.selector, said.requestId, said.validUntil);
        fails(said, LIAR, later, LIAR, over);
        fails(later, LIAR, said, LIAR, over);
        // Nor in the minutes before, when a clock that is ahead may have called it over.
        vm.warp(said.validUntil - 299);
        fails(said, LIAR, later, LIAR, over);
        vm.warp(said.validUntil - 300);
        report(said, LIAR, later, LIAR);
    }

    function test_TwoThatEndAtTheSameSecondAreProofForEver() public {
        PoCReport memory other = derivative(attestation(OWN), 9_800);
        vm.warp(said.validUntil + 365 days);
        report(said, LIAR, other, LIAR);
        no(oracles.isSigner(vm.addr(LIAR)), "out");
    }

    function test_TwoQuestionsMayHaveTwoAnswers() public {
        PoCReport memory other = derivative(attestation(ORIGINAL_POST), 9_800);
        fails(
            said,
            LIAR,
            other,
            LIAR,
            abi.encodeWithSelector(IQuorumErrors.NotEquivocal.selector, said.requestId, other.requestId)
        );
        other = derivative(attestation(OWN), 9_800);
        other.signerEpoch += 1;
        fails(said, LIAR, other, LIAR, notEquivocal());
    }

    function test_TwoSignersMayDiffer() public {
        PoCReport memory other = derivative(attestation(OWN), 9_800);
        fails(
            said,
            LIAR,
            other,
            KEY,
            abi.encodeWithSelector(IQuorumErrors.UnauthorizedOracle.selector, vm.addr(KEY))
        );
    }

    function test_StrangersAndBrokenSignaturesProveNothing() public {
        PoCReport memory other = derivative(attestation(OWN), 9_800);
        fails(
            said,
            0xBAD,
            other,
            0xBAD,
            abi.encodeWithSelector(IQuorumErrors.UnauthorizedOracle.selector, vm.addr(0xBAD))
        );
        bytes memory good = signature(LIAR, hub.hashReport(said));
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.UnauthorizedOracle.selector, address(0)));
        oracles.reportEquivocation(said, good, other, "junk");
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.UnauthorizedOracle.selector, address(0)));
        oracles.reportEquivocation(said, "", other, "");
    }

    /// @dev A new signer set does not wash off what its members said under the last one.
    function test_AnEarlierEpochCounts() public {
        PoCReport memory other = derivative(attestation(OWN), 9_800);
        threeSigners(2);
        eq(oracles.currentEpoch(), 3, "later");
        report(said, LIAR, other, LIAR);
        no(oracles.isSigner(vm.addr(LIAR)), "out");
    }

    function test_WithoutAHubNothingIsProven() public {
        address[] memory signers = new address[](1);
        signers[0] = vm.addr(KEY);
        OracleRegistry lone = OracleRegistry(
            proxy(
                address(new OracleRegistry()),
                abi.encodeCall(OracleRegistry.initialize, (address(manager), signers, 1, 0))
            )
        );
        PoCReport memory other = derivative(attestation(OWN), 9_800);
        vm.expectRevert(IQuorumErrors.HubNotSet.selector);
        lone.reportEquivocation(said, "", other, "");
    }

    // ---- two observations

    function test_TwoObservationsAreProofForEver() public {
        PoCReport memory other = said;
        other.similarityBps += 1;
        vm.warp(said.validUntil + 365 days);
        observed(said, LIAR, other, LIAR, "");
        no(oracles.isSigner(vm.addr(LIAR)), "out");
    }

    /// @dev One observation for each request and epoch, its time included.
    function test_AnotherTimeIsAnotherObservation() public {
        PoCReport memory other = said;
        other.validUntil += 1;
        observed(said, LIAR, other, LIAR, notEquivocal());
        other.observedAt += 1;
        observed(said, LIAR, other, LIAR, "");
        no(oracles.isSigner(vm.addr(LIAR)), "out");
    }

    /// @dev keccak256 of what the nodes sign, written out a second time.
    function test_AnObservationIsHashedAsTheNodesHashIt() public view {
        bytes memory first = abi.encode(
            said.requestId, said.postId, said.contentHash, said.mediaType, said.outcome, said.similarityBps
        );
        bytes memory rest = abi.encode(
            said.creator,
            said.originalCreator,
            said.originalPostId,
            said.evidenceHash,
            said.modelDigest,
            said.indexSnapshot,
            said.configVersion,
            said.reason
        );
        bytes32 struct_ = keccak256(
            abi.encode(
                keccak256("Observation(bytes32 draftHash,uint64 observedAt,uint64 signerEpoch)"),
                keccak256(bytes.concat(first, rest)),
                said.observedAt,
                said.signerEpoch
            )
        );
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("CreativityOracle"),
                keccak256("1"),
                block.chainid,
                address(hub)
            )
        );
        eq(hub.hashObservation(said), keccak256(abi.encodePacked("\x19\x01", domain, struct_)), "digest");
    }

    // ---- steps

    function report(PoCReport memory a, uint256 key, PoCReport memory b, uint256 otherKey) private {
        bytes memory signed = signature(key, hub.hashReport(a));
        bytes memory other = signature(otherKey, hub.hashReport(b));
        vm.prank(TRANSMITTER);
        oracles.reportEquivocation(a, signed, b, other);
    }

    function fails(PoCReport memory a, uint256 key, PoCReport memory b, uint256 otherKey, bytes memory reason)
        private
    {
        bytes memory signed = signature(key, hub.hashReport(a));
        bytes memory other = signature(otherKey, hub.hashReport(b));
        vm.expectRevert(reason);
        oracles.reportEquivocation(a, signed, b, other);
    }

    function observed(
        PoCReport memory a,
        uint256 key,
        PoCReport memory b,
        uint256 otherKey,
        bytes memory reason
    ) private {
        bytes memory signed = signature(key, hub.hashObservation(a));
        bytes memory other = signature(otherKey, hub.hashObservation(b));
        if (reason.length != 0) vm.expectRevert(reason);
        oracles.reportTwoObservations(a, signed, b, other);
    }

    function notEquivocal() private view returns (bytes memory) {
        return abi.encodeWithSelector(IQuorumErrors.NotEquivocal.selector, said.requestId, said.requestId);
    }

    function revoked() private pure returns (bytes memory) {
        return abi.encodeWithSelector(IQuorumErrors.UnauthorizedOracle.selector, vm.addr(LIAR));
    }
}
