"""--web: the folder that it writes and, if Chromium, Node and the npm packages are installed, its page in a browser."""

from __future__ import annotations

import base64
import functools
import http.server
import json
import math
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs

import imageio.v3 as iio
import numpy as np
import pytest
import tensorflow as tf
from helpers import ROOT, images_of, main_here

import dcgan_tf
from dcgan_tf import UserError, latents

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*(tf.lite.Interpreter is deprecated|use the LiteRT interpreter):UserWarning"
)
ASSETS = ROOT / "dcgan_tf" / "export" / "web"
NPM = ASSETS / "node_modules"
DEMO = ROOT / "docs" / "demo"
DEMO_COMMAND = ["--dataset=mnist", "--pretrained", "--web", "--web_float16"]  # and --web_dir=docs/demo
# Names of data sets, and a part of the model.json of their runs.
RUNS = {
    "mnist": {"z_dim": 100, "z_dist": "uniform_signed", "z_parameters": [-1, 1], "shape": [28, 28, 1], "iteration": 40},
    "blobs": {"z_dim": 12, "z_dist": "normal01", "z_parameters": [0, 1], "shape": [20, 24, 3], "iteration": 60},
    "classes": {"z_dim": 100, "z_dist": "uniform_signed", "shape": [16, 16, 3], "iteration": 12},
}
LABELS = {"mnist": [7, 0, 3, 9], "blobs": [7, 0, 3, 9], "classes": [1, 0, 0, 1]}
CLASSES = {"mnist": [str(digit) for digit in range(10)], "blobs": [], "classes": ["dark", "light"]}


@pytest.fixture(scope="session")
def out_dirs(mnist_run: Path, blobs_run: Path, classes_run: Path) -> dict[str, Path]:
    """The out_dir of each run, with its page written."""
    out_dirs = {"mnist": mnist_run, "blobs": blobs_run, "classes": classes_run}
    for kind, out_dir in out_dirs.items():
        main_here(f"--out_name={kind}-small", "--web", out_dir=out_dir)
    return out_dirs


def web_folder(out_dirs: dict[str, Path], kind: str) -> Path:
    return out_dirs[kind] / "web" / f"{kind}-small"


def some_inputs(kind: str) -> tuple[np.ndarray, list[int]]:
    """Return z [4, Z] of the seeds 0 to 3, and four labels."""
    return latents.z_from_seeds(range(4), RUNS[kind]["z_dim"], RUNS[kind]["z_dist"]), LABELS[kind]


def first_z(z_dim: int, z_dist: str) -> np.ndarray:
    """Return what the page opens on, float32 [1, Z]."""
    return (0.6 * latents.z_from_seeds([0], z_dim, z_dist).astype(float)).astype(np.float32)


def tflite_images(path: Path, z: np.ndarray, labels: list[int], classes: int) -> np.ndarray:
    """Run the .tflite file on each z of z [N, Z]; returns images in [0, 1], float32 [N, H, W, C]."""
    run = tf.lite.Interpreter(str(path)).get_signature_runner()
    feeds = [{"z": one[None]} for one in z]
    for feed, label in zip(feeds, labels if classes else [], strict=bool(classes)):
        feed["y"] = np.eye(classes, dtype=np.float32)[[label]]
    return np.concatenate([run(**feed)["images"] for feed in feeds])


@pytest.mark.parametrize("kind", RUNS)
def test_the_folder_holds_the_page_and_the_generator(kind: str, out_dirs: dict[str, Path]):
    folder = web_folder(out_dirs, kind)
    names = {path.name for path in folder.iterdir()}
    assert names == {"index.html", "app.js", "latents.js", "style.css", "model.json", "generator.tflite", "page.html"}
    assert sum((folder / name).stat().st_size for name in names - {"generator.tflite", "page.html"}) < 60_000
    run = json.loads((folder / "model.json").read_text())
    assert run.items() >= RUNS[kind].items() and run["run"] == f"{kind}-small"
    assert run["class_names"] == CLASSES[kind]
    assert "LITERT_VERSION" not in (folder / "index.html").read_text()

    z, labels = some_inputs(kind)
    images = tflite_images(folder / "generator.tflite", z, labels, len(run["class_names"]))
    expected = images_of(out_dirs[kind], f"{kind}-small", z, labels)
    assert expected.std() > 3
    np.testing.assert_allclose(255 * images, expected, atol=0.501)  # the expected images are rounded to uint8


