"""What the client raises when its server is out of reach is LinkError; a bug of ours stays what it is."""

import asyncio

import pytest
from grpclib.config import Configuration
from grpclib.protocol import Connection
from h2.connection import H2Connection
from modal.exception import AuthError, ServiceError

from tui_app.watcher.calls import LinkError
from tui_app.watcher.modal_calls import link


class Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.is_open = True

    def close(self) -> None:
        self.is_open = False


async def lost_connection() -> Connection:
    connection = Connection(H2Connection(), Wire(), config=Configuration().__for_test__())
    connection.close()
    return connection


async def test_a_request_on_a_connection_that_was_just_lost_is_an_error_of_the_link() -> None:
    connection = await lost_connection()
    with pytest.raises(LinkError, match="connection was lost"), link():
        connection.create_stream()


async def test_a_request_that_is_being_written_then_is_one_too() -> None:
    connection = await lost_connection()
    connection._connection.initiate_connection()
    with pytest.raises(LinkError, match="connection was lost"), link():
        connection.flush()


@pytest.mark.parametrize("error", [ServiceError("no"), ConnectionResetError("gone"), AuthError("who?")])
def test_so_is_what_the_client_says_itself(error: Exception) -> None:
    with pytest.raises(LinkError), link():
        raise error


def test_an_attribute_that_we_misspelled_is_a_bug() -> None:
    with pytest.raises(AttributeError), link():
        _ = lost_connection.no_such_name  # type: ignore[attr-defined]


def test_none_in_place_of_an_object_is_a_bug() -> None:
    with pytest.raises(AttributeError), link():
        _ = None.name  # type: ignore[attr-defined]
