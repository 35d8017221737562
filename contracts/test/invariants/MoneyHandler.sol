// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Justice} from "./Justice.sol";
import {Payments} from "./Payments.sol";
import {Books} from "./Books.sol";

/// @notice What people do, in any order: every call counts itself, and keeps the books a second time.
/// @dev Holds every officer's role. Calls that cannot succeed are discarded, so the printed calls are those that did
/// something; none may revert.
contract MoneyHandler is Payments, Justice {
    constructor(Wiring memory wiring) Books(wiring) {}
}
