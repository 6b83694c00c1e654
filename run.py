"""The launcher: python run.py --config=configs/NAME.py [--config.KEY=VALUE ...] [options]."""

import sys

from gen_jax.launch import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
