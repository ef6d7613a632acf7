"""Which movements of a face speak for an expression and which against it, by its prototype (mien.prototypes).

The match of a face with a prototype is the mean strength of the prototype's units and the mean weakness of all others.
A movement's evidence is what it adds to that match beyond a unit of medium strength, so that the evidence of all
movements sums to the match less one half.  It does not know the weights: it says what the prototypes would say.
"""

from collections.abc import Mapping

from mien.prototypes import MIDDLE, PROTOTYPES, core_of, others


def evidence(label: str, units: Mapping[str, float]) -> dict[str, float]:
    """Return the evidence of each movement for a label, strongest support first; empty for labels without prototype.

    >>> smile = evidence("happiness", {"au06": 0.5, "au12": 1.0, "au04": 1.0})
    >>> list(smile), round(smile["au12"], 3), smile["au04"] < 0
    (['au12', 'au06', 'au04'], 0.125, True)
    """
    if label not in PROTOTYPES:
        return {}
    own = core_of(label, units)
    against = others(own)
    halves = 2 if own else 1  # neutral has no units of its own: its match is the weakness of all others alone
    signed = {unit: (units[unit] - MIDDLE) / halves / len(own) for unit in own if unit in units}
    signed |= {unit: (MIDDLE - units[unit]) / halves / len(against) for unit in against if unit in units}
    return dict(sorted(signed.items(), key=lambda pair: -pair[1]))
