"""A process that runs an embedded chain until it is killed. usage: devnet_user.py FOLDER"""

import sys
from pathlib import Path

from oracle.chain.devnet import DevChain

if __name__ == "__main__":
    with DevChain(Path(sys.argv[1])) as chain:
        print(chain.rpc_url, flush=True)
        sys.stdin.readline()
