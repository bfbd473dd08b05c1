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
        function_id = self.cloud.apps.bind(base, request.serialized_params, request.function_options)
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
