"""Small data folders for rooms, and a room that is served while a test runs."""

import json
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from threading import Thread
from urllib.error import HTTPError
from urllib.request import HTTPCookieProcessor, ProxyHandler, Request, build_opener

from PIL import Image, ImageDraw

from likewise import seeds
from likewise.dreamsim import jnd, triplets
from likewise.dreamsim.jnd import Pair
from likewise.dreamsim.room import Room
from likewise.dreamsim.room_pages import Pages
from likewise.dreamsim.room_server import Server
from likewise.dreamsim.room_settings import RoomSettings
from likewise.dreamsim.triplets import Triplet

SMALL = RoomSettings(block=6, sentinels=2, repeats=1, practice=2, votes=2, sequences=4, show=100, gap=100)


def picture(path: Path, index: int, px: int = 96) -> None:
    """A disc or a square of some colour on another."""
    rng = seeds.numpy_stream(0, "picture", index)
    ground, colour = (tuple(int(v) for v in rng.integers(40, 240, 3)) for _ in range(2))
    image = Image.new("RGB", (px, px), ground)
    x, y, r = (float(v) * px for v in rng.uniform((0.35, 0.35, 0.15), (0.65, 0.65, 0.3)))
    draw = ImageDraw.Draw(image)
    (draw.ellipse if index % 2 else draw.rectangle)((x - r, y - r, x + r, y + r), fill=colour)
    image.save(path)


def triplet_folder(folder: Path, count: int, px: int = 96) -> list[Triplet]:
    """A data folder of `count` triplets over 3 * count pictures."""
    made = []
    for index in range(count):
        names = [f"{index}-{name}.png" for name in ("ref", "a", "b")]
        for place, name in enumerate(names):
            picture(folder / name, 3 * index + place, px)
        made.append(Triplet(*names, 0, 0, None))
    triplets.write(folder, made)
    return made


def pair_folder(folder: Path, count: int, px: int = 96) -> list[Pair]:
    """A data folder of `count` pairs over 2 * count pictures."""
    made = []
    for index in range(count):
        for place in (0, 1):
            picture(folder / f"{index}-{place}.png", 2 * index + place, px)
        made.append(Pair(f"{index}-0.png", f"{index}-1.png", 0, 0, None))
    jnd.write(folder, made)
    return made


class Browser:
    """What a browser does, without one: cookies, JSON in and out."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.opener = build_opener(ProxyHandler({}), HTTPCookieProcessor(CookieJar()))

    def get(self, path: str, **headers: str):
        return self._open(Request(self.url + path, headers=headers))

    def post(self, path: str, body: object, **headers: str):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._open(Request(self.url + path, data, {"Content-Type": "application/json", **headers}))

    def _open(self, request: Request):
        try:
            with self.opener.open(request, timeout=20) as response:
                return response.status, _plain(response)
        except HTTPError as error:
            return error.code, _plain(error)


def _plain(response):
    body = response.read()
    return json.loads(body) if response.headers.get_content_type() == "application/json" else body


@contextmanager
def served(folder: Path, settings: RoomSettings = SMALL, *, port: int = 0, task=None, desk: bool = True):
    """A room on a free port: yields its server and the room."""
    with Room(folder, settings, task) as room, Server(Pages(room, desk=desk), port=port) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server, room
        finally:
            server.shutdown()
            thread.join()
