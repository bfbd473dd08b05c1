"""Clusters: how a container learns its rank, and looking at them from outside."""

from __future__ import annotations

from grpclib import GRPCError, Status
from modal_proto import api_pb2

from remote.local_cloud import clocks
from remote.local_cloud.clusters import Cluster
from remote.local_cloud.rpc.area import Area, Peer, not_found

HELLO_POLL = 30.0


class ClusterRpc(Area):
    """The ranks of `modal.clustered`."""

    async def TaskClusterHello(
        self, request: api_pb2.TaskClusterHelloRequest, peer: Peer
    ) -> api_pb2.TaskClusterHelloResponse:
        """Answer when every member is there: they begin together."""
        task_id = peer.task_id or ""
        try:
            cluster = self.cloud.clusters.arrive(task_id)
        except KeyError as error:
            raise GRPCError(Status.FAILED_PRECONDITION, "this container is in no cluster") from error
        while not cluster.is_complete:
            if cluster.broken:
                raise GRPCError(Status.FAILED_PRECONDITION, "a member of the cluster died before it began")
            await cluster.changed.wait(HELLO_POLL)
        addresses, addresses_v4 = cluster.addresses
        return api_pb2.TaskClusterHelloResponse(
            cluster_id=cluster.cluster_id,
            cluster_rank=cluster.task_ids.index(task_id),
            container_ips=addresses,
            container_ipv4_ips=addresses_v4,
        )

    async def ClusterGet(self, request: api_pb2.ClusterGetRequest, peer: Peer) -> api_pb2.ClusterGetResponse:
        try:
            cluster = self.cloud.clusters.get(request.cluster_id)
        except KeyError:
            not_found(f"Cluster '{request.cluster_id}'")
        return api_pb2.ClusterGetResponse(cluster=_stats(cluster))

    async def ClusterList(
        self, request: api_pb2.ClusterListRequest, peer: Peer
    ) -> api_pb2.ClusterListResponse:
        return api_pb2.ClusterListResponse(clusters=[_stats(c) for c in self.cloud.clusters.all()])


def _stats(cluster: Cluster) -> api_pb2.ClusterStats:
    return api_pb2.ClusterStats(
        app_id=cluster.app_id,
        task_ids=cluster.task_ids,
        cluster_id=cluster.cluster_id,
        started_at=clocks.shown(cluster.started_at),
    )
