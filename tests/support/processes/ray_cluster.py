"""A local cluster of Ray with some processors, until standard input ends; prints its address.

python ray_cluster.py 4 /tmp/folder
"""

import sys

import ray

MEGABYTE = 1024 * 1024


def main(processors: str, folder: str) -> None:
    """Start the cluster, and end it with standard input."""
    context = ray.init(
        num_cpus=int(processors),
        object_store_memory=80 * MEGABYTE,
        include_dashboard=False,
        logging_level="warning",
        _node_ip_address="127.0.0.1",
        _temp_dir=folder,
    )
    sys.stdout.write(f"{context.address_info['gcs_address']}\n")
    sys.stdout.flush()
    sys.stdin.read()
    ray.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
