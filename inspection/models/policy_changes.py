"""Append-only record of changes to a product's costs and policy, written by the database.

A trigger compares each product's row before and after, so no page, script or query changes a cost unrecorded. User and
reason come from the transaction; ``policy_change_context`` sets them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pgtrigger
from django.contrib.auth.models import User
from django.db import connection, models, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from inspection.models import promotion_policy
from mltasks.models.model_fields import append_only, optional_user_field

# Columns that affect verdicts, reviews, training and the promotion gate.
RECORDED_FIELDS = (
    "fn_cost",
    "fp_cost",
    "review_cost",
    "defect_rate",
    "escape_promise",
    "escape_confidence",
    "audit_share",
    "fail_audit_share",
    "fast_path_enabled",
    "fast_path_leak",
    "second_share",
    "repeat_share",
    "pick_strategy",
    "retrain_nightly",
    "retrain_at",
    "training_settings",
    "deadline_ms",
    "deadline_action",
    *promotion_policy.PROMOTION_FIELDS,
)
# Settings of the PostgreSQL transaction that the trigger reads.
BY_SETTING, REASON_SETTING = "second_look.by", "second_look.reason"

_RECORD_SQL = """
    IF TG_OP = 'UPDATE' THEN
        earlier := to_jsonb(OLD);
    END IF;
    SELECT jsonb_object_agg(key, earlier -> key), jsonb_object_agg(key, value) INTO was, became
    FROM jsonb_each(to_jsonb(NEW))
    WHERE key IN ({fields}) AND value IS DISTINCT FROM earlier -> key;
    IF became IS NOT NULL THEN
        INSERT INTO inspection_policychange (product_id, by_id, reason, before, after)
        VALUES (
            NEW.id,
            nullif(current_setting('{by}', true), '')::integer,
            coalesce(current_setting('{reason}', true), ''),
            CASE TG_OP WHEN 'INSERT' THEN '{{}}' ELSE was END,
            became
        );
    END IF;
    RETURN NULL;
"""


class PolicyChange(models.Model):
    """Changed values of a product's costs and policy: before (empty if new) and after."""

    product = models.ForeignKey("inspection.Product", on_delete=models.PROTECT, related_name="policy_changes")
    by = optional_user_field(_("Empty: a command or a script."))
    reason = models.TextField(blank=True)
    before = models.JSONField()
    after = models.JSONField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-created_at", "-id"]
        triggers = [append_only("policy_change_is_append_only")]

    def __str__(self) -> str:
        return f"{self.product}: {', '.join(self.after)}"


def policy_record_trigger() -> pgtrigger.Trigger:
    """Return the trigger that records changes of products in the changing transaction."""
    fields = ", ".join(f"'{name}'" for name in RECORDED_FIELDS)
    return pgtrigger.Trigger(
        name="policy_is_recorded",
        operation=pgtrigger.Insert | pgtrigger.Update,
        when=pgtrigger.After,
        declare=[("earlier", "jsonb := '{}'"), ("was", "jsonb"), ("became", "jsonb")],
        func=_RECORD_SQL.format(fields=fields, by=BY_SETTING, reason=REASON_SETTING),
    )


@contextmanager
def policy_change_context(by: User | None, reason: str) -> Iterator[None]:
    """Run a transaction whose product changes are recorded with this user and reason."""
    with transaction.atomic():
        _set_change_context(str(by.pk) if by else "", reason)
        yield
        # Reset the settings for an enclosing transaction. PostgreSQL itself restores them after a failure.
        _set_change_context("", "")


def _set_change_context(by: str, reason: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config(%s, %s, true), set_config(%s, %s, true)", [BY_SETTING, by, REASON_SETTING, reason]
        )
