"""Templates stand on internals of Modal's client: any other client must be refused, in words."""

from types import SimpleNamespace

import modal
from modal._runtime import user_code_imports

from remote.local_cloud import starts, template_process


def test_the_installed_client_is_the_one_that_is_known():
    assert template_process.unlike_expected(user_code_imports) is None


def test_another_minor_version_is_refused(monkeypatch):
    monkeypatch.setattr(modal, "__version__", "1.7.0")
    assert template_process.unlike_expected(user_code_imports) == "modal is 1.7.0, and 1.6 is known here"


def test_a_client_that_loads_classes_otherwise_is_refused():
    def import_class_service(function_def, client):
        raise NotImplementedError

    changed = SimpleNamespace(
        import_class_service=import_class_service, ImportedClass=user_code_imports.ImportedClass
    )
    assert "in another way" in (template_process.unlike_expected(changed) or "")


def test_a_start_is_told_by_the_phases_that_were_seen():
    moments = {"asked": 1.0, "there": 1.01, "hello": 1.035, "ready": 1.04}
    assert starts.phases("template", moments) == {"fork": 10, "boot": 25, "enter": 5}
    assert starts.phases("cold", moments) == {"process": 10, "boot": 25, "load": 5}
    assert starts.phases("warm_spare", moments | {"released": 1.02}) == {"release": 20}
    assert starts.phases("template", moments | {"released": 1.02}) == {"fork": 10, "release": 20}
    assert starts.phases("cold", {}) == {}
    assert starts.sentence("ta-1", "warm_spare", {"release": 20}) == (
        "Container ta-1 is a warm spare start: release 20 ms.\n"
    )
    assert starts.sentence("ta-1", "cold", {}) == "Container ta-1 is a cold start.\n"
