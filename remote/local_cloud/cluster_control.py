"""Starting the containers of a cluster together, and ending them together.

What happens to one member happens to all: an interrupt, a cancelled input, a death. When the leader has
ended in the ordinary way the others may finish what they do, for as long as a grace is. It knows the
containers of a cloud by their ranks; what a cluster is, `clusters` knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remote.local_cloud import clocks
from remote.local_cloud.clusters import Cluster
from remote.local_cloud.container import Container
from remote.local_cloud.logs import SYSTEM
from remote.local_cloud.time_scale import time_scale

if TYPE_CHECKING:
    from remote.local_cloud.cloud import Cloud
    from remote.local_cloud.function import Function

REMAINS_SECONDS = 30.0


async def start(cloud: Cloud, function: Function, size: int) -> None:
    """Start all members, or none: where one cannot be started, or ends while others are, those before it are
    ended. Only the first of these is an error."""
    cluster = cloud.clusters.begin(function.app_id, size)
    try:
        for _ in range(size):
            container = await cloud.containers.start(function, park=False)
            cloud.clusters.join(cluster, container.task_id)
            if cluster.broken:
                _end(cloud, cluster)
                return
    except Exception:
        _end(cloud, cluster)
        raise


def stop_others(cloud: Cloud, container: Container, grace: float) -> None:
    """A member has been interrupted: so are the others, with the same grace and for the same reason."""
    for other in cloud.clusters.others(container.task_id):
        member = cloud.containers.live.get(other)
        if member is not None and not member.stopping:
            cloud.containers.stop(member, grace=grace, preempted=container.preempted)


def cancel_input(cloud: Cloud, container: Container, input_id: str) -> None:
    """Tell a container to abandon an input, and all others of its cluster."""
    members = [cloud.containers.live.get(other) for other in cloud.clusters.others(container.task_id)]
    for member in [container, *filter(None, members)]:
        member.cancelled.append(input_id)
        member.wake.beat()


def member_gone(cloud: Cloud, container: Container) -> None:
    """A container is gone; if it was a member that should have lived on, its cluster goes with it."""
    cluster = cloud.clusters.of(container.task_id)
    if cluster is None:
        return
    ordinary = _is_over(cloud, cluster, container)
    rank = cluster.task_ids.index(container.task_id)
    cloud.clusters.forget(container.task_id)
    rest = _live(cloud, cluster)
    if not rest:
        return
    if ordinary:
        cluster.remains_since = cluster.remains_since or clocks.now()
        return
    if not container.stopping:
        line = f"Rank {rank} of cluster {cluster.cluster_id} is gone; the cluster is ended.\n"
        cloud.logs.add(cloud.containers.origin(container), SYSTEM, [line])
    for member in rest:
        cloud.containers.stop(member, preempted=container.preempted)


def end_remains(cloud: Cloud, now: float) -> None:
    """End members that are still busy long after their leader has ended."""
    for cluster in cloud.clusters.all():
        since = cluster.remains_since
        if since is not None and now - since > REMAINS_SECONDS * time_scale():
            for member in _live(cloud, cluster):
                cloud.containers.stop(member, preempted=False)


def leaves_with_leader(cloud: Cloud, container: Container) -> bool:
    """Whether a member that follows has nothing to wait for any more."""
    cluster = cloud.clusters.of(container.task_id)
    return cluster is None or _is_over(cloud, cluster, None)


def restore(cloud: Cloud) -> None:
    """After a restart: members go on with what they were given; the rest of a cluster ends, and so does a
    member that the last daemon did not come to put into its cluster."""
    given, remains = cloud.clusters.restore(cloud.containers.live)
    for task_id, input_id in given.items():
        container = cloud.containers.live.get(task_id)
        leader = cloud.containers.live.get(cloud.clusters.leader_of(task_id))
        if container is not None and leader is not None and input_id in leader.current:
            container.current[input_id] = leader.current[input_id]
            container.doubtful.append(input_id)
    for container in cloud.containers.live.values():
        clustered = cloud.apps.function(container.function_id).definition._experimental_group_size
        if container.task_id in remains or (clustered and cloud.clusters.of(container.task_id) is None):
            cloud.containers.stop(container, preempted=False)


def _is_over(cloud: Cloud, cluster: Cluster, gone: Container | None) -> bool:
    """Whether a cluster's leader has ended, or is about to, with nothing left to do."""
    leader = cloud.containers.live.get(cluster.leader)
    if leader is None and gone is not None and gone.task_id == cluster.leader:
        leader = gone
    if leader is None:
        return True
    return leader.draining and not leader.current and not leader.stopping


def _end(cloud: Cloud, cluster: Cluster) -> None:
    """End a cluster that has not begun."""
    for container in _live(cloud, cluster):
        cloud.containers.stop(container, grace=0.0, preempted=False)


def _live(cloud: Cloud, cluster: Cluster) -> list[Container]:
    found = [cloud.containers.live.get(task_id) for task_id in cluster.task_ids]
    return [container for container in found if container is not None]
