"""Reference values for crates/search, from Optuna 5.0.0, cmaes 0.13.1, SciPy 1.17.1 and NumPy 2.4.

    python tests/reference/search.py    # writes search.json beside itself
"""

import functools
import json
import logging
import warnings
from pathlib import Path

import cmaes
import numpy as np
import optuna
import scipy.stats
from optuna._hypervolume.wfg import compute_hypervolume
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator, _ParzenEstimatorParameters
from optuna.samplers._tpe.sampler import _split_trials, default_weights
from optuna.study._multi_objective import _fast_non_domination_rank
from optuna.trial import TrialState, create_trial

warnings.simplefilter("ignore")
optuna.logging.set_verbosity(logging.ERROR)
# Of equal values Optuna takes the order that NumPy's unstable sort happens to give; we keep that of the trials.
np.argsort = functools.partial(np.argsort, kind="stable")
rng = np.random.default_rng(20261129)

# One of each kind of parameter: (its domain in our JSON, Optuna's distribution).
KINDS = {
    "uniform": ({"uniform": {"low": -2.0, "high": 5.0}}, FloatDistribution(-2, 5)),
    "log": ({"log-uniform": {"low": 1e-4, "high": 10.0}}, FloatDistribution(1e-4, 10, log=True)),
    "int": ({"int": {"low": -3, "high": 12, "step": 1, "log": False}}, IntDistribution(-3, 12)),
    "step": ({"int": {"low": 16, "high": 256, "step": 16, "log": False}}, IntDistribution(16, 256, step=16)),
    "intlog": ({"int": {"low": 1, "high": 1000, "step": 1, "log": True}}, IntDistribution(1, 1000, log=True)),
    "choice": ({"choice": {"count": 4}}, CategoricalDistribution([0, 1, 2, 3])),
}


def draw(kind):
    _, dist = KINDS[kind]
    if isinstance(dist, CategoricalDistribution):
        return int(rng.integers(len(dist.choices)))
    low, high = dist.low, dist.high
    if dist.log:
        value = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    else:
        value = float(rng.uniform(low, high))
    if isinstance(dist, IntDistribution):
        return int(np.clip(low + round((value - low) / dist.step) * dist.step, low, high))
    return value


def value(kind, number):
    """In our JSON."""
    if number is None:
        return None
    return {"choice": "choice", "uniform": "number", "log": "number"}.get(kind, "int"), number


def point(kinds, numbers):
    return [None if number is None else dict([value(kind, number)]) for kind, number in zip(kinds, numbers)]


def parzen():
    cases = []
    settings = _ParzenEstimatorParameters(1.0, True, False, default_weights, True)
    for kinds in [[kind] for kind in KINDS] + [list(KINDS), ["uniform", "log"]]:
        for count in (0, 1, 2, 5, 40):
            rows = [[draw(kind) for kind in kinds] for _ in range(count)]
            queries = [[draw(kind) for kind in kinds] for _ in range(6)]
            columns = {str(i): np.array([row[i] for row in rows], dtype=float) for i in range(len(kinds))}
            estimator = _ParzenEstimator(columns, {str(i): KINDS[kind][1] for i, kind in enumerate(kinds)}, settings)
            asked = {str(i): np.array([row[i] for row in queries], dtype=float) for i in range(len(kinds))}
            cases.append({
                "domains": [KINDS[kind][0] for kind in kinds],
                "rows": [point(kinds, row) for row in rows],
                "queries": [point(kinds, row) for row in queries],
                "ln-density": estimator.log_pdf(asked).tolist(),
            })
    return cases


def splits():
    """Finished, pruned and running trials of one and two objectives; which of them are good."""
    cases = []
    for objectives in (1, 2):
        for count, good in ((12, 2), (30, 3), (30, 12), (25, 25), (40, 30)):
            study = optuna.create_study(directions=["minimize"] * objectives)
            states = []
            for _ in range(count):
                kind = rng.choice(["finished", "finished", "finished", "pruned", "running"])
                kind = "finished" if objectives == 2 and kind == "pruned" else kind
                # A coarse grid makes ties.
                numbers = [float(rng.integers(0, 12)) / 4 for _ in range(objectives)]
                step = int(rng.integers(1, 4))
                if kind == "finished":
                    study.add_trial(create_trial(values=numbers))
                    states.append({"finished": {"objectives": numbers}})
                elif kind == "pruned":
                    study.add_trial(create_trial(state=TrialState.PRUNED, intermediate_values={step: numbers[0]}))
                    states.append({"pruned": {"step": step, "value": numbers[0]}})
                else:
                    study.add_trial(create_trial(state=TrialState.RUNNING))
                    states.append("running")
            below, above = _split_trials(study, study.trials, good)
            cases.append({
                "states": states, "count": good, "objectives": objectives,
                "good": [trial.number for trial in below], "rest": [trial.number for trial in above],
            })
    return cases


