"""Defining functions and classes, and finding them again by name."""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf.message import Message
from modal_proto import api_pb2

from remote.local_cloud.function import Function
from remote.local_cloud.rpc.area import Area, Peer, not_found

COPIED = (
    "module_name",
    "function_name",
    "function_type",
    "warm_pool_size",
    "concurrency_limit",
    "task_idle_timeout_secs",
    "timeout_secs",
    "is_class",
    "class_parameter_info",
    "is_method",
    "function_schema",
    "startup_timeout_secs",
    "method_definitions_set",
    "implementation_name",
    "autoscaler_settings",
)

_OPTIONS = {
    "retry_policy": "retry_policy",
    "timeout_secs": "timeout_secs",
    "resources": "resources",
    "concurrency_limit": "concurrency_limit",
    "task_idle_timeout_secs": "task_idle_timeout_secs",
    "warm_pool_size": "warm_pool_size",
    "buffer_containers": "_experimental_buffer_containers",
    "max_concurrent_inputs": "max_concurrent_inputs",
    "target_concurrent_inputs": "target_concurrent_inputs",
    "batch_max_size": "batch_max_size",
    "batch_linger_ms": "batch_linger_ms",
}
_SCALING = {
    "concurrency_limit": "max_containers",
    "warm_pool_size": "min_containers",
    "buffer_containers": "buffer_containers",
    "task_idle_timeout_secs": "scaledown_window",
}


class FunctionRpc(Area):
    """Functions, class services and their bound variants."""

    async def FunctionPrecreate(
        self, request: api_pb2.FunctionPrecreateRequest, peer: Peer
    ) -> api_pb2.FunctionPrecreateResponse:
        handle = api_pb2.FunctionHandleMetadata(
            function_name=request.function_name,
            function_type=request.function_type,
            function_schema=request.function_schema,
            supported_input_formats=request.supported_input_formats,
            supported_output_formats=request.supported_output_formats,
            app_id=request.app_id,
        )
        self._describe_methods(handle, request.method_definitions)
        function_id = self.cloud.apps.reserve_function(
            request.app_id, request.function_name, request.existing_function_id, handle
        )
        return api_pb2.FunctionPrecreateResponse(function_id=function_id, handle_metadata=handle)

    async def FunctionCreate(
        self, request: api_pb2.FunctionCreateRequest, peer: Peer
    ) -> api_pb2.FunctionCreateResponse:
        definition, data = _definition(request)
        handle = api_pb2.FunctionHandleMetadata(
            function_name=definition.function_name,
            function_type=definition.function_type,
            function_schema=definition.function_schema,
            class_parameter_info=definition.class_parameter_info,
            supported_input_formats=definition.supported_input_formats,
            supported_output_formats=definition.supported_output_formats,
            is_method=definition.is_method,
            app_id=request.app_id,
        )
        self._describe_methods(handle, definition.method_definitions)
        function_id = self.cloud.apps.reserve_function(
            request.app_id, definition.function_name, request.existing_function_id, handle
        )
        handle.definition_id = f"de-{function_id[3:]}"
        self.cloud.apps.define_function(function_id, definition, handle, data)
        return api_pb2.FunctionCreateResponse(
            function_id=function_id, function=definition, handle_metadata=handle, function_data=data
        )

    async def ClassCreate(
        self, request: api_pb2.ClassCreateRequest, peer: Peer
    ) -> api_pb2.ClassCreateResponse:
        class_id = self.cloud.apps.create_class(request.app_id, request.existing_class_id)
        return api_pb2.ClassCreateResponse(class_id=class_id, handle_metadata=api_pb2.ClassHandleMetadata())

    async def ClassGet(self, request: api_pb2.ClassGetRequest, peer: Peer) -> api_pb2.ClassGetResponse:
        class_id = self.cloud.apps.published(request.app_name, "classes", request.object_tag)
        if class_id is None:
            not_found(f"Class '{request.object_tag}' of app '{request.app_name}'")
        return api_pb2.ClassGetResponse(class_id=class_id, handle_metadata=api_pb2.ClassHandleMetadata())

    async def FunctionGet(
        self, request: api_pb2.FunctionGetRequest, peer: Peer
    ) -> api_pb2.FunctionGetResponse:
        function_id = self.cloud.apps.published(request.app_name, "functions", request.object_tag)
        if function_id is None:
            not_found(f"Function '{request.object_tag}' of app '{request.app_name}'")
        function = self.cloud.apps.function(function_id)
        return api_pb2.FunctionGetResponse(
            function_id=function_id, handle_metadata=function.handle, function=function.data
        )

    async def FunctionGetById(
        self, request: api_pb2.FunctionGetByIdRequest, peer: Peer
    ) -> api_pb2.FunctionGetByIdResponse:
        function = self.function(request.function_id)
        return api_pb2.FunctionGetByIdResponse(handle_metadata=function.handle, function=function.data)

    async def FunctionBindParams(
        self, request: api_pb2.FunctionBindParamsRequest, peer: Peer
    ) -> api_pb2.FunctionBindParamsResponse:
        base = self.function(request.function_id)
        definition = api_pb2.Function.FromString(base.definition.SerializeToString())
        _apply_options(definition, request.function_options)
        function_id = self.cloud.apps.bind(base, request.serialized_params, definition)
        return api_pb2.FunctionBindParamsResponse(bound_function_id=function_id, handle_metadata=base.handle)

    async def FunctionUpdateSchedulingParams(
        self, request: api_pb2.FunctionUpdateSchedulingParamsRequest, peer: Peer
    ) -> api_pb2.FunctionUpdateSchedulingParamsResponse:
        self.function(request.function_id)
        settings = request.settings
        if request.warm_pool_size_override and not settings.HasField("min_containers"):
            settings.min_containers = request.warm_pool_size_override
        self.cloud.apps.override_autoscaler(request.function_id, settings)
        self.cloud.calls.changed.beat()
        return api_pb2.FunctionUpdateSchedulingParamsResponse(
            current_settings=self._settings(request.function_id)
        )

    async def FunctionGetSchedulingParams(
        self, request: api_pb2.FunctionGetSchedulingParamsRequest, peer: Peer
    ) -> api_pb2.FunctionGetSchedulingParamsResponse:
        return api_pb2.FunctionGetSchedulingParamsResponse(
            autoscaler_configuration=api_pb2.AutoscalerConfiguration(
                settings=self._settings(request.function_id)
            )
        )

    def _settings(self, function_id: str) -> api_pb2.AutoscalerSettings:
        function = self.function(function_id)
        settings = api_pb2.AutoscalerSettings()
        settings.CopyFrom(function.definition.autoscaler_settings)
        settings.MergeFrom(self.cloud.apps.autoscaler(function_id))
        return settings

    async def FunctionGetCurrentStats(
        self, request: api_pb2.FunctionGetCurrentStatsRequest, peer: Peer
    ) -> api_pb2.FunctionStats:
        inputs = [i for i in self.cloud.calls.open_inputs() if i.function_id == request.function_id]
        running = sum(1 for item in inputs if item.state.task_id)
        live = [c for c in self.cloud.containers.live.values() if c.function_id == request.function_id]
        taking = [c for c in live if c.serves and c.ready and not self.cloud.clusters.follows(c.task_id)]
        scaling = self.cloud.apps.scaling(self.function(request.function_id))
        return api_pb2.FunctionStats(
            backlog=len(inputs) - running,
            num_total_tasks=sum(1 for container in live if not container.parked),
            num_running_inputs=running,
            input_headroom=scaling.headroom(len(container.current) for container in taking),
        )

    def function(self, function_id: str) -> Function:
        """One function, or NOT_FOUND."""
        try:
            return self.cloud.apps.function(function_id)
        except KeyError:
            not_found(f"Function '{function_id}'")

    def _describe_methods(
        self, handle: api_pb2.FunctionHandleMetadata, methods: Mapping[str, api_pb2.MethodDefinition]
    ) -> None:
        for name, method in methods.items():
            handle.method_handle_metadata[name].CopyFrom(
                api_pb2.FunctionHandleMetadata(
                    function_name=method.function_name,
                    function_type=method.function_type,
                    web_url=method.web_url,
                    is_method=True,
                    use_method_name=name,
                    function_schema=method.function_schema,
                    supported_input_formats=method.supported_input_formats,
                    supported_output_formats=method.supported_output_formats,
                )
            )


