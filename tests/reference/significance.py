"""Writes significance.json: tests, adjustments, rank correlations and intervals from SciPy and statsmodels.

    python significance.py        # numpy 2.4.6, scipy 1.17.1, statsmodels 0.15.0
"""

import json
from pathlib import Path

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests

HERE = Path(__file__).parent
rng = np.random.default_rng(2026)


def wilcoxon(differences, exact):
    # Zeros are dropped; the approximation has the corrections for ties and continuity.
    method = "exact" if exact else "asymptotic"
    options = {"zero_method": "wilcox", "method": method, "correction": not exact}
    both = stats.wilcoxon(differences, **options)
    greater = stats.wilcoxon(differences, **{**options, "method": "asymptotic", "correction": True}, alternative="greater")
    kept = differences[differences != 0]
    ranks = stats.rankdata(np.abs(kept))
    return {
        "differences": differences.tolist(),
        "exact": exact,
        "positive": float(ranks[kept > 0].sum()),
        "two_sided": float(both.pvalue),
        "greater": float(greater.pvalue),
    }


def wilcoxon_cases():
    cases = []
    for n in [1, 2, 5, 6, 7, 12, 25, 49, 50]:
        for shift in [0.0, 0.4, -1.0]:
            cases.append(wilcoxon(rng.normal(shift, 1.0, n), True))
    for n in [51, 80, 300]:
        for shift in [0.0, 0.1, -0.4]:
            cases.append(wilcoxon(rng.normal(shift, 1.0, n), False))
    for n in [4, 8, 20, 40, 200]:  # ties and zeros
        for shift in [0, 1, -1]:
            differences = rng.integers(-3, 4, n).astype(float) + shift
            cases.append(wilcoxon(differences, False))
    cases.append(wilcoxon(np.array([1.0, -1.0, 2.0, -2.0]), False))  # the statistic is its mean
    return cases


def holm_cases():
    cases = [[0.01, 0.04, 0.03], [0.5], [0.2, 0.2, 0.2], [1.0, 1e-9, 0.3, 0.0125], [0.0, 0.0, 0.9]]
    cases += [rng.random(n).tolist() for n in (6, 45)]
    return [{"p": p, "adjusted": multipletests(p, method="holm")[1].tolist()} for p in cases]


def kendall_cases():
    cases = [([1, 2, 3, 4], [1, 2, 3, 4]), ([1, 2, 3], [3, 2, 1]), ([1, 1, 3, 4], [1, 2, 2, 4]), ([1, 1, 1, 4, 5], [2, 1, 2, 2, 5])]
    cases += [(rng.permutation(9).tolist(), rng.permutation(9).tolist()), (rng.integers(0, 5, 30).tolist(), rng.integers(0, 5, 30).tolist())]
    return [{"one": a, "other": b, "tau": float(stats.kendalltau(a, b).statistic)} for a, b in cases]


def bca(sums, counts):
    """The mean over cases, resampling patients, each with the sum of its values and their number."""
    sums, counts = np.asarray(sums, float), np.asarray(counts, float)

    def mean(patients, axis=-1):
        patients = patients.astype(int)
        return sums[patients].sum(axis) / counts[patients].sum(axis)

    patients = np.arange(len(sums))
    found = stats.bootstrap((patients,), mean, n_resamples=300, method="BCa", rng=np.random.default_rng(len(sums)))
    jackknife = [float(mean(np.delete(patients, patient))) for patient in patients]
    return {
        "value": float(mean(patients)),
        "resamples": found.bootstrap_distribution.tolist(),
        "jackknife": jackknife,
        "interval": [float(found.confidence_interval.low), float(found.confidence_interval.high)],
    }


def bca_cases():
    cases = []
    for n in [6, 12, 40]:
        cases.append(bca(rng.beta(8, 2, n), np.ones(n)))  # one case per patient
        counts = rng.integers(1, 5, n)
        cases.append(bca(counts * rng.beta(5, 1, n), counts))  # several
    cases.append(bca(np.array([1.0] * 7 + [0.0]), np.ones(8)))  # many ties with the mean
    cases.append(bca(rng.exponential(10.0, 15), np.ones(15)))  # skewed, as distances are
    return cases


content = {"wilcoxon": wilcoxon_cases(), "holm": holm_cases(), "kendall": kendall_cases(), "bca": bca_cases()}
(HERE / "significance.json").write_text(json.dumps(content) + "\n")
