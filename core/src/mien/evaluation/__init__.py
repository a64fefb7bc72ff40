"""How well a run draws: measured on faces that it never saw, beside baselines that have learnt nothing."""

from mien.evaluation.report import Evaluation as Evaluation
from mien.evaluation.report import Metrics as Metrics
