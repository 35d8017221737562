"""The notices to creators, word for word. Order: what happened, what it means for the money, why,
how it was found and how sure that is, what can be done by when, who decided. Every slot in braces
is a stored fact; without it nothing is sent.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Template:
    """One notice. `version` changes whenever its wording does."""

    kind: str
    version: int
    subject: str
    body: str
    # Facts that are kept and hashed with it, and are no text for a creator.
    technical: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.kind} v{self.version}"


HOLD = Template(
    "payout_hold",
    4,
    "Payout on hold: {subject}",
    """{what_waits} waits since {frozen_at}, {held} so far. It is not taken away. \
{other_money}

Why: {why}
Seen between {seen_from} and {seen_until}.

What this does not mean: somebody else may have caused it. We have not decided that you did.

How it was found: rule "{rule}" (version {thresholds_version}), {means}. {reviewer} \
{track_record}

What you can do: nothing, and it is decided by {deadline}. If nobody has decided by then, the \
money is free again. \
Or tell us more: {appeal_link}. It is free of charge, until {appeal_end}. Useful would be \
{evidence_hints}.

Case {case}. What we rely on: {clause}.
""",
    technical=("data_link", "log_head"),
)
NOT_COUNTED = Template(
    "not_counted",
    2,
    "Some views of {subject} do not count",
    """Some views or reactions of {subject} do not count, neither for its grade nor where it is \
paid by views. No money waits because of it, and all else counts as before.

Why: {why}
Seen between {seen_from} and {seen_until}.

What this does not mean: often somebody else sent them. We have not decided that you did.

How it was found: rule "{rule}" (version {thresholds_version}), automatically. No person has \
looked at it yet.

What you can do: nothing. Or tell us that people were behind them: {appeal_link}. It is free of \
charge, until {appeal_end}. Useful would be {evidence_hints}.

Case {case}.
""",
    technical=("data_link",),
)
UPHELD = Template(
    "hold_upheld",
    2,
    "A person looked at the alert about {subject} and confirmed it",
    """{consequence}

Why: {reason}
What it was about: {why}

Decided on {decided_at} by {decider}, who had no part in it before.

What you can do: {next_step}

Case {case}.
""",
)
ENDED = Template(
    "hold_ended",
    2,
    "The alert about {subject} has ended",
    """The alert about {subject} ended on {ended_at}, and no money waits because of it any more. \
{released} that waited is yours; you see it among your payments within the day.

Why: {reason}

{decision} You need to do nothing.

Case {case}.
""",
)
APPEAL_FILED = Template(
    "appeal_received",
    1,
    "We have your appeal about {subject}",
    """We received your appeal about {subject} on {filed_at}, on the ground "{ground}". It is \
decided by {decide_by}. \
{money_meanwhile}

It is decided by a person who had no part in the first decision ({first_decider}). {other_side}

You can add files until it is decided: {appeal_link}.

Appeal {appeal}.
""",
)
OTHER_SIDE = Template(
    "appeal_other_side",
    1,
    "Somebody disputes that {subject} copies your work",
    """The creator of {subject} appealed the decision that it is a copy of your "{original}", on \
the ground \
"{ground}". \
Your share of what it earns waits until the appeal is decided.

What they say: {statement}

You can say how you see it until {other_until}: {appeal_link}. If you say nothing, it is decided \
by what is known.

Appeal {appeal}.
""",
)
APPEAL_RESULT = Template(
    "appeal_result",
    1,
    "Your appeal about {subject}: {outcome}",
    """Your appeal about {subject} is {outcome}.

We looked at {looked_at}. What convinced us: {convinced}

Money: {money}

{next_step}

Decided on {decided_at} by {decider}, who had no part in the first decision.

Appeal {appeal}.
""",
)
COPY_FOUND = Template(
    "copy_found",
    3,
    "Copyright match: {subject}",
    """{subject} matches "{original}" by {owner}, first registered here on {registered_at}. From \
{decided_at} on \
{redirect} of what it earns goes to {owner}; you keep the rest. Its bonus is half of an \
original's. Your post stays up.

Where: {viewer_link} shows both side by side with the parts that match.

How the share was set: similarity {similarity}, threshold {threshold}: {formula} = {redirect}.

How sure: {certainty} A match shows likeness, not who is right.

What you can do: if you made it first, have a licence, or both use the same free source, say so. \
It is free of \
charge, until {appeal_end}: {appeal_link}. The share of {owner} waits until {waits_until}, and \
longer if you appeal.

Decided {decider}. Case {case}.
""",
)
WAS_COPIED = Template(
    "was_copied",
    1,
    "{subject} was copied by {copier}",
    """"{copy}" by {copier} matches your {subject}, which was here first. {redirect} of what it \
