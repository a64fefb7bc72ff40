"""From pictures and videos to the same with other faces."""

from mien.pipeline.anonymize import anonymize as anonymize
from mien.pipeline.comparison import BlenderComparison as BlenderComparison
from mien.pipeline.comparison import BlenderScore as BlenderScore
from mien.pipeline.report import AnonymizedFile as AnonymizedFile
from mien.pipeline.report import AnonymizeReport as AnonymizeReport
from mien.pipeline.report import FileReport as FileReport
from mien.pipeline.report import FrameRange as FrameRange
from mien.pipeline.report import SwapReport as SwapReport
from mien.pipeline.swap import swap as swap
