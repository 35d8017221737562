// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

// Each error is declared once, here. A contract inherits the groups that can reach its callers, including
// those of the contracts it calls, so that its ABI alone decodes every revert.

/// @notice Errors of the decision rules and of a report's content.
interface IRuleErrors {
    /// @notice Not 1 (image), 2 (video) or 3 (audio).
    error InvalidMediaType(uint8 mediaType);
    /// @notice Not an outcome that is allowed here.
    error InvalidOutcome(uint8 outcome);
    /// @notice Not a grade from 1 (A) to 5 (F).
    error InvalidGrade(uint8 grade);
    /// @notice A threshold outside its range, in basis points.
    error InvalidThreshold(uint256 thresholdBps);
    /// @notice A base redirect above 10000 basis points.
    error InvalidBase(uint256 baseBps);
    /// @notice A redirect above 10000 basis points.
    error InvalidRedirect(uint256 redirectBps);
    /// @notice A similarity above 10000 basis points.
    error SimilarityOutOfRange(uint256 similarityBps);
    /// @notice Derivative, and nobody to pay.
    error MissingOriginalCreator(bytes32 postId);
    /// @notice Derivative of the creator's own work, or of the post itself.
    error SelfMatch(bytes32 postId, address creator);
    /// @notice The outcome contradicts the similarity under the policy it names.
    error OutcomeContradictsPolicy(uint8 outcome, uint256 similarityBps, uint256 thresholdBps);
}

/// @notice Errors of the policy registry.
interface IPolicyErrors {
    /// @notice No policy has this version.
    error UnknownConfigVersion(uint64 version);
    /// @notice Cut-offs of grades descend strictly, from at most 10000 to more than zero.
    error InvalidCutoffs(uint16 gradeABps, uint16 gradeBBps, uint16 gradeCBps, uint16 gradeDBps);
    /// @notice An engagement score above 10000 basis points.
    error ScoreOutOfRange(uint256 scoreBps);
    /// @notice A fee that would price everyone out.
    error FeeTooHigh(uint256 feeWei, uint256 maximum);
    /// @notice A request timeout outside its range, in seconds.
    error InvalidRequestTimeout(uint256 seconds_);
    /// @notice A dispute window outside its range, in seconds.
    error InvalidDisputeWindow(uint256 seconds_);
    /// @notice A price of callback gas that would price everyone out.
    error CallbackPriceTooHigh(uint256 weiPerGas, uint256 maximum);
    /// @notice Bonds lie between these limits, in wei.
    error InvalidBond(uint256 bondWei, uint256 maximum);
}

/// @notice Errors of signer sets and quorums.
interface IQuorumErrors {
    /// @notice Recovered from a signature, and not a signer of this epoch. Zero for a malformed signature.
    error UnauthorizedOracle(address signer);
    /// @notice Fewer signatures than the quorum.
    error QuorumNotMet(uint256 required, uint256 given);
    /// @notice Signed under a signer set that is no longer, or not yet, in force.
    error StaleSignerEpoch(uint64 given, uint64 current);
    /// @notice The same signer twice.
    error DuplicateSigner(address signer);
    /// @notice Signers must ascend strictly by address.
    error SignersNotAscending(address previous, address next);
    /// @notice A signer set that cannot be both safe and live.
    error InvalidQuorum(uint256 signers, uint256 quorum, uint256 faults);
    /// @notice More signatures than there are signers.
    error QuorumUnavailable(uint256 required, uint256 signers);
    /// @notice The two statements can both be honest: of different requests or epochs, or they say the same.
    error NotEquivocal(bytes32 requestId, bytes32 otherRequestId);
    /// @notice One of the reports has run out, or is about to; its signer may have signed another since.
    error ProofExpired(bytes32 requestId, uint256 validUntil);
    /// @notice The signer's lie is proven already; governance replaces it.
    error AlreadyProven(address signer);
    /// @notice The registry does not know yet which hub the signers report to.
    error HubNotSet();
}

/// @notice Shared by all that ask for a post's result.
interface IUnknownPostError {
    /// @notice The post has no result, hence no owner that anybody attested.
    error UnknownPost(bytes32 postId);
}

