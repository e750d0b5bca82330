"""The README's table of the quickstart must be what the quickstart gives.

The very numbers return on the same kind of processor. Another one rounds some products differently, and training then takes another
path to a machine as good: there the schemes that reach the best answer agree, and one that is far from it stays far.
"""

import json
import re
import sys
from pathlib import Path

# Nats between two trainings that differ in rounding alone; about three standard errors of the mean over the test examples.
TOLERANCE_NATS = 0.3
# What is no property of a good machine, log Z and the gap of a poor scheme, may differ by this share.
SHARE = 0.5

results = json.loads((Path(sys.argv[1]) / "results.json").read_text())
readme = Path("README.md").read_text()

expected = {name: float(elbo) for name, elbo in re.findall(r"^\| (\S+) +\| (-?[\d.]+) ±", readme, re.M)}
obtained = {scheme["name"]: scheme["elbo_nats_mean"] for scheme in results["schemes"]}
if expected.keys() != obtained.keys():
    sys.exit(f"the README shows {sorted(expected)}, the quickstart gives {sorted(obtained)}")

best = max(expected.values())
tolerance = {name: TOLERANCE_NATS + SHARE * (best - nats) for name, nats in expected.items()}
expected["log Z"] = float(re.search(r"^> log Z = (-?[\d.]+)", readme, re.M)[1])
obtained["log Z"] = results["log_partition"]["nats"]
tolerance["log Z"] = SHARE * abs(expected["log Z"])

for name, nats in obtained.items():
    print(f"{name}: README {expected[name]}, obtained {nats:.3f}")
    if abs(nats - expected[name]) > tolerance[name]:
        sys.exit(f"{name} is {nats:.3f} nats, the README says {expected[name]}")
