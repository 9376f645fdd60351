"""Our samplers and successive halving beside Optuna's: tables for docs/benchmarks.md.

    cargo build --release -p segspec-search --example search
    python benches/peer/search.py target/release/examples/search            # needs optuna 5.0, cmaes, scikit-learn
    python benches/peer/search.py target/release/examples/search --halving  # only the second table
    cargo build --release --manifest-path benches/peer/search-crates/Cargo.toml
    python benches/peer/search.py target/release/examples/search --crates benches/peer/search-crates/target/release/search-crates

Each function is searched with as many trials by each sampler, seeds 0 to 29. Regret is the least loss minus the function's minimum;
the means have 95 % bootstrap intervals, the ratio of two means too. Learning curves are recorded, not made up: validation
log-loss of scikit-learn's MLPClassifier on its 8x8 digits after each of 27 epochs, at 160 random configurations.
"""

import argparse
import json
import math
import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy as np
import optuna

SEEDS = 30  # --seeds
warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)


def cube(count, low, high):
    return lambda trial: [trial.suggest_float(f"x{i}", low, high) for i in range(count)]


def branin_point(trial):
    return [trial.suggest_float("x0", -5, 10), trial.suggest_float("x1", 0, 15)]


def branin(x):
    bend = x[1] - 5.1 / (4 * math.pi**2) * x[0] ** 2 + 5 / math.pi * x[0] - 6
    return bend**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x[0]) + 10


A = np.array([[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]])
P = 1e-4 * np.array([[1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991],
                     [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381]])


def hartmann6(x):
    return -float(np.dot([1.0, 1.2, 3.0, 3.2], np.exp(-(A * (np.array(x) - P) ** 2).sum(axis=1))))


def rosenbrock(x):
    return sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in zip(x, x[1:]))


def ackley(x):
    x = np.array(x)
    return float(-20 * np.exp(-0.2 * np.sqrt((x**2).mean())) - np.exp(np.cos(2 * np.pi * x).mean()) + 20 + np.e)


def network_point(trial):
    x = [None] * 9
    x[0] = trial.suggest_categorical("model", [0, 1, 2])
    x[1] = trial.suggest_float("rate", 1e-5, 1, log=True)
    x[2] = trial.suggest_categorical("optimiser", [0, 1])
    if x[2] == 0:
        x[3] = trial.suggest_float("momentum", 0, 1)
    else:
        x[4] = trial.suggest_float("decay", 1e-6, 1, log=True)
    if x[0] == 0:
        x[5], x[6] = trial.suggest_int("width", 8, 128, step=8), trial.suggest_int("depth", 2, 6)
    if x[0] == 1:
        x[7], x[8] = trial.suggest_int("heads", 1, 64, log=True), trial.suggest_float("dropout", 0, 0.9)
    return x


def network(x):
    if x[0] == 0:
        model = 0.1 + ((x[5] - 64) / 64) ** 2 + 0.1 * abs(x[6] - 4)
    else:
        model = math.log(x[7] / 12) ** 2 / 4 + (x[8] - 0.2) ** 2 if x[0] == 1 else 0.6
    if x[2] == 0:
        best_rate, optimiser = -1.5 - 2 * (x[3] - 0.5), 0.3 * (x[3] - 0.9) ** 2
    else:
        best_rate, optimiser = -3, 0.05 + 0.02 * (math.log10(x[4]) + 3) ** 2
    return model + optimiser + 0.2 * (math.log10(x[1]) - best_rate) ** 2


# Name: (point, loss, minimum, trials).
FUNCTIONS = {
    "branin": (branin_point, branin, 0.39788735772973816, 100),
    "hartmann6": (cube(6, 0, 1), hartmann6, -3.322368011391339, 200),
    "rosenbrock5": (cube(5, -5, 10), rosenbrock, 0.0, 200),
    "ackley10": (cube(10, -32.768, 32.768), ackley, 0.0, 200),
    "network": (network_point, network, 0.0, 150),
}

PEERS = {
    "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
    "tpe": lambda seed: optuna.samplers.TPESampler(seed=seed),
    "tpe, group": lambda seed: optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True),
    "cmaes": lambda seed: optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False),
}


def ours(program, *arguments):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        subprocess.run([program, *map(str, arguments), out], check=True)
        return json.loads(out.read_text())


def our_regret(program, name, sampler):
    _, loss, minimum, trials = FUNCTIONS[name]
    regrets = []
    for run in ours(program, "run", name, sampler, trials, SEEDS):
        point = [None if value is None else next(iter(value.values())) for value in run["point"]]
        assert math.isclose(loss(point), run["best"][-1], rel_tol=1e-9, abs_tol=1e-12), f"{name} differs at {point}"
        regrets.append(run["best"][-1] - minimum)
    return np.array(regrets)


def peer_regret(name, sampler):
    point, loss, minimum, trials = FUNCTIONS[name]
    regrets = []
    for seed in range(SEEDS):
        study = optuna.create_study(sampler=PEERS[sampler](seed))
        study.optimize(lambda trial: loss(point(trial)), n_trials=trials)
        regrets.append(study.best_value - minimum)
    return np.array(regrets)


def interval(statistic, *samples):
    rng = np.random.default_rng(0)
    draws = [statistic(*[rng.choice(sample, len(sample)) for sample in samples]) for _ in range(5000)]
    return statistic(*samples), *np.quantile(draws, [0.025, 0.975])


def show(numbers):
    return "{:.3g} ({:.3g} to {:.3g})".format(*numbers)


