"""What every process knows of the migrations without alembic, against alembic itself."""

import subprocess
import sys

from alembic.script import ScriptDirectory

from storage import migrate


def test_the_names_of_files_tell_the_migrations() -> None:
    scripts = ScriptDirectory.from_config(migrate._config())
    known = {script.revision for script in scripts.walk_revisions()}
    assert migrate._revisions() == known
    assert scripts.get_heads() == [max(known)]


def test_a_process_imports_neither_engines_nor_chain_before_it_knows_what_it_is() -> None:
    heavy = ("alembic", "cv2", "fastapi", "onnxruntime", "scipy", "web3")
    code = f"import sys, oracle.cli; print([name for name in {heavy} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
