"""Translated texts of the workbench's scripts; the page carries them as JSON."""

from __future__ import annotations

from django.utils.translation import gettext as _


def workbench_texts() -> dict[str, str]:
    """Return each text by its name in ``webapp/static/js/review``; scripts fill in the braces."""
    return {
        "PASS": _("PASS"),
        "FAIL": _("FAIL"),
        "agree": _("Agree"),
        "agree_with": _("Agree: {label}"),
        "similar": _("Similar parts: {number}"),
        "skipped": _("skipped"),
        "skipped_part": _("Skipped: {title}"),
        "marked": _("Marks: {number}. FAIL saves them."),
        "marks_dropped": _("PASS has no defect, so the marks were dropped."),
        "nothing_yet": _("nothing yet"),
        "unsaved": _("not saved yet"),
        "logged_out": _(
            "You are logged out, or another user is logged in. Log in again in another tab. Your verdicts are kept."
        ),
        "server_busy": _("The server is busy. Your verdicts are sent again automatically."),
        "network_away": _("The server cannot be reached. Your verdicts are sent again automatically."),
        "went_elsewhere": _("Another reviewer holds the part now. Continue with the next part."),
        "not_saved": _("{title} was not saved. {why}"),
        "went_to_another": _("Your claim on {title} expired. Another reviewer holds the part now."),
        "nothing_to_undo": _("There is no verdict to undo."),
        "taken_back": _("Undone: {title}"),
        "undo_failed": _("The undo did not reach the server. Press U again."),
        "judge_without_model": _("You review this part without the model. Press P or F."),
        "model_said_nothing": _("No model has scored this part. Press P or F."),
        "group_look": _("Check every part first: {left} left. Click a part that differs to take it out."),
        "group_judge": _("One key labels all {number}. Click a part that differs to take it out."),
        "group_is_empty": _("All parts are taken out. Put one back, or press O to review them one by one."),
        "group_is_gone": _("Another reviewer holds the similar parts now. Review this part alone."),
        "group_judged": _("{words}: {number} similar parts"),
        "nothing_waited": _("You labeled no part on this page."),
        "done": _("Labeled since you opened this page: {total}. {passed} PASS, {failed} FAIL{types}."),
    }
