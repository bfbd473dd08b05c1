"""The installed protocol is the one that the local cloud was written against, or the difference is shown."""

import copy
import json

from rpc_table import TABLE, difference, implemented, installed


def test_the_installed_protocol_is_the_one_in_the_table():
    found = difference(json.loads(TABLE.read_text()), installed())
    assert not found, f"read it, then: python tests/contract/rpc_table.py --renew\n{found}"


def test_a_difference_is_shown_line_by_line():
    table = json.loads(TABLE.read_text())
    changed = copy.deepcopy(table)
    fields = changed["messages"]["modal.client.DictGetRequest"]
    fields[1] = fields[1].replace("2 ", "3 ")
    del changed["rpcs"]["DictPop"]
    lines = [line for line in difference(table, changed).splitlines() if line[0] in "+-"]
    assert any(line.startswith('-  "DictPop"') for line in lines)
    assert [line.strip('+- ",') for line in lines if "key" in line] == ["2 key: bytes", "3 key: bytes"]


def test_every_method_of_an_area_that_is_named_like_an_rpc_is_in_the_table():
    assert sorted(json.loads(TABLE.read_text())["rpcs"]) == sorted(implemented())
