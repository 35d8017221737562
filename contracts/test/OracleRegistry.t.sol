// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IQuorumErrors, IWiringErrors} from "../src/interfaces/IErrors.sol";
import {System} from "./utils/System.sol";

/// @notice Signer sets, epochs and quorums.
contract OracleRegistryTest is System {
    bytes32 private constant DIGEST = keccak256("digest");

    function test_StartsWithASingleAuthority() public view {
        eq(oracles.currentEpoch(), 1, "epoch");
        eq(oracles.quorum(), 1, "quorum");
        eq(oracles.faults(), 0, "faults");
        eq(oracles.signers().length, 1, "signers");
        yes(oracles.isSigner(vm.addr(KEY)), "signer");
        oracles.requireQuorum(DIGEST, 1, signedBy(one(KEY)));
    }

    function testFuzz_OnlySafeAndLiveSetsAreTaken(uint8 n, uint8 k, uint8 f) public {
        n = uint8(within(n, 0, 40));
        k = uint8(within(k, 0, 42));
        f = uint8(within(f, 0, 14));
        bool sound = n <= 31 && n >= 3 * uint256(f) + 1 && k <= n && 2 * uint256(k) > uint256(n) + f;
        address[] memory set = addresses(keys(n));
        if (!sound) vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.InvalidQuorum.selector, n, k, f));
        oracles.setSigners(set, k, f);
        eq(oracles.currentEpoch(), sound ? 2 : 1, "epoch");
    }

    function testFuzz_AQuorumOfMembersPassesAndOneLessFails(uint256 seed) public {
        uint256 f = within(seed, 0, 3);
        uint256 n = 3 * f + 1 + within(seed >> 8, 0, 3);
        uint256 k = (n + f) / 2 + 1;
        uint256[] memory all = keys(n);
        oracles.setSigners(addresses(all), uint8(k), uint8(f));

        oracles.requireQuorum(DIGEST, 2, signedBy(firstOf(all, k)));
        oracles.requireQuorum(DIGEST, 2, signedBy(all));
        bytes[] memory tooFew = signedBy(firstOf(all, k - 1));
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.QuorumNotMet.selector, k, k - 1));
        oracles.requireQuorum(DIGEST, 2, tooFew);
    }

    function test_AStrangerAmongTheSignersIsNamed() public {
        bytes[] memory signatures = signedBy(one(0xBAD));
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.UnauthorizedOracle.selector, vm.addr(0xBAD)));
        oracles.requireQuorum(DIGEST, 1, signatures);
    }

    function test_ASignatureOfAnotherDigestIsAStrangers() public {
        bytes[] memory signatures = signedBy(one(KEY));
        vm.expectPartialRevert(IQuorumErrors.UnauthorizedOracle.selector);
        oracles.requireQuorum(keccak256("another digest"), 1, signatures);
    }

    function testFuzz_AMalformedSignatureIsNobodys(bytes memory junk) public {
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = junk;
        if (junk.length != 65) {
            vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.UnauthorizedOracle.selector, address(0)));
        } else {
            vm.expectPartialRevert(IQuorumErrors.UnauthorizedOracle.selector);
        }
        oracles.requireQuorum(DIGEST, 1, signatures);
    }

    function test_TheOtherSOfASignatureIsRefused() public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(KEY, DIGEST);
        uint256 order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = abi.encodePacked(r, bytes32(order - uint256(s)), v == 27 ? uint8(28) : uint8(27));
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.UnauthorizedOracle.selector, address(0)));
        oracles.requireQuorum(DIGEST, 1, signatures);
    }

    function test_TheSameSignerTwiceIsNoQuorum() public {
        uint256[] memory all = keys(3);
        oracles.setSigners(addresses(all), 2, 0);
        uint256[] memory twice = new uint256[](2);
        (twice[0], twice[1]) = (all[1], all[1]);
        bytes[] memory signatures = signedBy(twice);
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.DuplicateSigner.selector, vm.addr(all[1])));
        oracles.requireQuorum(DIGEST, 2, signatures);
    }

    function test_SignaturesAscend() public {
        uint256[] memory all = keys(3);
        oracles.setSigners(addresses(all), 2, 0);
        uint256[] memory wrong = new uint256[](2);
        (wrong[0], wrong[1]) = (all[2], all[0]);
        bytes[] memory signatures = signedBy(wrong);
        vm.expectRevert(
            abi.encodeWithSelector(
                IQuorumErrors.SignersNotAscending.selector, vm.addr(all[2]), vm.addr(all[0])
            )
        );
        oracles.requireQuorum(DIGEST, 2, signatures);
    }

    function test_OnlyTheEpochInForceCounts() public {
        oracles.setSigners(addresses(one(KEY)), 1, 0);
        bytes[] memory signatures = signedBy(one(KEY));
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.StaleSignerEpoch.selector, 1, 2));
        oracles.requireQuorum(DIGEST, 1, signatures);
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.StaleSignerEpoch.selector, 3, 2));
        oracles.requireQuorum(DIGEST, 3, signatures);
        oracles.requireQuorum(DIGEST, 2, signatures);
    }

    function test_ANewSetForgetsTheOld() public {
        oracles.setSigners(addresses(one(0xB0B)), 1, 0);
        no(oracles.isSigner(vm.addr(KEY)), "old signer");
        bytes[] memory signatures = signedBy(one(KEY));
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.UnauthorizedOracle.selector, vm.addr(KEY)));
        oracles.requireQuorum(DIGEST, 2, signatures);
    }

    function test_RevokingKeepsTheQuorum() public {
        uint256[] memory all = keys(3);
        oracles.setSigners(addresses(all), 2, 0);
        oracles.revokeSigner(vm.addr(all[1]), 0);
        eq(oracles.currentEpoch(), 3, "epoch");
        eq(oracles.quorum(), 2, "quorum");
        eq(oracles.signers().length, 2, "signers");
        no(oracles.isSigner(vm.addr(all[1])), "revoked");

        uint256[] memory left = new uint256[](2);
        (left[0], left[1]) = (all[0], all[2]);
        oracles.requireQuorum(DIGEST, 3, signedBy(left));
    }

    function test_RevokingTheOnlySignerStopsTheOracle() public {
        oracles.revokeSigner(vm.addr(KEY), 0);
        bytes[] memory none = new bytes[](0);
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.QuorumNotMet.selector, 1, 0));
        oracles.requireQuorum(DIGEST, 2, none);
        bytes[] memory signatures = signedBy(one(KEY));
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.UnauthorizedOracle.selector, vm.addr(KEY)));
        oracles.requireQuorum(DIGEST, 2, signatures);
        oracles.setSigners(addresses(one(KEY)), 1, 0);
        oracles.requireQuorum(DIGEST, 3, signatures);
    }

    function test_OnlyASignerCanBeRevoked() public {
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.UnauthorizedOracle.selector, CREATOR));
        oracles.revokeSigner(CREATOR, 0);
    }

    function test_ZeroDuplicateAndUnsortedSignersAreRefused() public {
        address[] memory set = new address[](3);
        (set[0], set[1], set[2]) = (address(0), address(1), address(2));
        vm.expectRevert(IWiringErrors.ZeroAddress.selector);
        oracles.setSigners(set, 2, 0);
        (set[0], set[1], set[2]) = (address(1), address(1), address(2));
        vm.expectRevert(abi.encodeWithSelector(IQuorumErrors.DuplicateSigner.selector, address(1)));
        oracles.setSigners(set, 2, 0);
        (set[0], set[1], set[2]) = (address(1), address(3), address(2));
        vm.expectRevert(
            abi.encodeWithSelector(IQuorumErrors.SignersNotAscending.selector, address(3), address(2))
        );
        oracles.setSigners(set, 2, 0);
    }

    function test_OnlyGovernanceChangesSigners() public {
        bytes memory refused =
            abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, CREATOR);
        vm.startPrank(CREATOR);
        vm.expectRevert(refused);
        oracles.setSigners(addresses(one(KEY)), 1, 0);
        vm.expectRevert(refused);
        oracles.revokeSigner(vm.addr(KEY), 0);
        vm.stopPrank();
    }

    // ---- keys

    function one(uint256 key) private pure returns (uint256[] memory list) {
        list = new uint256[](1);
        list[0] = key;
    }

    /// @dev n keys, ascending by address.
    function keys(uint256 n) private pure returns (uint256[] memory list) {
        list = new uint256[](n);
        for (uint256 i; i < n; ++i) {
            uint256 key = 1_000 + i;
            uint256 place = i;
            for (; place > 0 && vm.addr(list[place - 1]) > vm.addr(key); --place) {
                list[place] = list[place - 1];
            }
            list[place] = key;
        }
    }

    function firstOf(uint256[] memory list, uint256 n) private pure returns (uint256[] memory first) {
        first = new uint256[](n);
        for (uint256 i; i < n; ++i) {
            first[i] = list[i];
        }
    }

    function addresses(uint256[] memory list) private pure returns (address[] memory out) {
        out = new address[](list.length);
        for (uint256 i; i < list.length; ++i) {
            out[i] = vm.addr(list[i]);
        }
    }

    function signedBy(uint256[] memory list) private pure returns (bytes[] memory signatures) {
        signatures = new bytes[](list.length);
        for (uint256 i; i < list.length; ++i) {
            signatures[i] = signature(list[i], DIGEST);
        }
    }
}
