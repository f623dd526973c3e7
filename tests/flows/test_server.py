"""Deployments on a real server: schedules appear, REST and the page's form start runs."""

import datetime
import shutil
import subprocess
import sys
import time
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from browsing import chromium
from conftest import git
from servers import background, wait_for

from flows import dag


@dataclass(frozen=True)
class Deployed:
    """A project whose prefect.yaml is deployed, with a worker at work."""

    root: Path
    server: Any
    log: Path

    def deployment(self, name: str) -> dict[str, Any]:
        return self.server.call(f"deployments/name/{name}/{name}")

    def start(self, name: str, **parameters: object) -> str:
        """Start a run as anything outside would: by REST. Its id."""
        path = f"deployments/{self.deployment(name)['id']}/create_flow_run"
        return self.server.call(path, {"parameters": parameters, "state": {"type": "SCHEDULED"}})[
            "id"
        ]

    def ended(self, run_id: str, seconds: float = 120) -> dict[str, Any]:
        def state():
            run = self.server.call(f"flow_runs/{run_id}")
            final = run["state_type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
            return run if final else None

        return wait_for(state, seconds, lambda: self.log.read_text()[-3000:])

    def logs(self, run_id: str) -> str:
        rows = self.server.call("logs/filter", {"logs": {"flow_run_id": {"any_": [run_id]}}})
        return "\n".join(row["message"] for row in rows)

    def show(self, branch: str, name: str) -> str:
        return git(self.root, "show", f"{branch}:{name}")


@pytest.fixture(scope="module")
def deployed(finished_toy, prefect_server, tmp_path_factory) -> Iterator[Deployed]:
    """As README says: a work pool, `prefect deploy --all`, a worker."""
    root = shutil.copytree(finished_toy, tmp_path_factory.mktemp("deployed") / "toy", symlinks=True)
    env = {
        **prefect_server.env,
        "PWD": str(root),  # as any shell has it
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }
    for words in ("work-pool create pocketdet --type process", "deploy --all"):
        done = subprocess.run(
            [sys.executable, "-m", "prefect", "--no-prompt", *words.split()],
            cwd=root, env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    log = root.parent / "worker.log"
    worker = ("prefect", "worker", "start", "--pool", "pocketdet")
    with background(*worker, cwd=root, env=env, log=log):
        yield Deployed(root, prefect_server, log)


def test_schedule_makes_scheduled_runs_appear(deployed):
    retrain = deployed.deployment("retrain")
    wanted = {
        "deployments": {"id": {"any_": [retrain["id"]]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
    }
    runs = wait_for(lambda: deployed.server.call("flow_runs/filter", wanted), 60)
    times = [datetime.datetime.fromisoformat(run["expected_start_time"]) for run in runs]
    assert {(time.hour, time.minute) for time in times} == {(3, 0)}
    assert len(set(times)) == len(runs) >= 2
    assert retrain["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    assert retrain["global_concurrency_limit"]["limit"] == 1


def test_rest_with_overrides_runs_in_a_clean_clone(deployed):
    run_id = deployed.start("pipeline", overrides=["train.epochs=3"], stages=["train"])
    run = deployed.ended(run_id)
    assert run["state_name"] == "Completed", deployed.logs(run_id)
    # The stage's own output is in the task's log; logs travel a little later than states.
    wait_for(lambda: "epoch 2" in deployed.logs(run_id), 30, lambda: deployed.logs(run_id))
    assert "epochs: 3" in deployed.show(f"runs/{run['name']}", "params.yaml")
    assert git(deployed.root, "status", "--porcelain") == ""
    tasks = deployed.server.call("task_runs/filter", {"flow_runs": {"id": {"any_": [run_id]}}})
    assert {task["name"]: task["state_name"] for task in tasks} == {
        "data/raw/photos.dvc": "Cached", "split": "Cached", "train": "Completed",
    }  # fmt: skip


def test_parameters_that_break_the_form_are_refused(deployed):
    for parameters in ({"stages": ["trian"]}, {"overrides": ["train.epochs"]}):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            deployed.start("pipeline", **parameters)
        with refusal.value:
            assert refusal.value.code in (409, 422)


def test_cancelled_run_leaves_no_process(deployed):
    run_id = deployed.start("pipeline", overrides=["train.epochs=2000"], stages=["train"])
    wait_for(
        lambda: "epoch 3" in deployed.logs(run_id), 90, lambda: deployed.log.read_text()[-3000:]
    )
    assert processes_in(deployed.root / ".pocketdet" / "clones")
    state = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
    deployed.server.call(f"flow_runs/{run_id}/set_state", state)
    assert deployed.ended(run_id, 60)["state_type"] == "CANCELLED"
    wait_for(lambda: not processes_in(deployed.root / ".pocketdet" / "clones"), 15)


def processes_in(folder: Path) -> list[str]:
    """Ids of the processes whose working folder is below a folder."""
    if not Path("/proc/self/cwd").exists():
        pytest.skip("without /proc there is no telling which process works where")
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if link.readlink().is_relative_to(folder):
                found.append(link.parent.name)
        except OSError:
            continue  # ended meanwhile
    return found


@pytest.fixture
def browser():
    """Headless Chromium or Chrome."""
    with chromium() as chrome:
        yield chrome


def test_form_in_the_page_starts_a_run(deployed, browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select, WebDriverWait

    wait = WebDriverWait(browser, 60)

    def one(selector: str):
        by = By.XPATH if selector.startswith("//") else By.CSS_SELECTOR
        return wait.until(lambda page: next(iter(page.find_elements(by, selector)), None))

    pipeline = deployed.deployment("pipeline")["id"]
    page = deployed.server.url.removesuffix("/api")
    browser.get(f"{page}/deployments/deployment/{pipeline}/run")
    one("//button[normalize-space()='Add item']").click()
    one(".schema-form-property-array-item textarea").send_keys("evaluate.nms_iou=0.33")
    stages = Select(one("select[multiple]"))
    assert [option.text for option in stages.options] == dag.stages(deployed.root)
    stages.select_by_visible_text("evaluate")

    def named(_) -> bool:
        """The page puts a name of its own there, on a busy machine after we have put ours."""
        name = one("input[type=text]")
        if name.get_attribute("value") != "from-the-form":
            name.clear()
            name.send_keys("from-the-form")
        time.sleep(0.5)
        return name.get_attribute("value") == "from-the-form"

    wait.until(named)
    one("//button[normalize-space()='Submit']").click()

    wanted = {"flow_runs": {"name": {"any_": ["from-the-form"]}}}
    (run,) = wait_for(
        lambda: deployed.server.call("flow_runs/filter", wanted),
        60,
        lambda: [browser.current_url, browser.find_element(By.TAG_NAME, "body").text],
    )
    assert run["parameters"] == {"overrides": ["evaluate.nms_iou=0.33"], "stages": ["evaluate"]}
    ended = deployed.ended(run["id"])
    assert ended["state_type"] == "COMPLETED", deployed.logs(run["id"])
    assert "nms_iou: 0.33" in deployed.show("runs/from-the-form", "params.yaml")