/// @notice Errors of results kept per post.
interface IPostErrors is IUnknownPostError {
    /// @notice No result of this post is on the chain: published under a root, perhaps, and not posted.
    error NotPosted(bytes32 postId);
    /// @notice Only the hub may write results.
    error UnauthorizedHub(address caller);
    /// @notice The post is under dispute; no report may overwrite it.
    error PostDisputed(bytes32 postId);
    /// @notice The post has a result; only a new request can lead to another.
    error PostAlreadyRecorded(bytes32 postId, bytes28 commitment);
    /// @notice The report is not the one that the post's result is of.
    error NotTheStandingReport(bytes32 postId, bytes28 commitment);
    /// @notice Nobody has shown the report of this original yet (`show`), so that its content is not on the chain.
    error ReportNotShown(bytes32 postId);
    /// @notice Only the post's requester or creator may have it analysed again.
    error NotPostRequester(bytes32 postId, address requester);
    /// @notice The creator in the report is not the creator of the request or post.
    error CreatorMismatch(address expected, address actual);
    /// @notice The media in the report is not the media of the request or post.
    error ContentHashMismatch(bytes32 expected, bytes32 actual);
    /// @notice The kind of media in the report is not that of the request or post.
    error MediaTypeMismatch(uint8 expected, uint8 actual);
    /// @notice The result is final; only a ruling changes it.
    error PostFinal(bytes32 postId);
    /// @notice This version was not in force when the work was decided.
    error PolicyNotInForce(uint64 version, uint256 endedAt);
    /// @notice The post is claimed to be a copy, or about to be corrected.
    error PostUnderReview(bytes32 postId);
    /// @notice A ruling decided this post; no report overwrites it.
    error PostRuled(bytes32 postId);
    /// @notice Only the disputes contract may do this.
    error UnauthorizedDisputes(address caller);
    /// @notice The post's standing does not allow this (see `PostStatus`).
    error WrongPostStatus(bytes32 postId, uint8 status);
}

/// @notice Errors of requests and their delivery.
interface IHubErrors {
    /// @notice A post has an id that is not zero.
    error MissingPostId();
    /// @notice A creator has an address, an escrow account's if need be.
    error MissingCreator(bytes32 postId);
    /// @notice An attestation names the media it is about.
    error MissingContentHash(bytes32 postId);
    /// @notice Neither a URI nor a content hash to find the media by.
    error NothingToVerify(bytes32 postId);
    /// @notice The URI is longer than the hub accepts.
    error UriTooLong(uint256 length, uint256 maximum);
    /// @notice More callback gas than the hub forwards.
    error CallbackGasTooHigh(uint256 callbackGas, uint256 maximum);
    /// @notice No such commitment, or it was made in this very block.
    error CommitmentNotRipe(bytes32 commitment);
    /// @notice The value sent is not the fee.
    error IncorrectFee(uint256 required, uint256 sent);
    /// @notice The request is unknown, settled or cancelled (see `RequestStatus`).
    error RequestNotPending(bytes32 requestId, uint8 status);
    /// @notice The request's deadline has passed; it can only be cancelled.
    error RequestExpired(bytes32 requestId, uint256 deadline);
    /// @notice The request's deadline has not passed; it cannot be cancelled yet.
    error RequestNotExpired(bytes32 requestId, uint256 deadline);
    /// @notice The report's validity has ended.
    error ReportExpired(bytes32 requestId, uint256 validUntil);
    /// @notice The report claims to observe a moment still to come.
    error ObservedInFuture(bytes32 requestId, uint256 observedAt);
    /// @notice The post in the report is not the post of the request.
    error PostIdMismatch(bytes32 expected, bytes32 actual);
    /// @notice The policy version in the report is not that of the request.
    error ConfigVersionMismatch(uint64 expected, uint64 actual);
    /// @notice The id of an attestation follows from its post and content.
    error InvalidAttestationId(bytes32 expected, bytes32 actual);
    /// @notice A batch is of something.
    error EmptyBatch();
    /// @notice A reason is given where an analysis failed, and there alone (see `FailureReason`).
    error UnexpectedReason(uint8 outcome, uint8 reason);
    /// @notice Too little gas left to give the consumer what the request promised.
    error InsufficientGasForCallback(uint256 required, uint256 available);
    /// @notice There is no failed callback to retry.
    error CallbackNotRetryable(bytes32 requestId, uint8 callbackStatus);
    /// @notice As many signature lists as reports.
    error BatchLengthMismatch(uint256 reports, uint256 signatures);
    /// @notice Only the hub itself may call this.
    error OnlySelf(address caller);
    /// @notice The account has nothing to withdraw.
    error NothingToWithdraw(address account);
    /// @notice The recipient refused the money; it stays claimable.
    error WithdrawalRefused(address to);
    /// @notice The requester has as many open requests as one account may have.
    error TooManyOpenRequests(bytes32 namespace, uint256 open);
    /// @notice A cap of zero would close the oracle; pausing does that.
    error InvalidOpenRequestsCap(uint256 cap);
}

