"""What is left out while an operator waits, and that it is there for whoever needs it later."""

import json
import subprocess
import sys

PROGRAM = """
import json, sys
from tui_app.fast_imports import fast_imports
with fast_imports():
    import tui_app.app
left_out = not any(name in sys.modules for name in ("ssl", "_ssl"))
import ssl
print(json.dumps([left_out, ssl.create_default_context().verify_mode.name]))
"""


def test_the_dashboard_is_imported_without_tls_which_can_be_imported_afterwards() -> None:
    said = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True).stdout
    assert json.loads(said) == [True, "CERT_REQUIRED"]


def test_tls_that_is_there_stays() -> None:
    program = "import ssl, sys; from tui_app.fast_imports import fast_imports\n"
    program += "with fast_imports(): pass\nprint(sys.modules['ssl'] is ssl)"
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert said == "True\n"
