"""Commands."""

import os

# Read by gRPC when it is first imported. It would warn of every child process, and print beside our log what the
# log says already.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
