"""The tutorials of two towers as presets, on 100K: what they published beside what the presets reach."""

import json
import tempfile
from collections.abc import Iterator

from movierec_cli.config.presets import Preset
from tests.bench.rows import Bench, Row, movierec

BARS = {Preset.TFRS_CONTEXT: 0.02, Preset.TFRS_MULTITASK: 0.02, Preset.TFRS_DEEP: 0.03}
"""How far off a top-k accuracy may be."""
RMSE_BAR = 0.05


def measure_tutorials(bench: Bench) -> Iterator[Row]:
    """One training of each model."""
    archive = str(bench.find("ml-100k.zip"))
    for preset, bar in BARS.items():
        with tempfile.TemporaryDirectory() as folder:
            options = ("--archive", archive, "--output", f"{folder}/page.html", "--saved_models_dir", folder)
            done = movierec("train", "--preset", preset, "--baselines", "None", *options, "--json", "--quiet")
        for one in json.loads(done.stdout)["published"]:
            within = RMSE_BAR if "RMSE" in one["metric"] else bar
            yield Row(
                f"100K, preset {preset}, {one['model']}: {one['metric']}",
                f"{one['here']:.4f}",
                f"at most {one['published'] + within:g}" if one["at_most"] else f"within {within:g}",
                f"{'at most ' if one['at_most'] else ''}{one['published']:g} ({one['source']}, published)",
            )