/// @notice Errors of platforms.
interface IPlatformErrors {
    /// @notice Only the platform's owner, or whom it was offered to, may do this.
    error NotPlatformOwner(bytes32 platformId, address caller);
    /// @notice No key of this platform, or a signature that is not the key's.
    error NotPlatformKey(bytes32 platformId, address key);
    /// @notice The authorisation's validity has ended.
    error AuthorisationExpired(bytes32 platformId, uint256 validUntil);
}

/// @notice Errors of roots.
interface IRootErrors {
    /// @notice The root was posted before.
    error RootKnown(bytes32 root);
    /// @notice No such root, or it was revoked.
    error UnknownRoot(bytes32 root);
    /// @notice A signer of this epoch was revoked: what its roots hold and nobody posted yet is void.
    error EpochRevoked(uint64 epoch);
}

/// @notice Errors of wiring.
interface IWiringErrors {
    /// @notice An address that must not be zero.
    error ZeroAddress();
}

/// @notice Errors of linked accounts.
interface IAccountErrors {
    /// @notice A handle has 1 to 256 bytes.
    error InvalidHandle(uint256 length);
    /// @notice The account has a wallet already; governance can change it.
    error AlreadyLinked(address account, address wallet);
    /// @notice The account has no wallet yet.
    error NotLinked(address account);
    /// @notice The attestation's validity has ended.
    error LinkExpired(address account, uint256 validUntil);
    /// @notice Another link of the account waits.
    error LinkPending(address account, address wallet);
    /// @notice No link of the account waits.
    error NoLinkPending(address account);
    /// @notice The link can still be vetoed.
    error LinkNotReady(address account, uint256 readyAt);
    /// @notice No more links today.
    error LinkCapReached(uint256 cap);
    /// @notice A cap of zero would close the door for ever.
    error InvalidLinkCap(uint256 cap);
    /// @notice A delay outside its range, in seconds.
    error InvalidLinkDelay(uint256 seconds_);
}

/// @notice Errors of whatever holds money.
interface IMoneyErrors is IUnknownPostError {
    /// @notice The ether sent is not what the call says.
    error IncorrectValue(uint256 required, uint256 sent);
    /// @notice Nothing was paid, or nothing arrived.
    error NoMoney();
    /// @notice The account has nothing to withdraw in this token.
    error NothingToClaim(address account, address token);
    /// @notice The caller does not act for this account.
    error NotYourAccount(address account, address caller);
    /// @notice The recipient refused the money; it stays claimable.
    error PaymentRefused(address to);
    /// @notice This ERC-20 is not taken.
    error TokenNotAllowed(address token);
    /// @notice The result can still change; contested money waits for it.
    error ResultNotFinal(bytes32 postId, uint8 status);
    /// @notice Nothing is held for this post in this token.
    error NothingHeld(bytes32 postId, address token);
    /// @notice The account's money waits for a fraud alert; the guard knows until when.
    error AccountFrozen(address account);
    /// @notice The post's earnings wait for a fraud alert; the guard knows until when.
    error PostFrozen(bytes32 postId);
}

