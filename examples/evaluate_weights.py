"""Measure shipped weights on FER2013, and write a report with the images that they get wrong.

    python examples/evaluate_weights.py DATA OUT

DATA is the folder that holds FER2013.  OUT gets result.npz, metrics.json and report.html.
"""

import sys

import mien


def main(root: str, out: str) -> None:
    """Evaluate on val, print the scores and save them."""
    evaluation = mien.evaluate("fer2013-nano", root=root, split="val")
    print(evaluation)
    scores = evaluation.scores
    low, high = scores.accuracy_interval
    print(f"\naccuracy {scores.accuracy:.1%}, 95 % interval {low:.1%} to {high:.1%}")
    if scores.clean.n:  # None where the training images are not at hand
        print(f"without near-duplicates of training images {scores.clean.accuracy:.1%}")
    for path in evaluation.save(out, root):
        print("wrote", path)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python examples/evaluate_weights.py DATA OUT")
    try:
        main(*sys.argv[1:])
    except mien.MienError as error:
        sys.exit(str(error))
