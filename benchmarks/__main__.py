"""python -m benchmarks [NAME ...]: all of them, or those named."""

import argparse
import sys

from benchmarks import body, confidence, loop, predictor, synthetic

BENCHMARKS = {
    "body": body.run,
    "confidence": confidence.run,
    "loop": loop.run,
    "predictor": predictor.run,
    "synthetic": synthetic.run,
}


def main(arguments: list[str]) -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], metavar="NAME")
    for name in parser.parse_args(arguments).names or BENCHMARKS:
        BENCHMARKS[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
