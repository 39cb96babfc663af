"""What test_architecture.py checks: who may import whom, what must load at once, and what stays out."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "likewise"

# Top to bottom. A part may import parts of the rows above it, its own files, and, where that makes no circle, its
# neighbours in the row; the methods may not import each other.
METHODS = {"dreambooth", "textual_inversion", "concept_tree", "fabric", "dreamsim", "contrastive", "magvlt", "dida"}
ROWS = [
    {"errors"},
    {"lazy", "seeds", "devices", "disk", "locking", "images", "checkpoint", "records", "progress"},
    {"imageset", "words", "metrics", "settings"},
    {"training", "diffusion", "encoders"},
    {"concept", "imagine", "tuning"},
    METHODS,
    {"registry"},  # names parts below and above it as strings; what picks a part by name stands under it
    {"verdict", "toybox", "preflight", "agreeing", "pivotal", "teach", "demo", "scale"},
    {"cli", "studio", "__init__", "__main__"},
]
ALLOWED = {  # between methods, each for one named file
    ("concept_tree", "textual_inversion"): "split",
    ("concept_tree", "dreamsim"): "consistency",
}
HEAVY = {
    "torch", "numpy", "PIL", "scipy", "safetensors", "tokenizers", "diffusers", "transformers", "peft", "accelerate",
    "gradio", "ray", "lancedb", "usearch", "torch_geometric", "jaxtyping",
}  # fmt: skip
PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
FORBIDDEN_CALLS = {
    "torch.load": "pickle", "torch.save": "pickle", "numpy.fromfile": "untyped bytes",
    "torch.manual_seed": "global seed", "torch.seed": "global seed", "torch.cuda.manual_seed": "global seed",
    "torch.cuda.manual_seed_all": "global seed", "torch.random.manual_seed": "global seed",
    "numpy.random.seed": "global seed", "random.seed": "global seed", "transformers.set_seed": "global seed",
    "accelerate.utils.set_seed": "global seed", "os.system": "shell", "os.popen": "shell",
    "subprocess.getoutput": "shell", "subprocess.getstatusoutput": "shell", "eval": "code from text",
    "exec": "code from text",
}  # fmt: skip
FORBIDDEN_KEYWORDS = {"trust_remote_code": True, "shell": True, "allow_pickle": True, "weights_only": False}
LIGHT = {"cli", "registry", "settings", "errors", "__init__", "__main__"}


class Module:
    """One source file, parsed: its dotted name and what it imports."""

    def __init__(self, path: str, text: str) -> None:
        """path: within the package, without suffix: diffusion/__init__."""
        self.package = path.endswith("__init__")
        self.name = ".".join(["likewise", *path.removesuffix("__init__").strip("/").split("/")]).strip(".")
        self.text = text
        self.tree = ast.parse(text)

    @property
    def part(self) -> str:
        """The part of the house it belongs to."""
        return self.name.split(".")[1] if "." in self.name else "__init__"

    def imports(self, *, at_load: bool = False) -> Iterator[tuple[str, int]]:
        """(dotted name, line) of every import; at_load: only those that importing this module runs."""
        for node in _loaded(self.tree) if at_load else ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                start = "." * node.level + (node.module or "")
                yield from ((f"{start}.{alias.name}", node.lineno) for alias in node.names)


def _loaded(tree: ast.AST) -> Iterator[ast.AST]:
    """The statements that run at import: not those in functions, nor those for type checkers only."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield other
                yield from _loaded(other)
            continue
        yield node
        yield from _loaded(node)


def read(source: Path = SOURCE) -> list[Module]:
    """Every module of the package."""
    paths = sorted(source.rglob("*.py"))
    return [Module(path.relative_to(source).with_suffix("").as_posix(), path.read_text("utf-8")) for path in paths]


def house(files: dict[str, str]) -> list[Module]:
    """A small house for testing the tests: house({"diffusion/unet": "import torch"})."""
    return [Module(path, f'"""Doc."""\n{text}') for path, text in files.items()]


def target(imported: str, modules: list[Module]) -> str | None:
    """The module of ours that an import loads: of `likewise.a.b.name` the longest known start."""
    known = {module.name for module in modules}
    parts = imported.split(".")
    starts = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((start for start in starts if start in known), None) if parts[0] == "likewise" else None


