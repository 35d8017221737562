"""`oracle up` without the hub, then with it: weights come while it runs, the channel goes on."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from support.clip_weights import save_generated_weights
from support.hub import running_hub
from support.photos import photo
from support.waiting import wait_for

from oracle.demo.stage import Stage, running_oracle
from storage.database import Database
from storage.search.videos import frames_of

pytest.importorskip("open_clip", reason="set up without the extra `clip`")

PATIENCE_S = 500.0  # the export is 40 s of work at low priority
NOWHERE = "http://127.0.0.1:9"  # the discard port: nothing listens there


def settings(tmp_path: Path, hub: str) -> dict[str, str]:
    return {
        "ORACLE_CLIP__FETCH": "true",
        "HF_ENDPOINT": hub,
        "HF_HOME": str(tmp_path / "hub-cache"),
    }


def upload(stage: Stage, name: str) -> dict[str, Any]:
    answer = stage.api.post("/upload", files={"file": photo(name)}, data={"creator": name}).json()
    assert answer["verdict"] == "original"
    decided: dict[str, Any] = answer
    return decided


def models_of(stage: Stage, analysis: dict[str, Any]) -> set[str]:
    """The models that have described a work."""
    work_id = UUID(analysis["work"]["id"])
    db = Database(stage.dsn, max_size=2)
    db.open()
    try:
        with db.transaction() as conn:
            return set(frames_of(conn, [work_id])[work_id].embeddings)
    finally:
        db.close()


def clip_state(stage: Stage) -> dict[str, Any]:
    state: dict[str, Any] = stage.api.get("/readyz").json()["channels"]["image"]["clip"]
    return state


@pytest.mark.campaign
@pytest.mark.timeout(900)
def test_weights_come_from_the_hub_and_earlier_works_are_described(tmp_path: Path) -> None:
    folder = tmp_path / "oracle"
    folder.mkdir()
    log = folder / "oracle.log"
    with running_oracle(folder, settings(tmp_path, NOWHERE)) as stage:
        early = upload(stage, "temple")
        assert not early["channels"]["clip"]["on"]
        assert "oracle models pull" in clip_state(stage)["reason"]
        wait_for(lambda: "clip.off" in log.read_text())
        assert "cannot be fetched from the hub" in log.read_text()

    with running_hub(save_generated_weights(tmp_path / "served.safetensors")) as hub:
        assert hub.etag is not None
        model = f"clip/ViT-B-32/laion2b_s34b_b79k/{hub.etag[:12]}"
        with running_oracle(folder, settings(tmp_path, hub.url)) as stage:
            wait_for(lambda: clip_state(stage)["on"], timeout_s=PATIENCE_S)
            assert clip_state(stage)["model"] == model
            wait_for(lambda: model in models_of(stage, early), timeout_s=PATIENCE_S)
            late = upload(stage, "rocket")
            assert late["channels"]["clip"]["on"] and model in models_of(stage, late)
            wait_for(
                lambda: "models | ended with status 0" in log.read_text(), timeout_s=PATIENCE_S
            )
        assert hub.starts == [0]
    text = log.read_text()
    assert "clip.fetching" in text and "clip.exporting" in text and "clip.described" in text