def fronts():
    cases = []
    for count in (1, 7, 40):
        for coarse in (False, True):
            pairs = rng.integers(0, 8, (count, 2)) / 4 if coarse else rng.uniform(0, 2, (count, 2))
            inside = pairs[(pairs <= 1.75).all(axis=1)]
            cases.append({
                "pairs": pairs.tolist(),
                "ranks": _fast_non_domination_rank(pairs).tolist(),
                "hypervolume": float(compute_hypervolume(inside, np.array([1.75, 1.75]))),
            })
    return cases


def importances():
    """Trials over all kinds of parameters and one that is active only under choice 1 of the last."""
    cases = []
    kinds = [*KINDS, "uniform"]
    for count, objectives in ((1, 1), (30, 1), (120, 1), (100, 2)):
        study = optuna.create_study(directions=["minimize"] * objectives)
        trials = []
        for _ in range(count):
            row = [draw(kind) for kind in kinds]
            if row[5] != 1:
                row[6] = None
            score = (row[0] - 1) ** 2 + 3 * row[5] + 0.3 * np.log10(row[1]) ** 2 + 0.1 * row[2] + (row[6] or 0) ** 2
            numbers = [float(score), float(abs(row[4] - 40) / 100 + row[5])][:objectives]
            names = {str(i): number for i, number in enumerate(row) if number is not None}
            distributions = {str(i): KINDS[kind][1] for i, kind in enumerate(kinds) if str(i) in names}
            study.add_trial(create_trial(params=names, distributions=distributions, values=numbers))
            trials.append({"point": point(kinds, row), "state": {"finished": {"objectives": numbers}}})
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        raw = evaluator.evaluate(study, params=None)
        total = sum(raw.values())
        cases.append({
            "domains": [KINDS[kind][0] for kind in kinds], "trials": trials,
            "importance": [raw.get(str(i), 0.0) / total if total > 0 else 0.0 for i in range(len(kinds))],
        })
    return cases


def signed_ranks():
    cases = []
    for count in (2, 3, 8, 13, 20, 50, 51, 120):
        for kind in ("plain", "ties", "zeros"):
            differences = rng.normal(0.2, 1, count)
            if kind != "plain":
                differences = np.round(differences * 2) / 2
            if kind == "ties":
                differences[differences == 0] = 0.5
            result = scipy.stats.wilcoxon(differences, alternative="greater", zero_method="zsplit")
            exact = count <= 13 or kind == "plain" or count > 50
            cases.append({"differences": differences.tolist(), "p": float(result.pvalue), "exact": bool(exact)})
    return cases


def pruning():
    """The Wilcoxon pruner on whole trials: losses by case, in the order of the cases."""
    cases = []
    for shift in (-0.5, 0.0, 0.2, 0.5, 1.0):
        for count in (1, 2, 5, 12):
            best = rng.normal(1, 1, 14)
            losses = best[:count] + rng.normal(shift, 0.5, count)
            study = optuna.create_study(pruner=optuna.pruners.WilcoxonPruner(p_threshold=0.1))
            study.add_trial(create_trial(value=float(best.mean()), intermediate_values=dict(enumerate(best.tolist()))))
            trial = study.ask()
            for case, loss in enumerate(losses):
                trial.report(float(loss), case)
            cases.append({"best": best.tolist(), "trial": losses.tolist(), "stops": bool(trial.should_prune())})
    return cases


def halving():
    """Trials that reach the only rung one after the other."""
    cases = []
    for eta in (2, 3, 4):
        pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=eta)
        study = optuna.create_study(pruner=pruner)
        numbers, stops = [], []
        for _ in range(30):
            trial = study.ask()
            numbers.append(float(rng.integers(0, 20)))
            trial.report(numbers[-1], 1)
            stops.append(bool(trial.should_prune()))
            study.tell(trial, numbers[-1])
        cases.append({"eta": eta, "values": numbers, "stops": stops})
    return cases


def adaptation():
    """Means, step sizes and covariances of CMA-ES told the same generations."""
    cases = []
    for dimensions in (1, 2, 6):
        optimizer = cmaes.CMA(mean=np.full(dimensions, 0.5), sigma=1 / 6, bounds=np.array([[0.0, 1.0]] * dimensions), seed=1)
        generations = []
        scale = np.arange(1, dimensions + 1)
        for _ in range(25):
            told = []
            for _ in range(optimizer.population_size):
                place = optimizer.ask()
                told.append((place, float(np.sum(scale * (place - 0.3) ** 2))))
            optimizer.tell(list(told))
            generations.append({
                "places": [place.tolist() for place, _ in told], "values": [number for _, number in told],
                "mean": optimizer._mean.tolist(), "step": float(optimizer._sigma),
                "covariance": optimizer._C.ravel().tolist(),
            })
        cases.append({"dimensions": dimensions, "population": optimizer.population_size, "generations": generations})
    return cases


def main():
    tables = {
        "parzen": parzen(), "splits": splits(), "fronts": fronts(), "importances": importances(),
        "signed-ranks": signed_ranks(), "pruning": pruning(), "halving": halving(), "adaptation": adaptation(),
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(tables) + "\n")


if __name__ == "__main__":
    main()
