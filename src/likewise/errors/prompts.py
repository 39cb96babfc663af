"""Words, placeholders and prompts that a model cannot read."""

from collections.abc import Sequence

from likewise.errors.root import LikewiseError, LikewiseWarning


class PromptTooLongError(LikewiseError):
    """A prompt of more tokens than the text encoder reads."""

    def __init__(self, prompt: str, tokens: int, limit: int, dropped: str) -> None:
        super().__init__(
            f"The prompt takes {tokens} tokens and the model reads {limit}; these words would be lost: {dropped!r}.\n"
            f"Shorten the prompt: {prompt[:60]!r}..."
        )


class UnknownConceptError(LikewiseError):
    """A `<name>` in a prompt, or a concept asked for by name, that does not exist."""

    def __init__(self, name: str, known: "list[str] | tuple[str, ...]") -> None:
        listed = ", ".join(f"<{one}>" for one in sorted(known)) or "none yet (likewise teach makes one)"
        super().__init__(f"There is no concept <{name}>. Known here: {listed}.")


class PlaceholderError(LikewiseError):
    """A word for a concept that a tokenizer would change, or that means something already."""

    def __init__(self, word: str, problem: str, example: str = "<cat-toy>") -> None:
        super().__init__(
            f"{word!r} cannot stand for a concept: {problem}.\n"
            f"Write lower-case letters, digits, - or _ between < and >, such as {example}."
        )


class IdentifierError(LikewiseError):
    """No rare token of the tokenizer meets all the conditions for an identifier."""

    def __init__(self, noun: str, candidates: int, taken: int) -> None:
        super().__init__(
            f"None of the tokenizer's {candidates} rare short tokens can stand before {noun!r} ({taken} are taken or "
            "refused). Give an identifier of your own, or delete concepts that are no longer needed."
        )


class NounError(LikewiseError):
    """A noun that the model has no word for."""

    def __init__(self, noun: str, problem: str, near: Sequence[str] = ()) -> None:
        hint = f" Words it knows: {', '.join(near)}." if near else ""
        super().__init__(f"The noun {noun!r} {problem}.{hint} Give the plain name of the kind of thing, such as 'toy'.")


class NounMissingError(LikewiseError):
    """Teaching without a word for the kind of thing."""

    def __init__(self, guesses: Sequence[str]) -> None:
        guess = f"The draft model, which knows few things, guesses: {', '.join(guesses)}.\n" if guesses else ""
        best = guesses[0] if guesses else "dog"
        super().__init__(f"What do the photos show?\n{guess}Say it with --noun, in plain words, such as --noun {best}.")


class NounSplitWarning(LikewiseWarning):
    """A noun that the model reads in pieces, and so may know less well."""

    def __init__(self, noun: str, split: str, near: Sequence[str] = ()) -> None:
        hint = f" Words it reads whole: {', '.join(near)}." if near else ""
        super().__init__(f"The model reads {noun!r} in pieces ({split}) and may know it less well.{hint}")
