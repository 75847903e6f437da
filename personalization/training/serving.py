"""The versions that serve, as this process holds them: swapped without a restart, and never for a broken one.

One is promoted and serves everybody. Others may serve beside it to those whom an experiment gives them.
"""

import logging
from dataclasses import dataclass
from threading import Lock
from time import monotonic

from personalization.catalog.models import Epoch
from personalization.recommend.artifacts import ArtifactError
from personalization.training.models import ModelVersion
from personalization.training.storage import Bundle, open_version

logger = logging.getLogger(__name__)

# An experiment has few arms; what nobody asks for any more makes room.
MOST_BESIDE = 4


@dataclass(frozen=True)
class Held:
    """What this process serves, and the epoch for which it was chosen."""

    epoch: int
    bundle: Bundle | None


@dataclass
class Beside:
    """A version asked for by its number: its scorers (None if it could not be opened at this epoch), last use."""

    epoch: int
    bundle: Bundle | None
    used: float


_lock = Lock()
_held: Held | None = None
_lock_beside = Lock()
_beside: dict[int, Beside] = {}


def promoted(epoch: int | None = None) -> Bundle | None:
    """Return the promoted version's scorers, or None when there is none; `epoch` is the "model" epoch, if known.

    One thread loads a new version while the others go on with the old one; only the very first load is waited for.
    """
    if epoch is None:
        epoch = Epoch.objects.numbers().get("model", 0)
    held = _held
    if held is not None and held.epoch == epoch:
        return held.bundle
    if not _lock.acquire(blocking=held is None):
        return held.bundle
    try:
        return _renew(epoch)
    finally:
        _lock.release()


def bundle(version_id: int | None, epoch: int | None = None) -> Bundle | None:
    """Return the scorers of one version; those of the promoted one if it is gone or broken, or None is given.

    Versions never change, so that one that was opened stays as it is; one that could not be opened is tried again
    when the epoch has changed.
    """
    if epoch is None:
        epoch = Epoch.objects.numbers().get("model", 0)
    serving = promoted(epoch)
    if version_id is None or (serving and serving.version_id == version_id):
        return serving
    found = _beside.get(version_id)
    if found is None or (found.bundle is None and found.epoch != epoch):
        found = _open_beside(version_id, epoch)
    found.used = monotonic()
    return found.bundle or serving


def is_held(version_id: int) -> bool:
    """Whether this process holds a version beside the promoted one."""
    return version_id in _beside


def forget() -> None:
    """Let go of what this process holds, as if it had just started."""
    global _held
    _held = None
    _beside.clear()


def _open_beside(version_id: int, epoch: int) -> Beside:
    with _lock_beside:
        found = _beside.get(version_id)
        if found is not None and (found.bundle is not None or found.epoch == epoch):
            return found
        found = _beside[version_id] = Beside(epoch, _open_or_report(version_id), monotonic())
        for oldest in sorted(_beside, key=lambda key: _beside[key].used)[:-MOST_BESIDE]:
            del _beside[oldest]
        return found


def _open_or_report(version_id: int) -> Bundle | None:
    version = ModelVersion.objects.filter(pk=version_id).first()
    if version is None:
        logger.error("There is no model v%s: the promoted version serves instead.", version_id)
        return None
    try:
        return open_version(version)
    except ArtifactError as error:
        _report(version, error)
        return None


def _renew(epoch: int) -> Bundle | None:
    global _held
    held = _held
    if held is None or held.epoch != epoch:
        version = ModelVersion.objects.promoted()
        serves_it = version and held and held.bundle and held.bundle.version_id == version.pk
        _held = Held(epoch, held.bundle if serves_it else _choose(version, held))
    return _held.bundle


def _choose(version: ModelVersion | None, held: Held | None) -> Bundle | None:
    """Open the promoted version; failing that keep what serves; failing that open the newest whole older one."""
    if version is None:
        return None
    try:
        return open_version(version)
    except ArtifactError as error:
        _report(version, error)
    if held is not None and held.bundle is not None:
        logger.error("%s keeps serving in this process.", held.bundle.label)
        return held.bundle
    return _open_older(version)


def _open_older(version: ModelVersion) -> Bundle | None:
    for older in ModelVersion.objects.older_than(version):
        try:
            bundle = open_version(older)
        except ArtifactError as error:
            _report(older, error)
        else:
            logger.error("%s serves instead of %s.", bundle.label, version)
            return bundle
    logger.error("No version can serve: slots fall back to content and to the editors' order.")
    return None


def _report(version: ModelVersion, error: ArtifactError) -> None:
    logger.error(
        "Model %s is refused: %s Restore its files from a backup and promote it again (manage.py promote_model "
        "--version %s), go back (manage.py promote_model --roll-back), or train anew (manage.py train).",
        version,
        error,
        version.pk,
    )
