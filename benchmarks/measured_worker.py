"""`symbolicate worker` with the resolution of frames stubbed out once it has seen them.

The first answer to a frame is kept in a dict and given from then on, so that what is left is the
pipeline's own cost: messages, normalising, fingerprints, accounts, outcomes.
"""

from __future__ import annotations

from collections.abc import Iterable

from symbolicate.answers import Answers
from symbolicate.cli import main
from symbolicate.frame_store import StoredAnswer
from symbolicate.raw_frame import Submission

Answered = tuple[dict[bytes, StoredAnswer], set[bytes]]


def stub_resolution() -> None:
    """Lets every `Answers` of this process answer what it knows from a dict."""
    known: dict[bytes, StoredAnswer] = {}
    resolve = Answers.for_submissions

    def remembered(
        self: Answers, team_id: int, submissions: Iterable[Submission], **given: bool
    ) -> Answered:
        wanted = {submission.hash: submission for submission in submissions}
        unseen = [one for raw_id, one in wanted.items() if raw_id not in known]
        if unseen:
            made, _ = resolve(self, team_id, unseen, **given)
            known.update(made)
        return {raw_id: known[raw_id] for raw_id in wanted if raw_id in known}, set()

    Answers.for_submissions = remembered  # type: ignore[method-assign]


if __name__ == "__main__":
    stub_resolution()
    main()
