from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class ItemQuerySet(models.QuerySet):
    def live(self) -> "ItemQuerySet":
        return self.filter(live=True)

    def to_embed(self, model: str) -> "ItemQuerySet":
        """Live items that this model has not read yet, or not in their present wording."""
        done = Q(embedding__model=model, embedding__text_hash=F("text_hash"))
        return self.live().exclude(text_hash="").exclude(done)


class Item(models.Model):
    """One live page or registered snippet that may be shown, in one locale.

    What was withdrawn keeps its row, with live=False, so that history keeps its keys.
    """

    key = models.CharField(_("key"), max_length=120, unique=True)
    group = models.CharField(
        _("group"), max_length=120, db_index=True, help_text=_("Shared by the translations of one page.")
    )
    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, related_name="+", verbose_name=_("type"))
    object_id = models.CharField(max_length=64)
    site_id = models.IntegerField(null=True, help_text=_("The Wagtail site it belongs to; empty means every site."))
    tree_path = models.CharField(max_length=255, blank=True)
    locale = models.CharField(_("locale"), max_length=16, blank=True)
    title = models.CharField(_("title"), max_length=255)
    summary = models.TextField(_("summary"), blank=True)
    text = models.TextField(blank=True)
    text_hash = models.CharField(max_length=64, blank=True)
    tags = models.JSONField(_("tags"), default=list, blank=True)
    image = models.CharField(max_length=2000, blank=True)
    url = models.CharField(_("address"), max_length=2000, blank=True)
    published_at = models.DateTimeField(_("published"), null=True)
    expires_at = models.DateTimeField(_("expires"), null=True)
    live = models.BooleanField(_("live"), default=True)
    epoch = models.BigIntegerField(default=0, db_index=True, help_text=_("The catalog's epoch when this row changed."))

    objects = ItemQuerySet.as_manager()

    class Meta:
        verbose_name = _("item")
        verbose_name_plural = _("items")
        ordering = ["-published_at"]
        indexes = [models.Index(fields=["content_type", "object_id"], name="item_source")]

    def __str__(self) -> str:
        return self.title

    @property
    def words(self) -> str:
        """What is embedded: title, summary and text. A summary that only repeats how the text begins is left out."""
        opening = self.summary.rstrip("\u2026. ")
        repeats = self.text.startswith(opening)
        return "\n".join(part for part in (self.title, "" if repeats else self.summary, self.text) if part)


class Embedding(models.Model):
    """An item's text vector (float32, little-endian), with the model's name and the hash of the text behind it."""

    item = models.OneToOneField(Item, on_delete=models.CASCADE, related_name="embedding")
    model = models.CharField(max_length=120)
    text_hash = models.CharField(max_length=64)
    vector = models.BinaryField()

    class Meta:
        verbose_name = _("embedding")
        verbose_name_plural = _("embeddings")

    def __str__(self) -> str:
        return f"{self.model}: {self.item_id}"


class EpochQuerySet(models.QuerySet):
    def numbers(self) -> dict[str, int]:
        """All counters in one query: {"catalog": 12, "slots": 3, "model": 1}."""
        return dict(self.values_list("name", "number"))

    def hold(self, name: str) -> None:
        """Take the lock that `advance` takes, without counting a change."""
        if self.select_for_update().filter(name=name).values_list("pk").first() is None:
            self.get_or_create(name=name, defaults={"number": 0})
            self.select_for_update().get(name=name)

    def advance(self, name: str) -> int:
        """Count one change. The row stays locked until commit, so epochs become visible in their order."""
        if not self.filter(name=name).update(number=F("number") + 1):
            self.get_or_create(name=name, defaults={"number": 0})
            self.filter(name=name).update(number=F("number") + 1)
        return self.values_list("number", flat=True).get(name=name)


class Epoch(models.Model):
    """A counter of changes, by which every process knows whether what it holds in memory is still true."""

    name = models.CharField(max_length=32, primary_key=True)
    number = models.BigIntegerField(default=0)

    objects = EpochQuerySet.as_manager()

    class Meta:
        verbose_name = _("epoch")
        verbose_name_plural = _("epochs")

    def __str__(self) -> str:
        return f"{self.name} {self.number}"
