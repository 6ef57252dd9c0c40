"""Find the application that a worker is asked to serve."""

import importlib
import sys
import traceback
from pathlib import Path
from types import ModuleType

from worker.definitions import App
from worker.errors import ConfigurationError


def load_app(reference: str) -> App:
    """Return the App at MODULE:ATTR, looking in the current directory first; raises ConfigurationError."""
    module_name, colon, attribute = reference.partition(":")
    if not (all(part.isidentifier() for part in module_name.split(".")) and colon and attribute):
        raise ConfigurationError(f"--app {reference}: should be MODULE:ATTR, for example shop:app")
    directory = str(Path.cwd())
    if directory not in sys.path:
        sys.path.insert(0, directory)
    return _app_in(_imported(module_name, reference), attribute, reference)


def _imported(module_name: str, reference: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except ConfigurationError:
        raise  # the definitions are wrong, and say how
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and f"{module_name}.".startswith(f"{error.name}."):
            fault = f"there is no module {error.name} in {Path.cwd()} or on Python's path"
        else:
            fault = f"importing it failed with {type(error).__name__}: {error} ({_place_of(error)})"
        raise ConfigurationError(f"--app {reference}: {fault}") from error


def _place_of(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}"  # its traceback ends in Python's importer
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.filename}:{last.lineno}"


def _app_in(module: ModuleType, attribute: str, reference: str) -> App:
    found = getattr(module, attribute, None)
    if isinstance(found, App):
        return found
    apps = [name for name, value in vars(module).items() if isinstance(value, App)]
    hint = f"; it has {module.__name__}:{apps[0]}" if apps else "; it has no App at all"
    what = f"is a {type(found).__name__}, not an App" if hasattr(module, attribute) else "does not exist"
    raise ConfigurationError(f"--app {reference}: {attribute} {what}{hint}")
