"""A real MLflow tracking server, and what its own client reads from it. Called by tests/it/track.rs.

mlflow_server.py serve FOLDER PORT    serves on 127.0.0.1 until its standard input is closed; prints `ready`
mlflow_server.py read URL             every run of every experiment, as JSON

Ends with 77 where mlflow is missing.
"""
import json, os, subprocess, sys, time, urllib.request

os.environ["MLFLOW_DISABLE_TELEMETRY"] = os.environ["DO_NOT_TRACK"] = "true"
try:
    import mlflow
except ImportError as missing:
    print(missing)
    sys.exit(77)


def serve(folder, port):
    address = f"http://127.0.0.1:{port}"
    # Jobs would start further processes, which outlive the server.
    settings = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port, "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--serve-artifacts"]
    command += ["--artifacts-destination", f"{folder}/artifacts"]
    with open(f"{folder}/server.log", "w") as log:
        server = subprocess.Popen(command, cwd=folder, env=settings, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        for _ in range(600):
            try:
                if urllib.request.urlopen(f"{address}/health", timeout=2).status == 200:
                    print("ready", flush=True)
                    sys.stdin.read()
                    return 0
            except OSError:
                pass
            if server.poll() is not None:
                break
            time.sleep(0.2)
        print(open(f"{folder}/server.log").read()[-2000:], flush=True)
        return 1
    finally:
        server.terminate()
        server.wait()


def read(address):
    client = mlflow.MlflowClient(address)
    found = []
    for experiment in client.search_experiments():
        for run in client.search_runs([experiment.experiment_id]):
            identity = run.info.run_id
            histories = {key: client.get_metric_history(identity, key) for key in run.data.metrics}

            def files(folder=None):
                for file in client.list_artifacts(identity, folder):
                    if file.is_dir:
                        yield from files(file.path)
                    else:
                        yield [file.path, file.file_size]

            found.append({
                "experiment": experiment.name,
                "name": run.info.run_name,
                "status": run.info.status,
                "times": [run.info.start_time, run.info.end_time],
                "tags": run.data.tags,
                "params": run.data.params,
                "metrics": {key: [[m.step, m.value] for m in history] for key, history in histories.items()},
                "files": sorted(files()),
                "datasets": [given.dataset.name for given in run.inputs.dataset_inputs],
            })
    print(json.dumps(found))
    return 0


sys.exit(serve(*sys.argv[2:]) if sys.argv[1] == "serve" else read(sys.argv[2]))
