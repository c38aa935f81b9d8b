"""Colors of figures, for drawing and serving them."""

# Okabe and Ito's palette, as on the pages
PASS, FAIL, REVIEW, NOVELTY = "#009E73", "#D55E00", "#56B4E9", "#F0E442"
PANEL, RAISED, INK, MUTED, LINE = "#171b21", "#232932", "#e8ebef", "#a4adb8", "#4a535e"
# Green and vermillion text is lighter than areas of that color, for a contrast of 4.5:1 on the panel.
PASS_INK, FAIL_INK = "#3fc79d", "#ff8a3d"
