"""Rows for the built-in patterns, made by `migrate`.

After a migration rather than inside of one: a new version of the code brings new patterns without
a data migration of its own, and one that was reviewed anew reaches rows nobody has touched. A row
that an operator has changed is never written. Nothing depends on the rows being there: a built-in
without one works as it was reviewed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

if TYPE_CHECKING:
    from django.apps import AppConfig


def patterns_seed(sender: AppConfig, **kwargs: Any) -> None:
    """Receiver of post_migrate. Two migrations at the same time do no harm."""
    del sender
    migrated = kwargs.get("apps")
    if migrated is not None and ("hardening", "failurepattern") not in {
        (model._meta.app_label, model._meta.model_name) for model in migrated.get_models()
    }:
        return  # migrated back to before there were patterns
    with transaction.atomic(using=kwargs.get("using")):
        _seed(kwargs.get("using") or "default")


def _seed(using: str) -> None:
    # Here, so that no command loads RE2 because it knows this receiver.
    from hardening.models import FailurePattern, PatternChange
    from hardening.outcomes import PatternTrigger
    from hardening.patterns import builtin
    from hardening.rows import choices_reviewed, title_of

    rows = FailurePattern.objects.using(using)
    reviewed = {
        spec.id: {"title": title_of(spec.id), "family": spec.family.value, **choices_reviewed(spec)}
        for spec in builtin()
    }
    rows.bulk_create(
        [FailurePattern(slug=slug, is_builtin=True, **values) for slug, values in reviewed.items()],
        ignore_conflicts=True,
    )
    # Locked before history is read: who chooses meanwhile waits, and then finds a new revision.
    held = list(rows.filter(is_builtin=True, slug__in=reviewed).select_for_update())
    chosen = set(
        PatternChange.objects.using(using)
        .exclude(trigger=PatternTrigger.UPGRADE.value)
        .values_list("slug", flat=True)
        .distinct()
    )
    for row in held:
        values = reviewed[row.slug]
        names = ("title", "family") if row.slug in chosen else tuple(values)
        new = {name: values[name] for name in names if getattr(row, name) != values[name]}
        if not new:
            continue
        before = {name: getattr(row, name) for name in new}
        for name, value in new.items():
            setattr(row, name, value)
        row.save(using=using, update_fields=list(new))
        PatternChange(
            pattern=row, slug=row.slug, trigger=PatternTrigger.UPGRADE.value,
            before=before, after=new,
        ).save(using=using)  # fmt: skip
