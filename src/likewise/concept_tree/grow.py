"""Split nodes of a tree, one after the other; every stage is on disk before the next begins, so all of it resumes."""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from likewise import checkpoint, disk, settings, training
from likewise.concept import Card
from likewise.concept_tree import consistency, costs, naming, split
from likewise.concept_tree.asked import Asked
from likewise.concept_tree.config import Config
from likewise.concept_tree.costs import BACKWARD, Meter, Report
from likewise.concept_tree.jury import Jury, early_report, track
from likewise.concept_tree.pictures import Look, Order, draw
from likewise.concept_tree.record import Node, Split
from likewise.concept_tree.split import LEFT, RIGHT, Data
from likewise.concept_tree.stocking import stock
from likewise.concept_tree.tree import Tree, write_node
from likewise.devices import Device
from likewise.diffusion.backbone import Backbone, Vectors
from likewise.encoders.encoder import Encoder, embed
from likewise.errors import NothingToSplitWarning, SettingError, SplitNodeError, TreeSettingsError
from likewise.metrics.neighbours import Embedding
from likewise.training import State, Step
from likewise.tuning.cache import cache_folder

RUN, TEST, CHILDREN, BEGUN = "run", "test", "children", "begun.json"


@dataclass
class Gardener:
    """What all splits of one call share.

    judges: encoders, of which the first chooses; by default those that the settings name. force: split even where
    little is left to split. command: what Ctrl-C tells to go on with.
    """

    backbone: Backbone
    config: Config
    judges: Sequence[Encoder] = ()
    force: bool = False
    device: Device | None = None
    report: Report | None = None
    cache: Path | None = None
    command: str | None = None
    meter: Meter = field(init=False)
    loads: Mapping[str, str] = field(init=False, default_factory=dict)  # a judge's name -> what loads it again
    asked: Asked | None = field(init=False, default=None)  # by `split`; to be closed once its words are installed

    def __post_init__(self) -> None:
        if not self.judges:
            names = dict.fromkeys([self.config.encoder, *self.config.judges])
            self.judges = [consistency.judge(name) for name in names]
            asked = zip(self.judges, names, strict=True)
            self.loads = {judge.name: consistency.lasting(name) for judge, name in asked}
        if len({one.name for one in self.judges}) < len(self.judges):
            raise SettingError("judges", [one.name for one in self.judges], "judges are told apart by their names")
        self.meter = Meter(costs.units(self.config), self.report)

    def grow(self, tree: Tree, depth: int) -> list[str]:
        """Split every node less deep than `depth` that is not split yet; what was left whole is left whole.

        Returns the nodes split now. NothingToSplitWarning for each that is left whole now.
        """
        tree.check(self.backbone)
        self.meter.total = costs.units(self.config) * (2**depth - 1)
        done = []
        for index in range(2**depth - 1):
            node = naming.label(index)
            tree.refresh()  # other programs may have split it meanwhile
            settled = node not in tree.record.nodes or tree.children(node)
            stopped = node in tree.record.splits and tree.record.splits[node].stopped is not None
            if settled or (stopped and not self.force):
                self.meter.add(costs.units(self.config))  # what is there, what is not, and what is to stay whole
            elif self._split(tree, node):
                done.append(node)
        return done

    def split(self, tree: Tree, nodes: Iterable[str], again: bool = False) -> list[str]:
        """Split these nodes; `again`: anew, replacing what grew from them once the new children are there.

        A command that was stopped goes on: what it split itself, it does not split again. Returns the nodes split now.
        UnknownTreeNodeError and SplitNodeError before anything is done.
        """
        tree.check(self.backbone)
        nodes = list(dict.fromkeys(nodes))
        tree.refresh()
        judges = [one.hash for one in self.judges]
        self.asked = Asked.of(tree, nodes, settings.record(self.config), [judges, self.force, again])
        left = [node for node in nodes if not self.asked.done(node)]
        for node in left:
            if tree.children(node) and not again:
                raise SplitNodeError(tree.folder, node, tree.children(node))
        self.asked.begin()
        self.meter.total = costs.units(self.config) * len(left)
        return [node for node in left if self._split(tree, node, again)]

    def _forget(self, tree: Tree, node: str, again: bool) -> None:
        """Throw away what was begun of a word that is no more, and with `again` what other settings began."""
        begun, now = tree.work / node / BEGUN, self._begun(tree, node)
        before = checkpoint.read_json(begun) if begun.is_file() else {}
        if (again and before != now) or before.get("folder", now["folder"]) != now["folder"]:
            disk.remove(tree.work / node)

    def _begun(self, tree: Tree, node: str) -> dict[str, object]:
        own = {"force": self.force, "folder": tree.node(node).folder}  # a new word has a new folder
        return {**settings.record(self.config), "judges": [one.hash for one in self.judges], **own}

    def _split(self, tree: Tree, node: str, again: bool = False) -> bool:
        """One split from where it stands, which no other program works at meanwhile; False if the node is left whole.

        SplitTakenError; TreeChangedError where another program has changed the node.
        """
        with tree.claimed(node):
            with tree.changing(node, deep=True):
                if (tree.work / node).is_dir():
                    self._forget(tree, node, again)
            return self._stages(tree, node)

    def _stages(self, tree: Tree, node: str) -> bool:
        work, before = tree.work / node, self.meter.done
        stock(tree, node, self.backbone, self.config, self.judges[0])
        pictures = tree.pictures(node, minimum=2)
        reason = None if self.force else self._too_loose(tree, node)
        if reason is None:
            self._begin(tree, node)
            jury = Jury(self.backbone, self.config, self.judges, work / TEST, pictures.images(), self.force, self.meter)
            self.meter.stage(f"{node}: looking at its {len(pictures)} pictures")
            cache = cache_folder() if self.cache is None else self.cache
            taught = split.data(self.backbone, pictures.photos, self.config, cache)
            state = self._learn(work / RUN, node, taught, jury)
            verdict = jury.verdicts()[str(self.config.cuts[-1])]
            reason = verdict["stopped"]
            if reason is None:
                self._finish(tree, node, state, jury)
        if reason is not None:
            self._leave_whole(tree, node, reason)
        self.meter.add(before + costs.units(self.config) - self.meter.done)
        if work.is_dir():
            disk.remove(work)
        return reason is None

    def _too_loose(self, tree: Tree, node: str) -> str | None:
        """Why a child should not be split: its pictures have too little in common."""
        above = naming.parent(tree.index(node))
        if above is None or not tree.node(naming.label(above)).images:
            return None
        chooser = self.judges[0]
        own, parents = (consistency.within(embed(chooser, tree.images(one))) for one in (node, naming.label(above)))
        if own >= self.config.least_whole * parents:
            return None
        return f"its pictures have too little in common ({own:.2f} alike, those of its parent {parents:.2f})"

    def _begin(self, tree: Tree, node: str) -> None:
        work, now = tree.work / node, self._begun(tree, node)
        if not (work / BEGUN).is_file():
            checkpoint.write_json(work / BEGUN, now)
        before = checkpoint.read_json(work / BEGUN)
        changed = {name: (before.get(name), value) for name, value in now.items() if before.get(name) != value}
        if changed:
            raise TreeSettingsError(node, changed)

    def _learn(self, run: Path, node: str, taught: Data, jury: Jury) -> State:
        """The last state of the split's learning, gone on with from wherever it stands."""
        state = training.resume_state(run) if run.is_dir() else None
        done = state.data["run"]["step"] if state else 0
        self.meter.add(BACKWARD * self._rows(0, done))
        if state and done == self.config.cuts[-1]:  # stopped while the test was drawn: no step may be left to be made
            jury(done, split.words(state))
        stopped = jury.verdicts().get(str(self.config.cuts[-1]), {}).get("stopped")
        if done < self.config.steps and not stopped:
            steps = split.learn(self.backbone, taught, self.config, jury, resume=state, device=self.device)
            training.run(
                self._counted(node, steps),
                folder=run,
                total=self.config.steps,
                save_every=self.config.every,
                quiet=True,
                resume_command=self.command,
            )
        last = training.resume_state(run)
        assert last is not None, "a run that ended has a checkpoint"
        return last

    def _counted(self, node: str, steps: Iterator[Step]) -> Iterator[Step]:
        cuts = self.config.cuts
        told = -1
        for step in steps:
            seeds = len(self.config.seeds) if step.index <= cuts[-1] else 1
            if seeds != told:
                told = seeds
                how = f"{seeds} seeds side by side" if seeds > 1 else "the best seed"
                until = cuts[-1] if step.index <= cuts[-1] else self.config.steps
                self.meter.stage(f"{node}: {how} learn{'s' if seeds == 1 else ''} two words, to step {until}")
            self.meter.add(BACKWARD * self._rows(step.index - 1, step.index))
            yield step

    def _rows(self, start: int, end: int) -> int:
        """Rows that the optimiser steps after `start` up to `end` learn from."""
        edges = [0, *self.config.cuts, self.config.steps]
        counts = costs.sizes(self.config)
        return sum(
            costs.learned(self.config, count, max(start, low), min(end, high))
            for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True)
            if max(start, low) < min(end, high)
        )

    def _finish(self, tree: Tree, node: str, state: State, jury: Jury) -> None:
        """Draw what the children draw, write them, then the tree."""
        said, work = jury.verdicts(), jury.folder.parent
        verdict = said[str(self.config.cuts[-1])]
        seed, chooser = verdict["winner"], self.judges[0].name
        words = split.words(state)[seed]
        names = [naming.label(child) for child in naming.children(tree.index(node))]
        orders, drawn = self._drawn(tree, node, dict(zip(names, (words[LEFT], words[RIGHT]), strict=True)), work)
        self.meter.stage(f"{node}: choosing the most central pictures")
        rows = {e.name: [embed(e, pictures) for pictures in drawn] for e in self.judges}
        snapshots = split.snapshots(work / RUN, seed)
        last = [track(self.config.steps, e.name, embed(e, jury.parent), *rows[e.name]) for e in self.judges]
        done = Split(
            settings=settings.record(self.config),
            encoders={one.name: one.hash for one in self.judges},
            loads=dict(self.loads),
            seeds=verdict["seeds"],
            chosen=seed,
            agreement=verdict["agreement"],
            early=early_report(self.config, said, chooser),
            tracked=[*verdict["tracked"], *(one.model_dump() for one in last)],  # type: ignore[arg-type]
            costs=costs.of_split(self.config),
        )
        with tree.changing(node, deep=True):
            made = {}
            for place, (name, word) in enumerate(zip(names, (LEFT, RIGHT), strict=True)):
                card = self._card(tree, node, name, seed, verdict["seeds"][str(seed)][chooser])
                steps = {step: both[word] for step, both in snapshots.items()}
                seen = {judge: each[place] for judge, each in rows.items()}
                made[name] = self._child(tree, name, card, words[word], steps, orders[place], seen)
            gone = tree.under(node)
            kept = {name: one for name, one in tree.record.nodes.items() if name not in gone}
            splits = {name: one for name, one in tree.record.splits.items() if name not in gone}
            tree.replace({**kept, **made}, {**splits, node: done})

    def _drawn(
        self, tree: Tree, node: str, words: Mapping[str, Vectors], work: Path
    ) -> tuple[list[Order], list[list[Image.Image]]]:
        """The pictures of both children, by the words that prompts will call them."""
        self.meter.stage(f"{node}: drawing {self.config.images} pictures of {' and of '.join(words)}")
        orders = []
        for name, rows in words.items():
            word = f"<{naming.concept_name(tree.name, name)}>"
            orders.append(Order(word, {word: rows}, self.config.images, work / CHILDREN / name))
        look = Look.of(self.config)
        return orders, draw(self.backbone, orders, look, lambda done: self.meter.add(costs.drawn(self.config, done)))

    def _child(
        self,
        tree: Tree,
        name: str,
        card: Card,
        rows: Vectors,
        steps: Mapping[int, Vectors],
        order: Order,
        seen: Mapping[str, Embedding],
    ) -> Node:
        """Write a child's folder, with its most central pictures; seen: its pictures as each encoder sees them."""
        chosen = consistency.central(seen[self.judges[0].name], self.config.central)
        folder, files = tree.free_folder(name), [order.path(index) for index in sorted(chosen)]
        concept = write_node(tree.folder / folder, card, rows, steps, files, order.path(chosen[0]))
        return Node(
            folder=folder,
            images=len(chosen),
            hash=concept.hash,
            seed=card.provenance["seed"],
            step=self.config.steps,
            length=split.length(self.backbone, rows),
            own={judge: consistency.within(each) for judge, each in seen.items()},
        )

    def _card(self, tree: Tree, node: str, name: str, seed: int, scores: Mapping[str, float]) -> Card:
        word = naming.concept_name(tree.name, name)
        origin = {"tree": tree.name, "node": name, "source": tree.record.source.hash, "seed": seed}
        return Card(
            name=word, placeholder=f"<{word}>", noun=tree.record.noun, base_hash=self.backbone.hash,
            base_name=self.backbone.name, method="concept-tree", config=settings.record(self.config),
            scores={**scores, "encoder": self.judges[0].hash}, parent=tree.node(node).hash,
            provenance={**origin, "step": self.config.steps},
        )  # fmt: skip

    def _leave_whole(self, tree: Tree, node: str, reason: str) -> None:
        found = Split(
            settings=settings.record(self.config), encoders={one.name: one.hash for one in self.judges},
            loads=dict(self.loads), stopped=reason,
        )  # fmt: skip
        if not tree.children(node):
            with tree.changing(node):
                tree.replace(tree.record.nodes, {**tree.record.splits, node: found})
        warnings.warn(NothingToSplitWarning(node, reason), stacklevel=5)