earns goes to you, counted from {decided_at}.

When: your share waits until {waits_until}, as long as {copier} can dispute it, and longer if that \
happens; then it is yours, and your dashboard shows it.

Where: {viewer_link} shows both side by side with the parts that match.

How sure: similarity {similarity}, threshold {threshold}; {certainty}

What you can do: nothing is needed. If {copier} may use your work, grant a licence; then nothing \
more goes to you.

Decided {decider}. Case {case}.
""",
)
COPY_ENDED = Template(
    "copy_ended",
    1,
    '"{copy}" does not count as a copy of your work any more',
    """A later look at "{copy}" came to another verdict. Nothing more of what it earns goes to \
you, and what waited for you goes where the new verdict says. What you were paid before stays \
yours.

Where: {viewer_link} shows what was found.

Decided {decider}. Case {case}.
""",
)
OWN_COPY = Template(
    "own_copy",
    2,
    "Match with your own work: {subject}",
    """{subject} matches "{original}", which you registered here on {registered_at}. Since \
{decided_at} its bonus is half of an original's. No share of what it earns goes to anybody else, \
and your post stays up.

Where: {viewer_link} shows both side by side with the parts that match.

How sure: similarity {similarity}, threshold {threshold}; {certainty}

What you can do: if it matched the wrong thing, say so. It is free of charge, until {appeal_end}: \
{appeal_link}.

Decided {decider}. Case {case}.
""",
)
UNDECIDED = Template(
    "undecided",
    3,
    "Under review: {subject}",
    """{explanation}

Money: {money}

Nearest earlier work: {nearest}.

What helps to decide: {would_help}. Send it, or say what you know: {review_link}.

A person decides by {decide_by}. If nobody has decided by then, {otherwise}, and what waited is \
yours.

What was found: {viewer_link}. Looked at {decider}. Case {case}.
""",
)
DECIDED = Template(
    "decided",
    1,
    "{subject} counts as {verdict}",
    """{subject}, which could not be decided before, counts as {verdict} since {decided_at}.

Money: {money}

Why: {why}

Decided {decider}. What was found: {viewer_link}. Case {case}.
""",
)
VERDICT_CHANGED = Template(
    "verdict_changed",
    2,
    "{subject} counts as {verdict} now",
    """Since {since} {subject} counts as {verdict}.

Money: {money}

Why: {why}

Decided by {decider}; {proof}. The verdicts in order: {link}.
""",
    technical=("transaction", "reason_hash"),
)
VETOED = Template(
    "decision_vetoed",
    1,
    "What was decided about {subject} is decided again",
    """What was decided about {subject} is not carried out: it was vetoed at the contract, on \
{vetoed_at}. The verdict stays as it was; another person decides by {decide_by}.

Money: the share in question goes on waiting until then.

What both sides have said and sent counts as before; more can be sent: {link}.

Case {case}.
""",
)
CLAIM_FILED = Template(
    "claim_received",
    1,
    "We have your claim about {subject}",
    """We received your claim that {subject} copies your "{original}" on {filed_at}. The two are \
compared again, with everything there is to compare, and a person decides by {decide_by}. The \
share in question waits until then. Its creator can answer until {other_until}.

You can add files until it is decided: {claim_link}. A claim that is made against better \
knowledge counts against who makes it.

Claim {claim}.
""",
)
CLAIM_OTHER_SIDE = Template(
    "claim_other_side",
    1,
    "Somebody says that {subject} copies their work",
    """The creator of "{original}", registered here on {registered_at}, says that your {subject} \
copies it. A person decides by {decide_by}; a share of what it earns waits until then, and is \
yours if the claim is not upheld.

What they say: {statement}

You can say how you see it until {other_until}: {claim_link}. If you say nothing, it is decided \
by what is known.

Claim {claim}.
""",
)
CLAIM_RESULT = Template(
    "claim_result",
    1,
    "The claim that {subject} copies an earlier work: {outcome}",
    """The claim that {subject} copies "{original}" is {outcome}.

What convinced us: {convinced}

Money: {money}

{next_step}

Decided on {decided_at} by {decider}. Claim {claim}.
""",
)
ALL = {
    template.kind: template
    for template in (
        HOLD,
        NOT_COUNTED,
        UPHELD,
        ENDED,
        APPEAL_FILED,
        OTHER_SIDE,
        APPEAL_RESULT,
        COPY_FOUND,
        WAS_COPIED,
        COPY_ENDED,
        OWN_COPY,
        UNDECIDED,
        DECIDED,
        VERDICT_CHANGED,
        VETOED,
        CLAIM_FILED,
        CLAIM_OTHER_SIDE,
        CLAIM_RESULT,
    )
}