def samplers(program, only=None, sampler_only=None):
    print("| Function, trials | Sampler | Ours | Optuna | Ratio | Ours to random search |\n|---|---|---|---|---|---|", flush=True)
    ratio = lambda a, b: a.mean() / b.mean()
    for name, (_, _, _, trials) in FUNCTIONS.items():
        if only not in (None, name):
            continue
        random = our_regret(program, name, "random")
        for sampler in ["random", "tpe", "cmaes"] + (["tpe, group"] if name == "network" else []):
            if sampler_only not in (None, sampler):
                continue
            mine = our_regret(program, name, sampler.split(",")[0])
            peer = peer_regret(name, sampler)
            print(f"| {name}, {trials} | {sampler} | {show(interval(np.mean, mine))} | {show(interval(np.mean, peer))} "
                  f"| {show(interval(ratio, mine, peer))} | {show(interval(ratio, mine, random))} |", flush=True)


CRATES = ["optimizer tpe", "optimizer multivariate", "parzen", "tpe", "optimizer cma-es", "cmaes"]


def crates(program, other):
    """Samplers of other crates; functions with conditions and integers are beyond most of them."""
    print("| Function, trials | Sampler | Mean regret | Ours (TPE, or CMA-ES for CMA-ES) to it |\n|---|---|---|---|", flush=True)
    for name, (_, _, minimum, trials) in FUNCTIONS.items():
        if name == "network":
            continue
        mine = {sampler: our_regret(program, name, sampler) for sampler in ("tpe", "cmaes")}
        for sampler in CRATES:
            regret = np.array(ours(other, name, sampler, trials, SEEDS)) - minimum
            ratio = interval(lambda a, b: a.mean() / b.mean(), mine["cmaes" if "cma" in sampler else "tpe"], regret)
            print(f"| {name}, {trials} | {sampler} | {show(interval(np.mean, regret))} | {show(ratio)} |", flush=True)


def record(count, epochs):
    """Validation log-loss after each epoch, per configuration."""
    from sklearn.datasets import load_digits
    from sklearn.metrics import log_loss
    from sklearn.neural_network import MLPClassifier

    images, labels = load_digits(return_X_y=True)
    images = images / 16
    rng = np.random.default_rng(1)
    shuffled = rng.permutation(len(images))
    train, held_out = shuffled[:1000], shuffled[1000:]
    curves = []
    for index in range(count):
        network = MLPClassifier(
            hidden_layer_sizes=(int(2 ** rng.uniform(2, 6)),) * int(rng.integers(1, 4)),
            solver=str(rng.choice(["sgd", "adam"])), learning_rate_init=10 ** rng.uniform(-4, -0.5),
            alpha=10 ** rng.uniform(-6, 0), momentum=rng.uniform(0, 0.99), batch_size=int(2 ** rng.integers(4, 9)),
            activation=str(rng.choice(["relu", "tanh"])), random_state=index)
        curve = []
        for _ in range(epochs):
            network.partial_fit(images[train], labels[train], classes=np.arange(10))
            # A network that diverged predicts NaN: as bad as can be.
            probabilities = np.nan_to_num(network.predict_proba(images[held_out]), nan=0.1)
            curve.append(float(log_loss(labels[held_out], probabilities, labels=np.arange(10))))
        curves.append(curve)
    return curves


def peer_halving(pruner, order, curves):
    study = optuna.create_study(pruner=pruner, sampler=optuna.samplers.RandomSampler(seed=0))
    spent, best = 0, math.inf
    for index in order:
        trial = study.ask()
        for epoch, loss in enumerate(curves[index], start=1):
            spent += 1
            trial.report(loss, epoch)
            if epoch < len(curves[index]) and trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, curves[index][-1])
            best = min(best, curves[index][-1])
    return {"epochs": spent, "best": best}


def halving(program, cache):
    if cache and cache.exists():
        curves = json.loads(cache.read_text())
    else:
        curves = record(160, 27)
        if cache:
            cache.write_text(json.dumps(curves))
    rng = np.random.default_rng(2)
    orders = [rng.permutation(len(curves)).tolist() for _ in range(SEEDS)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "curves.json"
        path.write_text(json.dumps({"losses": curves, "orders": orders}))
        mine = ours(program, "halve", path, 1, 3)
    least = min(curve[-1] for curve in curves)
    rows = {
        "every trial to its end": [{"epochs": sum(map(len, curves)), "best": least}] * SEEDS,
        "ours, stopping": mine["stop"],
        "Optuna's SuccessiveHalvingPruner": [
            peer_halving(optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3), order, curves)
            for order in orders],
        "ours, promoting": mine["promote"],
        "Optuna's HyperbandPruner": [
            peer_halving(optuna.pruners.HyperbandPruner(min_resource=1, max_resource=27, reduction_factor=3), order, curves)
            for order in orders],
    }
    print("| Of 160 recorded trials | Epochs | Best loss minus the least of all | Orders in which the least was found |\n|---|---|---|---|")
    for name, results in rows.items():
        spent = np.array([result["epochs"] for result in results])
        regret = np.array([result["best"] for result in results]) - least
        print(f"| {name} | {show(interval(np.mean, spent))} | {show(interval(np.mean, regret))} | {(regret == 0).sum()} of {SEEDS} |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--halving", action="store_true", help="only successive halving")
    parser.add_argument("--curves", type=Path, help="where recorded curves are kept; recorded anew without it")
    parser.add_argument("--crates", help="only samplers of other crates: the program built in benches/peer/search-crates")
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--only", nargs=2, metavar=("FUNCTION", "SAMPLER"), help="one row of the first table")
    arguments = parser.parse_args()
    global SEEDS
    SEEDS = arguments.seeds
    if arguments.crates:
        return crates(arguments.program, arguments.crates)
    if arguments.only:
        return samplers(arguments.program, *arguments.only)
    if not arguments.halving:
        samplers(arguments.program)
    halving(arguments.program, arguments.curves)


if __name__ == "__main__":
    main()