def part_of(imported: str) -> str:
    """The part of the house that an import is about."""
    parts = imported.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def wrong_direction(modules: list[Module]) -> list[str]:
    """Imports from a lower row, between methods, or by parts that no row names."""
    row = {part: number for number, parts in enumerate(ROWS) for part in parts}
    found = [f"{module.name}: '{module.part}' is in no row of ROWS" for module in modules if module.part not in row]
    for module in modules:
        for imported, line in module.imports():
            other = part_of(imported)
            if not imported.startswith("likewise.") or other == module.part or module.part not in row:
                continue
            between = {other, module.part} <= METHODS
            excused = module.name.split(".")[-1] == ALLOWED.get((module.part, other))
            if other in row and (row[other] > row[module.part] or (between and not excused)):
                found.append(f"{module.name}:{line} imports {imported}")
    return found


def circles(modules: list[Module]) -> list[str]:
    """Parts of one row that import each other, directly or through others."""
    edges: dict[str, set[str]] = {}
    for module in modules:
        names = {part_of(name) for name, _ in module.imports() if name.startswith("likewise.")}
        edges.setdefault(module.part, set()).update(names - {module.part})
    edges.pop("__init__", None)

    def reached(start: str) -> set[str]:
        seen, todo = set(), [start]
        while todo:
            new = edges.get(todo.pop(), set()) - seen
            seen |= new
            todo += new
        return seen

    return sorted(part for part in edges if part in reached(part))


def is_light(module: Module) -> bool:
    """Whether the module must load at once, as `likewise --help` and `import likewise` run it."""
    return module.part in LIGHT or module.name.endswith(".config")


def heavy(modules: list[Module]) -> list[str]:
    """Light modules that load a heavy package, directly or through our modules, and packages that do so directly."""
    found = []
    for module in modules:
        for loaded, way in _ways(module, modules) if is_light(module) else [(module, "")]:
            if is_light(module) or module.package:
                direct = [(name, line) for name, line in loaded.imports(at_load=True) if name.split(".")[0] in HEAVY]
                found += [f"{module.name}{way}:{line} loads {name}" for name, line in direct]
    return found


def _ways(module: Module, modules: list[Module]) -> Iterator[tuple[Module, str]]:
    """All modules of ours that importing one loads, and by which way: packages are loaded before what is in them."""
    by_name = {other.name: other for other in modules}
    todo, seen = [(module, "")], {module.name}
    while todo:
        here, way = todo.pop()
        yield here, way
        for imported, _ in here.imports(at_load=True):
            parts = (target(imported, modules) or "").split(".")
            for name in (".".join(parts[:count]) for count in range(1, len(parts) + 1)):
                if name in by_name and name not in seen:
                    seen.add(name)
                    todo.append((by_name[name], f"{way} -> {name}"))


def dangers(module: Module) -> list[str]:
    """Pickle, global seeds, remote code, shells, and errors that are swallowed."""
    found = [
        f"{module.name}:{line} {imported}" for imported, line in module.imports() if imported.split(".")[0] in PICKLES
    ]
    called = dict(_aliases(module.tree))
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            first, dot, rest = ast.unparse(node.func).partition(".")
            full = called.get(first, first) + dot + rest
            if full in FORBIDDEN_CALLS:
                found.append(f"{module.name}:{node.lineno} {full} ({FORBIDDEN_CALLS[full]})")
            for keyword in node.keywords:
                value = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
                if FORBIDDEN_KEYWORDS.get(keyword.arg) is value and value is not None:
                    found.append(f"{module.name}:{node.lineno} {keyword.arg}={value}")
        elif isinstance(node, ast.ExceptHandler):
            caught = ast.unparse(node.type) if node.type else "everything"
            if caught in ("everything", "Exception", "BaseException") and not _raises_again(node):
                found.append(f"{module.name}:{node.lineno} swallows {caught}")
    return found


def _aliases(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.asname, alias.name) for alias in node.names if alias.asname)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((alias.asname or alias.name, f"{node.module}.{alias.name}") for alias in node.names)


def _raises_again(handler: ast.ExceptHandler) -> bool:
    return isinstance(handler.body[-1], ast.Raise) and handler.body[-1].exc is None
