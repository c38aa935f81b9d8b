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
        "alike": _("{number} more look the same"),
        "skipped": _("skipped"),
        "skipped_part": _("Skipped: {title}"),
        "nothing_yet": _("nothing yet"),
        "unsaved": _("not saved yet"),
        "logged_out": _("You are logged out, or somebody else is logged in. Log in in another tab; nothing is lost."),
        "server_busy": _("The server is busy."),
        "network_away": _("The network is away."),
        "went_elsewhere": _("it went to another reviewer."),
        "not_saved": _("{title} was not saved: {why} Going on."),
        "went_to_another": _("{title} went to another reviewer while you were away."),
        "nothing_to_undo": _("There is nothing to take back."),
        "taken_back": _("Taken back: {title}"),
        "undo_failed": _("Taking it back did not reach the server. Press U again."),
        "judge_without_model": _("This one is judged without the model: press P or F."),
        "model_said_nothing": _("No model said anything of this part: press P or F."),
        "group_look": _("Look at every one first: {left} to go. Take out what differs by clicking it."),
        "group_judge": _("One key judges all {number}. Take out what differs by clicking it."),
        "group_is_empty": _("All parts are taken out. Put one back, or press O to judge them one by one."),
        "group_is_gone": _("The others are with another reviewer by now."),
        "group_judged": _("{words}: {number} parts that look the same"),
        "nothing_waited": _("Nothing waited for you."),
        "done": _("Since you opened this page you decided {total}: {passed} PASS, {failed} FAIL{types}."),
    }
