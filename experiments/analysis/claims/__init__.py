"""The claims of the four reports, as data: what is compared with what. `rule` says how they are judged."""

from experiments.analysis.claims.report1_convnet import REPORT_1_CONVNETS
from experiments.analysis.claims.report1_mlp import REPORT_1_MLP
from experiments.analysis.claims.report2 import REPORT_2
from experiments.analysis.claims.report3 import REPORT_3
from experiments.analysis.claims.report4 import REPORT_4

CLAIMS = (*REPORT_1_MLP, *REPORT_1_CONVNETS, *REPORT_2, *REPORT_3, *REPORT_4)
"""In the order of the reports."""
