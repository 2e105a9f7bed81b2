"""What all commands share: refusals in one sentence, values checked as the API checks them, answers as text or JSON."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click
from alembic.util import CommandError
from marshmallow import ValidationError
from marshmallow.fields import Field
from sqlalchemy.exc import DBAPIError, TimeoutError  # noqa: A004 - SQLAlchemy's: the pool has no connection left

from app.http.errors import Invalid, Problem, flatten

F = TypeVar("F", bound=Callable[..., Any])

DATABASE_ERRORS = (DBAPIError, TimeoutError)
_NOT_MIGRATED = ("no such table", "no such column", "does not exist")


class Refusal(click.ClickException):
    """One sentence on standard error. Exit code 1; 2 where the command line itself is wrong."""

    def __init__(self, sentence: str, exit_code: int = 1) -> None:
        super().__init__(" ".join(sentence.split()))
        self.exit_code = exit_code  # type: ignore[misc]  # click declares it for classes and sets it on instances

    def show(self, file: Any = None) -> None:
        """Print the sentence."""
        click.echo(f"billhook: {self.format_message()}", file=file, err=file is None)


@contextmanager
def refusing(ctx: click.Context) -> Iterator[None]:
    """Turn what a command may fail with into a Refusal: no traceback and no SQL reach the terminal."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        where = (error.ctx or ctx).command_path
        raise Refusal(f"{error.format_message()} `{where} --help` lists what there is.", 2) from error
    except Invalid as error:
        raise Refusal(_named(error.details["fields"])) from error
    except Problem as error:
        raise Refusal(error.message) from error
    except ValidationError as error:
        raise Refusal(_named(flatten(error.messages))) from error
    except CommandError as error:
        raise Refusal(f"{error}.") from error
    except DATABASE_ERRORS as error:
        raise Refusal(database_sentence(error)) from error


class Command(click.Command):
    """A command whose failures are sentences."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> click.Context:
        """Read the command line."""
        with refusing(click.Context(self, parent, info_name)):
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run it."""
        with refusing(ctx):
            return super().invoke(ctx)


class Group(click.Group):
    """Commands under one word, whose failures are sentences."""

    command_class = Command

    def invoke(self, ctx: click.Context) -> Any:
        """Run one of them."""
        with refusing(ctx):
            return super().invoke(ctx)


class Checked(click.ParamType[Any]):
    """A value that a field of the API judges and normalises."""

    name = "text"

    def __init__(self, field: Field[Any]) -> None:
        self.field = field

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value as the field returns it; its sentence when it refuses."""
        try:
            return self.field.deserialize(value)
        except ValidationError as error:
            return self.fail(" ".join(flatten(error.messages)["_schema"]), param, ctx)


def json_option(command: F) -> F:
    """Add --json to a command, as the argument `as_json`."""
    text = "Print one JSON object as the last line, for programs."
    return click.option("--json", "as_json", is_flag=True, help=text)(command)


def answer(data: Mapping[str, Any], text: str, *, as_json: bool) -> None:
    """Print what a command found or made: one JSON object on one line, or text for people."""
    click.echo(json.dumps(data, default=str) if as_json else text)


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Rows as aligned text, with the columns' names above them."""
    lines = [[name.upper() for name in columns]]
    lines += [["" if row[name] is None else str(row[name]) for name in columns] for row in rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    aligned = ("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(line.rstrip() for line in aligned)


def database_sentence(error: Exception) -> str:
    """What a database error means to an operator, without any SQL."""
    reason = first_line(getattr(error, "orig", None) or error)
    if any(words in reason for words in _NOT_MIGRATED):
        return f"The database is not up to date ({reason}): run `flask db upgrade`."
    return f"The database refuses ({reason}): `flask doctor` says more."


def first_line(error: BaseException) -> str:
    """An error's first line without its full stop; its kind when it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0].strip().removesuffix(".") if lines else type(error).__name__


def _named(fields: Mapping[str, Sequence[str]]) -> str:
    return " ".join(
        text if name == "_schema" else f"{name}: {text}" for name, texts in fields.items() for text in texts
    )
