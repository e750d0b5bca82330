"""The README's table of the quickstart must be what the quickstart gives."""

import json
import re
import sys
from pathlib import Path

# Other processors may round differently on the way; the times are theirs too.
TOLERANCE_NATS = 0.05

results = json.loads((Path(sys.argv[1]) / "results.json").read_text())
readme = Path("README.md").read_text()

expected = {"log Z": float(re.search(r"^> log Z = (-?[\d.]+)", readme, re.M)[1])}
expected |= {name: float(elbo) for name, elbo in re.findall(r"^\| (\S+) +\| (-?[\d.]+) ±", readme, re.M)}
obtained = {"log Z": results["log_partition"]["nats"]}
obtained |= {scheme["name"]: scheme["elbo_nats_mean"] for scheme in results["schemes"]}

if expected.keys() != obtained.keys():
    sys.exit(f"the README shows {sorted(expected)}, the quickstart gives {sorted(obtained)}")
for name, nats in obtained.items():
    print(f"{name}: README {expected[name]}, obtained {nats:.3f}")
    if abs(nats - expected[name]) > TOLERANCE_NATS:
        sys.exit(f"{name} is {nats:.3f} nats, the README says {expected[name]}")
