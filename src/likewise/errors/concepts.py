"""Concepts and the library they live in."""

from likewise.errors.root import LikewiseError, LikewiseWarning


class NameTakenError(LikewiseError):
    """A concept's name that the library holds already."""

    def __init__(self, name: str, finished: object = None) -> None:
        """finished: the folder of a concept that was learned while the name was taken."""
        if finished is not None:
            super().__init__(
                f"The library has another concept '{name}' by now, which was left alone. What was learned is complete, "
                f"in {finished}.\nGive it another name with: likewise concepts import {finished} --name NAME"
            )
            return
        super().__init__(
            f"The library has a concept '{name}' already; nothing was changed. Choose another --name, or free this one "
            f"with: likewise concepts delete {name}"
        )


class ConceptNameError(LikewiseError):
    """A name that cannot be a word in a prompt, or not a folder."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name!r} cannot name a concept: at most 40 lower-case letters, digits, - and _ are needed, with a letter "
            "or digit at both ends, such as 'my-robot'."
        )


class ConceptFolderError(LikewiseError):
    """A folder that is no whole concept."""

    def __init__(self, folder: object, problem: str) -> None:
        super().__init__(
            f"{folder} is no concept that can be used: {problem}.\n"
            "Give a folder that likewise teach made, or a name from: likewise concepts list"
        )


class WrongBaseError(LikewiseError):
    """A concept on another base model than it was taught on; bases are (name, hash)."""

    def __init__(self, name: str, taught: tuple[str, str], found: tuple[str, str]) -> None:
        super().__init__(
            f"<{name}> was taught on the base model {taught[0] or 'unnamed'} ({taught[1][:12]}), and this is "
            f"{found[0]} ({found[1][:12]}).\nName its own base model with --backbone, or teach it again on this one."
        )


class ConceptClashError(LikewiseError):
    """Two concepts that cannot be on one model at a time."""

    def __init__(self, one: str, other: str, why: str) -> None:
        super().__init__(f"<{one}> and <{other}> {why}, so they cannot be in one picture. Use one of them at a time.")


class ConceptClashWarning(LikewiseWarning):
    """Two concepts with one identifier, whose subjects will mix."""

    def __init__(self, one: str, other: str, identifier: str) -> None:
        super().__init__(
            f"<{one}> and <{other}> were both taught as {identifier!r}, so their subjects will mix. Teach one of them "
            "again: the library keeps identifiers apart."
        )


class BrokenConceptWarning(LikewiseWarning):
    """A concept of the library that cannot be read and is left out."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"<{name}> is left out of the list: {problem}")


class ForeignLayoutError(LikewiseError):
    """A model that the original Stable Diffusion code, and so its names and files, cannot express."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(
            f"{what} has no form in the original Stable Diffusion layout: {why}.\n"
            "Use --format diffusers, which holds every model; A1111 and ComfyUI cannot load this one."
        )


class ForeignLoraError(LikewiseError):
    """Adapters of a kind that is not read."""

    def __init__(self, path: object, kind: str) -> None:
        super().__init__(
            f"{path} holds {kind} adapters, and plain LoRA (two tensors a layer, an alpha at most) is needed.\n"
            "Merge it into its base model with the program that made it, and import the merged model."
        )


class UnsafeFileError(LikewiseError):
    """A file of pickled tensors that names a function or class that tensors do not need."""

    def __init__(self, path: object, what: str) -> None:
        super().__init__(
            f"{path} was not read: besides tensors it asks for {what}, which could run code on this machine.\n"
            "Convert it where it came from, or on a machine that you can lose, to .safetensors, and import that."
        )


class WordFileError(LikewiseError):
    """A file that holds no learned word."""

    def __init__(self, path: object, problem: str) -> None:
        super().__init__(
            f"{path} is no learned word that can be used: {problem}.\n"
            "Give a learned_embeds.safetensors, an embedding of A1111 or ComfyUI (.safetensors, .pt), or for SDXL the "
            "two learned_embeds files of diffusers together."
        )


class ConceptFormatError(LikewiseError):
    """A file format that cannot hold what a concept learned."""

    def __init__(self, name: str, format: str, why: str, remedy: str) -> None:
        super().__init__(f"<{name}> cannot be written as {format}: {why}.\n{remedy}")


class BaseNeededError(LikewiseError):
    """A conversion that depends on the base model, which was not named."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what}: {why}.\nName its base model with --backbone (toybox, a model folder, or a hub id).")


class ImportFilesError(LikewiseError):
    """Files that do not make one concept."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"These files make no concept: {problem}.\n"
            "Give one LoRA, the file(s) of one learned word, both of them, one whole model, or a concept's folder; "
            "likewise concepts inspect FILE says what a file is."
        )


class NoTriggerWarning(LikewiseWarning):
    """An imported LoRA whose file does not say which words call it."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The file does not say which words call <{name}>, so in prompts it stands for nothing and only switches "
            "the adapters on. If it has trigger words, import it again with --trigger WORDS."
        )