/// @notice Errors of token pools.
interface IPoolErrors {
    /// @notice Between one and the most tokens a trade may move.
    error InvalidAmount(uint256 tokens);
    /// @notice The price moved past what the trader accepts.
    error PriceMoved(uint256 actual, uint256 limit);
    /// @notice The trader holds fewer tokens.
    error NotEnoughTokens(address holder, uint256 held, uint256 asked);
}

/// @notice Errors of bonuses.
interface IBonusErrors {
    /// @notice This pay period of the post was paid already.
    error AlreadyPaid(bytes32 postId, bytes32 period);
    /// @notice The vault holds less than the pay.
    error BudgetExceeded(address token, uint256 budget, uint256 pay);
}

/// @notice Errors of fraud freezes.
interface IFraudErrors {
    /// @notice Nothing is known of this post.
    error UnknownSubject(bytes32 subject);
    /// @notice A freeze, an appeal and a decision each carry the hash of a statement.
    error MissingStatement(bytes32 alertId);
    /// @notice The alert has been used.
    error AlertUsed(bytes32 alertId);
    /// @notice This statement froze once before.
    error StatementUsed(bytes32 statementHash);
    /// @notice The subject is frozen for another alert.
    error AlreadyFrozen(bytes32 subject, bytes32 alertId);
    /// @notice The subject was frozen unreviewed as long as a year allows, in seconds.
    error FreezeBudgetSpent(bytes32 subject, uint256 left, uint256 asked);
    /// @notice An end date lies ahead, and not too far.
    error InvalidEndDate(uint256 until, uint256 latest);
    /// @notice The alert's status does not allow this (see `FreezeStatus`).
    error FreezeNotOpen(bytes32 alertId, uint8 status);
    /// @notice Only the one whose money waits may appeal.
    error NotTheSubject(bytes32 alertId, address caller);
    /// @notice Who accuses does not decide.
    error AccuserCannotDecide(bytes32 alertId, address caller);
}

/// @notice Errors of disputes.
interface IDisputeErrors {
    /// @notice A statement has a hash.
    error MissingEvidence();
    /// @notice Only the post's owner may dispute its result.
    error NotPostOwner(bytes32 postId, address caller);
    /// @notice There is nothing to dispute: the post is original, or its result is final.
    error NotDisputable(bytes32 postId, uint8 outcome, uint8 status);
    /// @notice The dispute's stage does not allow this (see `DisputeStatus`).
    error WrongStage(uint256 disputeId, uint8 status);
    /// @notice Only the other party may answer.
    error NotTheOtherParty(uint256 disputeId, address caller);
    /// @notice Each side answers once a round.
    error AlreadyAnswered(uint256 disputeId);
    /// @notice The time for this has passed.
    error TooLate(uint256 disputeId, uint256 deadline);
    /// @notice The time for this has not come.
    error TooEarly(uint256 disputeId, uint256 notBefore);
    /// @notice A ruling keeps the outcome, or says original or licensed.
    error InvalidRuling(uint256 disputeId, uint8 outcome);
    /// @notice A party, who accused, or who ruled the round before, does not rule.
    error PartialArbiter(uint256 disputeId, address arbiter);
    /// @notice No further round.
    error NoFurtherRound(uint256 disputeId, uint256 round);
    /// @notice Only the side that lost may go on.
    error NotTheLoser(uint256 disputeId, address caller);
    /// @notice Only the hub delivers second looks.
    error NotTheHub(address caller);
    /// @notice The work a claim rests on is unknown, not older, or the same creator's.
    error NotEarlier(bytes32 postId, bytes32 originalPostId);
    /// @notice This was claimed before.
    error AlreadyClaimed(bytes32 postId, bytes32 originalPostId);
    /// @notice As many claims with a bond stand against this post as may at a time.
    error TooManyClaims(bytes32 postId, uint256 open);
    /// @notice The correction waits: the post is under dispute, or another contract decides about it by now.
    error NotHeld(bytes32 postId);
    /// @notice No dispute waits for this second look.
    error UnknownReview(bytes32 requestId);
}