def test_the_demo_is_what_its_command_writes_and_what_else_is_in_the_folder_stays(tmp_path: Path, capsys):
    again = tmp_path / "a demo"
    again.mkdir()
    (again / "CNAME").write_text("example.org")
    main_here(*DEMO_COMMAND, f"--web_dir={again}", out_dir=tmp_path)
    assert (again / "CNAME").read_text() == "example.org"
    out = capsys.readouterr().out
    assert "loads LiteRT.js 2.5.3 from its CDN." in out and f"http.server --directory '{again}' 8000\n" in out
    names = {path.name for path in again.iterdir()} - {"CNAME"}
    assert names == {path.name for path in DEMO.iterdir()}
    # Other versions of TensorFlow can write generator.tflite with other bytes, so its images are compared.
    for name in names - {"generator.tflite", "model.json"}:
        assert (DEMO / name).read_bytes() == (again / name).read_bytes(), f"make docs/demo again: {DEMO_COMMAND}"
    described = [json.loads((folder / "model.json").read_text()) for folder in (DEMO, again)]
    assert all(5e6 < run.pop("bytes") < 8e6 for run in described) and described[0] == described[1]
    assert described[0]["float16"] is True
    assert described[0]["iteration"] == 9370 and "CC BY-SA 3.0" in described[0]["data"]
    z, labels = some_inputs("mnist")
    expected = dcgan_tf.load("pretrained:mnist").generate(z=z, labels=labels)
    for folder in (DEMO, again):
        images = 255 * tflite_images(folder / "generator.tflite", z, labels, 10)
        np.testing.assert_allclose(images, expected, atol=2)  # float16, and rounded to uint8
    assert expected.std() > 50
    (again / "model.json").unlink()
    with pytest.raises(UserError, match="has an index.html of another page; name another folder with --web_dir"):
        main_here(*DEMO_COMMAND, f"--web_dir={again}")


# ---- in the browser ----


Visit = Callable[..., list[dict]]
SHOWN = ["pixels", "#picture"]


@pytest.fixture(scope="session")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Visit:
    """A function that opens pages in headless Chromium, one after another, and runs steps of browser.mjs on them."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not (chromium and shutil.which("node") and (NPM / "playwright-core").exists()):
        pytest.skip("no browser: it needs Chromium, Node 20 or later, and npm ci in dcgan_tf/export/web")

    def visit(*pages: dict) -> list[dict]:
        profile = tmp_path_factory.mktemp("chromium")
        paths = {"playwright": NPM / "playwright-core", "chromium": chromium, "profile": profile}
        request = {key: str(path) for key, path in paths.items()} | {"litert": str(NPM / "@litertjs"), "pages": pages}
        command = ["node", str(ROOT / "tests" / "browser.mjs")]
        done = subprocess.run(command, input=json.dumps(request), capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return visit


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Callable[[Path], str]]:
    """A function that serves a folder like `python -m http.server` and returns its address."""
    servers = []

    def serve(folder: Path) -> str:
        handler = functools.partial(QuietHandler, directory=str(folder))
        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def address_of(z: np.ndarray, class_name: str) -> str:
    """Return the part of the page's address that holds z [Z] and the name of the class."""
    return f"#class={class_name}&z=" + base64.urlsafe_b64encode(z.astype("<f4").tobytes()).decode().rstrip("=")


def z_in(address: str) -> np.ndarray:
    """Return the z in an address, float32 [1, Z]."""
    text = parse_qs(address[1:])["z"][0]
    return np.frombuffer(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "<f4")[None]


def assert_shows(pixels: list[int], image: np.ndarray) -> None:
    """The pixels of a canvas must be those of the image, uint8 [H, W, C]; a difference of 1 is allowed."""
    expected = np.broadcast_to(image, (*image.shape[:2], 3)).astype(int)
    assert abs(np.reshape(pixels, expected.shape) - expected).max() <= 1


