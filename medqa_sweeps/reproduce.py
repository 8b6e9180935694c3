"""Two folders of one config: what they stand on, then what came out."""

from typing import Any

from medqa_sweeps.trial_dir import TrialDir


def compare(original: TrialDir, again: TrialDir) -> tuple[list[str], bool]:
    """Sentences that say what differs, causes first, and whether both results are the same to the bit."""
    causes = _differing_ground(original.provenance(), again.provenance())
    sentences = [f"Differs in what it stands on: {cause}" for cause in causes]
    first, second = original.result(), again.result()
    if first is None or second is None or first.score is None or second.score is None:
        return [*sentences, "Not comparable: one of the two has no score."], False
    left = original.predictions().get(first.samples_seen, {})
    right = again.predictions().get(second.samples_seen, {})
    letters = sum(right[id].predicted != left[id].predicted for id in left if id in right)
    same = first.adapter_sha256 == second.adapter_sha256 and left == right
    if same:
        return [*sentences, f"Reproduced: the same adapter and all {len(left):,} predictions, to the bit."], True
    return [
        *sentences,
        f"Not the same bits: {letters:,} of {len(left):,} letters differ; accuracy {first.score.accuracy:.1%} then, "
        f"{second.score.accuracy:.1%} now.",
    ], False


def _differing_ground(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    found = []
    for what in ("questions", "base"):
        if then.get(what, {}).get("fingerprint") != now.get(what, {}).get("fingerprint"):
            found.append(f"{what}, by content")
    if then.get("code", {}).get("commit") != now.get("code", {}).get("commit"):
        found.append(f"code: commit {then.get('code', {}).get('commit')} then, {now.get('code', {}).get('commit')} now")
    if then.get("code", {}).get("diff") != now.get("code", {}).get("diff"):
        found.append("code: uncommitted changes")
    packages = (then.get("packages", {}), now.get("packages", {}))
    changed = sorted(name for name in packages[0] | packages[1] if packages[0].get(name) != packages[1].get(name))
    found += [f"package {name}: {packages[0].get(name)} then, {packages[1].get(name)} now" for name in changed]
    for what in ("processor", "gpus"):
        if then.get("hardware", {}).get(what) != now.get("hardware", {}).get(what):
            found.append(f"hardware: {what}")
    return found
