"""Runs in MLflow, on a server or in a database: ``pip install "wagtail-slots[mlflow]"``."""

from personalization.training.tracking.base import Tracked

# MLflow refuses longer values.
LONGEST_PARAM = 6_000
LONGEST_TAG = 5_000


class MlflowTracker:
    """Writes each run into one experiment of the MLflow at `uri`; MLFLOW_TRACKING_URI counts when that is empty."""

    def __init__(self, uri: str = "", experiment: str = "personalization") -> None:
        try:
            from mlflow.tracking import MlflowClient
        except ImportError as error:
            raise ImportError('MLflow is not installed: pip install "wagtail-slots[mlflow]".') from error
        self._client = MlflowClient(tracking_uri=uri or None)
        self._experiment = experiment

    def track(self, run: Tracked) -> None:
        """Write parameters, figures, tags and the artifact's manifest as one finished run."""
        client = self._client
        tags = {name: value[:LONGEST_TAG] for name, value in run.tags.items()}
        began = int(run.started_at.timestamp() * 1000)
        made = client.create_run(self._experiment_id(), start_time=began, tags=tags, run_name=run.name)
        run_id = made.info.run_id
        for name, value in run.params.items():
            client.log_param(run_id, name, str(value)[:LONGEST_PARAM])
        for name, figure in run.figures.items():
            client.log_metric(run_id, name, figure)
        client.log_dict(run_id, {"files": dict(run.files)}, "manifest.json")
        client.set_terminated(run_id, end_time=int(run.finished_at.timestamp() * 1000))

    def _experiment_id(self) -> str:
        known = self._client.get_experiment_by_name(self._experiment)
        return known.experiment_id if known else self._client.create_experiment(self._experiment)
