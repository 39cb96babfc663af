"""A room's pages: a request in, an answer out, whoever carries them; paths are relative, so it can be mounted anywhere.

Pictures go by a hash of their path, never by a path; nothing the browser is told says which question is a sentinel.
"""

import json
import mimetypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from io import BytesIO
from pathlib import Path
from typing import Any, cast

from likewise import images
from likewise.dreamsim import room_desk
from likewise.dreamsim.room import Room
from likewise.dreamsim.room_log import Block, Person
from likewise.dreamsim.room_trials import Trial, item_name
from likewise.errors import JudgementError, LikewiseError, NameKnownError, WriteError

STATIC = Path(__file__).parent / "page"
COOKIE = "likewise-judge"  # and the room, as ports of one host share their cookies
PLAIN = (".png", ".jpg", ".jpeg", ".webp", ".gif")  # what every browser shows as it is, turned by its EXIF alike
MOST = 1 << 16  # bytes of a request
POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self'; frame-ancestors 'self'; base-uri 'none'"


@dataclass(frozen=True)
class Request:
    """What a browser asks: path without query, header names in small letters."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Response:
    """What it gets."""

    status: int
    body: bytes
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class Pages:
    """The pages of one room; safe to ask from several threads."""

    def __init__(self, room: Room, *, desk: bool = True) -> None:
        """desk: also answer the pages that show everybody's progress and hand out the votes."""
        self.room, self.desk = room, desk
        names = {name for one in room.items.values() for name in one.pictures}
        # a browser keeps pictures by their address, and another room may be served there tomorrow
        self.pictures = {item_name((room.ledger.room, name)): name for name in sorted(names)}
        self.keys = {name: key for key, name in self.pictures.items()}
        self.cookie = f"{COOKIE}-{room.ledger.room}"

    def answer(self, request: Request) -> Response:
        """The response to any request; mistakes of the sender are a 4xx with a sentence in `error`."""
        try:
            return self._route(request)
        except NameKnownError as error:
            return _json({"error": str(error), "known": True}, 409)
        except WriteError as error:  # the browser keeps its answer and tries again
            return _json({"error": str(error)}, 503)
        except LikewiseError as error:
            return _json({"error": str(error)}, 400)

    def _route(self, request: Request) -> Response:
        first, _, rest = request.path.strip("/").partition("/")
        if request.method == "GET":
            gets: dict[str, Callable[[], Response]] = {
                "": lambda: _file("room.html"),
                "page": lambda: _file(rest),
                "picture": lambda: self._picture(rest),
            }
            if self.desk:
                gets |= {"desk": lambda: _file("desk.html"), "export": lambda: _export(self.room, rest)}
            if first == "api":
                return self._read(rest, request)
            return gets.get(first, _missing)()
        if request.method == "POST" and first == "api":
            return self._write(rest, request)
        return _json({"error": "this page takes GET, and POST below api/"}, 405)

    def _read(self, what: str, request: Request) -> Response:
        if what == "room":
            return _json(self._state(self._person(request)))
        if what == "desk" and self.desk:
            return _json(room_desk.report(self.room))
        return _missing()

    def _write(self, what: str, request: Request) -> Response:
        given = _given(request)
        if what == "enter":
            person = self.room.enter(_text(given, "name"), again=given.get("again") is True)
            cookie = f"{self.cookie}={person.keys[-1]}; HttpOnly; SameSite=Strict; Path=/; Max-Age=31536000"
            return _json(self._state(person), headers={"Set-Cookie": cookie})
        if what == "leave":
            return _json({}, headers={"Set-Cookie": f"{self.cookie}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0"})
        person = self._person(request)
        if person is None:
            return _json({"error": "Say your name first."}, 401)
        if what == "begin":
            self.room.begin(person)
            return _json(self._state(person))
        if given.get("room", self.room.ledger.room) != self.room.ledger.room:  # its browser keeps it for that room
            return _json({"error": "This page is of another room. Load it again."}, 401)
        if what == "judge":
            recorded = self.room.judge(person, *_judgement(given))
            return _json({"recorded": recorded})
        return _missing()

    def _person(self, request: Request) -> Person | None:
        try:
            found = SimpleCookie(request.headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            return None
        return self.room.known(found.value) if found else None

    def _state(self, person: Person | None) -> dict[str, Any]:
        """All that the page needs to go on where this person is."""
        room, settings = self.room, self.room.settings
        state: dict[str, Any] = {
            "room": room.ledger.room,
            "task": room.task,
            "show": settings.show,
            "gap": settings.gap,
            "questions": len(room.items),
        }
        if person is None:
            return {**state, "person": None}
        block = room.block(person)
        return {
            **state,
            "person": {"number": person.number, "name": person.name},
            "progress": room.progress(person),
            "block": self._block(block) if block else None,
        }

    def _block(self, block: Block) -> dict[str, Any]:
        trials = [self._trial(index, one, block.practice) for index, one in enumerate(block.trials)]
        return {"number": block.number, "practice": block.practice, "trials": trials, "open": block.open}

    def _trial(self, index: int, trial: Trial, practice: bool) -> dict[str, Any]:
        shown = {"index": index, "pictures": [f"picture/{self.keys[name]}" for name in trial.pictures]}
        return {**shown, "answers": trial.answers} if practice else shown

    def _picture(self, key: str) -> Response:
        if key not in self.pictures:
            return _missing()
        path = self.room.folder / self.pictures[key]
        # "private": a picture shown to one person is nobody else's business; it never changes under its name
        headers = {"Cache-Control": "private, max-age=86400"}
        if not path.is_file():  # it was there when the room was opened
            return _missing()
        if path.suffix.lower() in PLAIN:
            return Response(200, path.read_bytes(), mimetypes.guess_type(path.name)[0] or "image/png", headers)
        buffer = BytesIO()
        images.read(path).save(buffer, "PNG")
        return Response(200, buffer.getvalue(), "image/png", headers)


def _given(request: Request) -> dict[str, Any]:
    """The JSON object of a POST. The type is checked, for a form on a foreign page cannot send it."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/json" or len(request.body) > MOST:
        raise JudgementError(f"a request of {len(request.body)} bytes of {kind or 'no type'}", "a little JSON")
    try:
        given = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise JudgementError("a request that is no JSON", "a JSON object") from error
    if not isinstance(given, dict):
        raise JudgementError("a request that is no JSON object", "a JSON object")
    return given


def _judgement(given: Mapping[str, Any]) -> tuple[int, int, list[str], list[float], Mapping[str, Any]]:
    block, index, answer, ms = (cast(Any, given.get(name)) for name in ("block", "trial", "answer", "ms"))
    timing = given.get("timing", {})
    whole = all(isinstance(one, int) and not isinstance(one, bool) for one in (block, index))
    words = isinstance(answer, list) and all(isinstance(one, str) for one in answer)
    times = isinstance(ms, list) and all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in ms)
    if not (whole and words and times and isinstance(timing, dict)):
        raise JudgementError("a judgement without its parts", "block, trial, answer, ms and timing")
    return block, index, answer, ms, timing


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str):
        raise JudgementError(f"no {name}", f"a {name}")
    return value


def _file(name: str) -> Response:
    """One of our own files, by a name that is on the list: what comes from outside never becomes a path."""
    known = {path.name: path for path in STATIC.iterdir() if path.suffix in (".html", ".css", ".js")}
    if name not in known:
        return _missing()
    kind = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}[known[name].suffix]
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": POLICY}
    return Response(200, known[name].read_bytes(), f"{kind}; charset=utf-8", headers)


def _export(room: Room, name: str) -> Response:
    found = room_desk.export(room, name)
    if found is None:
        return _missing()
    text, kind = found
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(200, text.encode("utf-8", "backslashreplace"), f"{kind}; charset=utf-8", disposition)


def _json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return Response(status, body, headers={"Cache-Control": "no-store", **(headers or {})})


def _missing() -> Response:
    return _json({"error": "there is no such page"}, 404)