@pytest.mark.parametrize("kind", RUNS)
def test_the_canvas_shows_the_images_of_the_generator(kind: str, visit: Visit, serve, out_dirs: dict[str, Path]):
    z, labels = some_inputs(kind)
    names = [CLASSES[kind][label] if CLASSES[kind] else "" for label in labels]
    addresses = [address_of(one, name) for one, name in zip(z, names, strict=True)]
    steps = [step for address in addresses for step in (["address", address], SHOWN)]
    steps += [["fill", "#seed", "4294967295"], SHOWN, ["text", "#runtime"], ["attribute", "#pad", "style"]]
    (page,) = visit({"url": serve(web_folder(out_dirs, kind)), "cdn": "npm", "steps": steps})
    assert page["console"] == []
    expected = images_of(out_dirs[kind], f"{kind}-small", z, labels)
    for pixels, image in zip(page["results"][1:8:2], expected, strict=True):
        assert_shows(pixels, image)
    # A seed on the page gives the same image as with --generate_test_images.
    z = latents.z_from_seeds([4294967295], RUNS[kind]["z_dim"], RUNS[kind]["z_dist"])
    assert_shows(page["results"][9], images_of(out_dirs[kind], f"{kind}-small", z, [labels[-1]])[0])
    assert "from cdn.jsdelivr.net" in page["results"][10]
    assert page["results"][11] == f"--columns: {math.ceil(RUNS[kind]['z_dim'] ** 0.5)};"
    assert all("127.0.0.1" in request or "//cdn.jsdelivr.net/" in request for request in page["requests"])


def test_painting_classes_interpolation_and_png(visit: Visit, serve, out_dirs: dict[str, Path], tmp_path: Path):
    steps = {
        "before": SHOWN,
        "paint": ["drag", "#pad", [0.05, 0.05], [0.75, 0.05]],
        "painted": SHOWN,
        "painted_z": ["hash"],
        "focus": ["focus", "#pad [role=gridcell] >> nth=0"],
        "keys": ["keys", "ArrowDown", "ArrowDown", "ArrowRight", "-", "-"],
        "cell": ["attribute", "#pad [role=gridcell]:focus", "aria-label"],
        "keyed_z": ["hash"],
        "class": ["click", "#classes button:nth-child(9)"],
        "class_shown": SHOWN,
        "png": ["download", "#save", str(tmp_path / "saved.png")],
        "variation": ["pixels", "#sheet button:nth-child(6) canvas"],
        "choose": ["click", "#sheet button:nth-child(6)"],
        "chosen": SHOWN,
        "seed_a": ["fill", "#seed", "1"],
        "a": ["click", "#keep-a"],
        "seed_b": ["fill", "#seed", "2"],
        "b": ["click", "#keep-b"],
        "interpolate": ["slide", "#walk", "0.25"],
        "interpolated": SHOWN,
        "play": ["click", "#play"],
        "stop": ["click", "#play"],
        "played": ["hash"],
        "others": ["click", "#new"],
        "seed": ["hash"],
    }
    phone = {"cdn": "npm", "size": [360, 740], "steps": [["wide"]]}
    url = serve(web_folder(out_dirs, "mnist"))
    desktop, phone_page = visit({"url": url, "cdn": "npm", "steps": list(steps.values())}, {"url": url, **phone})
    assert desktop["console"] == phone_page["console"] == []
    assert phone_page["results"] == [360]  # the page does not scroll sideways
    got = dict(zip(steps, desktop["results"], strict=True))

    def image(z: np.ndarray, label: int) -> np.ndarray:
        return images_of(out_dirs["mnist"], "mnist-small", z, [label])[0]

    first, second = first_z(100, "uniform_signed"), z_in(got["painted_z"])
    assert_shows(got["before"], image(first, 0))
    assert got["painted"] != got["before"]
    assert_shows(got["painted"], image(second, 0))
    assert (second[0, :8] == 1).all() and (second[0, 9] == first[0, 9]) and (second[0, 20:] == first[0, 20:]).all()
    third = z_in(got["keyed_z"])
    assert np.flatnonzero(third != second).tolist() == [21]
    assert third[0, 21] == pytest.approx(max(-1, first[0, 21] - 0.2), abs=1e-6)
    assert got["cell"] == f"number 21: {third[0, 21]:.2f}"
    assert_shows(got["class_shown"], image(third, 8))
    assert got["png"] == "mnist-small-class8.png"
    saved = iio.imread(tmp_path / "saved.png")
    assert saved.shape[:2] == (28, 28)
    assert saved[..., :3].ravel().tolist() == got["class_shown"]
    assert got["chosen"] == got["variation"] != got["class_shown"]
    ends = latents.z_from_seeds([1, 2], 100, "uniform_signed")
    assert_shows(got["interpolated"], image(0.75 * ends[:1] + 0.25 * ends[1:], 8))
    assert not np.allclose(z_in(got["played"]), ends[0]) and not np.allclose(z_in(got["played"]), ends[1])
    assert re.fullmatch(r"#class=8&seed=\d+", got["seed"])


