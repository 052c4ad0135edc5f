"""The app against a simulated provider: nothing to sign up for, nothing costs money."""

import json
import os
import subprocess
import sys
from pathlib import Path

from roadworthy.vet.process import start_simulator

HERE = Path(__file__).parent


def test_every_record_is_accounted_for(tmp_path: Path) -> None:
    with start_simulator(answers=str(HERE / "answers.jsonl")) as provider:
        environ = {"OPENAI_BASE_URL": provider.url, "OPENAI_API_KEY": "dummy"}
        environ["ROADWORTHY_LEDGER"] = str(tmp_path / "test.db")
        command = [sys.executable, "-m", "roadworthy", "run", "app.py", "input.jsonl", "--json"]
        done = subprocess.run(
            command, cwd=HERE, env={**os.environ, **environ}, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    fates = json.loads(done.stdout)
    assert fates["accepted"] + fates["rejected"] == fates["records"]
    assert fates["rejected"] == 1  # R-7 is empty
