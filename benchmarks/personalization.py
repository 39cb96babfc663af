"""Teaching from photos beside diffusers' own scripts: the same losses, and what a step costs.

    python benchmarks/personalization.py --scripts CHECKOUT/examples --parity diffusers [--record]

CHECKOUT is a copy of the diffusers repository. `--parity` writes results/parity_training.json; with `--record` also the
losses that the tests compare with.
"""

import argparse
from pathlib import Path

from bookkeeping import write


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--scripts", type=Path, required=True)
    asked.add_argument("--parity", choices=["diffusers"])
    asked.add_argument("--record", action="store_true")
    args = asked.parse_args()
    if args.parity:
        from stock_parity import compare

        data = compare(args.scripts, args.record)
        print(f"largest difference of all: {data['largest_difference']:.1e}, of at most {data['limit']:.0e}")
        print(write("parity_training", data))


if __name__ == "__main__":
    main()