def test_errors_of_the_page_are_sentences(visit: Visit, serve, out_dirs: dict[str, Path], tmp_path: Path):
    whole = (web_folder(out_dirs, "blobs") / "model.json").read_text()
    other_z = whole.replace('"z_dim": 12', '"z_dim": 13')
    broken = {
        "cut": (whole[:40], "model.json is damaged ("),
        "other z": (other_z, "generator.tflite cannot be run, or does not fit model.json ("),
        "no model": (whole, "generator.tflite could not be loaded (404 "),
    }
    for name, (model_json, _) in broken.items():
        shutil.copytree(web_folder(out_dirs, "blobs"), tmp_path / name)
        (tmp_path / name / "model.json").write_text(model_json)
    (tmp_path / "no model" / "generator.tflite").unlink()
    pages = visit(*({"url": serve(tmp_path / name), "cdn": "npm", "steps": []} for name in broken))
    for (_, says), page in zip(broken.values(), pages, strict=True):
        assert page["message"].startswith(says) and page["message"].endswith("."), page["message"]
        assert "--web" in page["message"]


def test_one_file_is_the_whole_page_without_a_server(visit: Visit, out_dirs: dict[str, Path]):
    kind = "classes"
    steps = [SHOWN, ["click", "#classes button:nth-child(2)"], SHOWN, ["text", "h1"], ["hash"]]
    (page,) = visit({"url": (web_folder(out_dirs, kind) / "page.html").as_uri(), "cdn": "npm", "steps": steps})
    assert page["console"] == []
    first, second, title, address = (page["results"][i] for i in (0, 2, 3, 4))
    z = first_z(100, "uniform_signed")
    for label, pixels in enumerate((first, second)):
        assert_shows(pixels, images_of(out_dirs[kind], f"{kind}-small", z, [label])[0])
    assert title == "Paint z: classes by a DCGAN" and address.startswith("#class=light&z=")
    assert {request.split(":")[0] for request in page["requests"]} == {"file", "https"}


def test_the_demo_shows_digits(visit: Visit, serve):
    """docs/demo as it is, on a server's subfolder; the CDN's files are those that npm installed."""
    steps = [["address", "#class=7&seed=3"], SHOWN, ["pixels", "#sheet button:nth-child(2) canvas"]]
    steps += [["text", "body"], ["attribute", "#main", "hidden"]]
    page, phone, no_cdn = visit(
        {"url": f"{serve(DEMO.parent)}demo/", "cdn": "npm", "steps": steps},
        {"url": serve(DEMO), "cdn": "npm", "size": [360, 740], "steps": [["wide"]]},
        {"url": serve(DEMO), "size": [360, 740], "steps": [["wide"], ["attribute", "#main", "hidden"]]},
    )
    assert page["console"] == phone["console"] == []
    assert phone["results"] == [360] and no_cdn["results"] == [360, ""]
    assert page["message"].startswith("Loading the generator (7.0 MB) and LiteRT.js")
    assert "could not be loaded from cdn.jsdelivr.net; check the network connection" in no_cdn["message"]
    _, shown, variation, text, hidden = page["results"]
    assert_shows(shown, dcgan_tf.load("pretrained:mnist").generate(1, seed=3, classes=7)[0])
    assert 10 < np.mean(shown) < 80 and 10 < np.mean(variation) < 80 and variation != shown  # real digits: 33
    assert hidden is None and "The generator of a DCGAN" in text and "from cdn.jsdelivr.net" in text
    assert "Trained on MNIST" in text
