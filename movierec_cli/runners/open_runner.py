"""Which runner options ask for."""

from movierec_cli.runners.in_process import InProcess
from movierec_cli.runners.local import LocalProcesses
from movierec_cli.runners.runner import Runner


def open_runner(jobs: int | None = None, cluster: str | None = None) -> Runner:
    """A runner, to be entered.

    Args:
        jobs: how many tasks are done at once; on a cluster, at most.
        cluster: where it is, as `RayCluster` takes it; None: this machine does the tasks.

    Raises:
        MovierecError: the package of the cluster is not installed.
    """
    if cluster is not None:
        from movierec_cli.runners.cluster import RayCluster

        return RayCluster(cluster, jobs)
    return InProcess() if jobs in (None, 1) else LocalProcesses(jobs)