def _definition(request: api_pb2.FunctionCreateRequest) -> tuple[api_pb2.Function, api_pb2.FunctionData]:
    """The definition and its summary, whichever of the two the client sent."""
    if request.HasField("function_data"):
        data = request.function_data
        definition = data.ranked_functions[0].function
        for name in ("module_name", "function_name", "function_type"):
            if not getattr(definition, name):
                setattr(definition, name, getattr(data, name))
    else:
        definition = request.function
        data = api_pb2.FunctionData()
        for name in COPIED:
            value, target = getattr(definition, name, None), getattr(data, name, None)
            if value is not None and isinstance(target, Message):
                target.CopyFrom(value)
            elif value:
                setattr(data, name, value)
        data.ranked_functions.add(rank=0).function.CopyFrom(definition)
    definition.is_checkpointing_function = definition.checkpointing_enabled
    return definition, data


def _apply_options(definition: api_pb2.Function, options: api_pb2.FunctionOptions) -> None:
    """Options of ``with_options``, ``with_concurrency`` and ``with_batching``: what is given replaces
    what the function was deployed with. Where it would run in the cloud means nothing here."""
    for option, field in _OPTIONS.items():
        if options.HasField(option):  # type: ignore[arg-type]
            value, target = getattr(options, option), getattr(definition, field)
            if isinstance(target, Message):
                target.CopyFrom(value)
            else:
                setattr(definition, field, value)
    for option, setting in _SCALING.items():
        if options.HasField(option):  # type: ignore[arg-type]
            setattr(definition.autoscaler_settings, setting, getattr(options, option))
    for replaced, given, kept in (
        (options.replace_secret_ids, options.secret_ids, definition.secret_ids),
        (options.replace_volume_mounts, options.volume_mounts, definition.volume_mounts),
        (options.replace_cloud_bucket_mounts, options.cloud_bucket_mounts, definition.cloud_bucket_mounts),
    ):
        if replaced:
            del kept[:]
        kept.extend(given)  # type: ignore[arg-type]
