"""Four signers, each cut off again and again between two effects of its own: every request
answered exactly once.
"""

import os
import random
from collections import Counter
from collections.abc import Callable

import pytest
from integration.chain.quorum_world import Quorum

# The long profile has at least 200: ORACLE_CRASHES=200 pytest
# tests/integration/chain/quorum/test_quorum_crashes.py
CRASHES = int(os.environ.get("ORACLE_CRASHES", "12"))


class Crashed(BaseException):
    """Not an Exception: nothing between the point and the test may catch it."""


class Saboteur:
    """Cuts a member off at a random one of its next points."""

    def __init__(self, rng: random.Random, left: int) -> None:
        self.rng = rng
        self.left = left
        self.hits: Counter[str] = Counter()

    def fuse(self) -> Callable[[str], None]:
        countdown = self.rng.randint(1, 10)

        def point(name: str) -> None:
            nonlocal countdown
            countdown -= 1
            if countdown <= 0 and self.left > 0:
                self.left -= 1
                self.hits[name] += 1
                raise Crashed(name)

        return point


@pytest.mark.timeout(120 + 5 * CRASHES)
# A peer server cut off in mid-answer is a thread that ends by it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_signers_that_crash_at_random_points_answer_everything_exactly_once(four: Quorum) -> None:
    saboteur = Saboteur(random.Random(20_261_122), CRASHES)
    asked: list[bytes] = []

    def restart(index: int) -> None:
        member = four.members[index]
        if member.node is not None:
            member.node.close()
        four.start(index, failpoint=saboteur.fuse())

    for index in range(4):
        restart(index)
    rounds = 0
    while saboteur.left > 0:
        rounds += 1
        assert rounds < 60 * CRASHES, f"{saboteur.left} crashes left: {saboteur.hits}"
        if len(asked) < CRASHES and rounds % 2:
            asked.append(four.request())
        for index, member in enumerate(four.members):
            assert member.node is not None
            try:
                member.node.step()
            except Crashed:
                restart(index)
            member.world.run_now()
        four.anvil.mine()
    for index in range(4):
        restart(index)
    four.drive(asked, rounds=200)
    assert saboteur.hits.total() == CRASHES
    print(f"{CRASHES} crashes at {dict(saboteur.hits)}, {len(asked)} requests, each answered once")
