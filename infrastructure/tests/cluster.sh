#!/usr/bin/env bash
# Installs the release that Terraform renders on a real control plane on loopback, and holds it to its promises.
# ORDERS_CLUSTER is the program that starts the control plane, ORDERS_CLUSTER_BIN the folder of what it starts.
# Usage: infrastructure/tests/cluster.sh FOLDER      FOLDER/release.json and the_next_release.json are the values of two versions.
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=$(realpath "${1:?"usage: infrastructure/tests/cluster.sh FOLDER"}")
[ -s "$folder/the_next_release.json" ] || { echo 'nothing is rendered; run scripts/check-infrastructure.sh terraform manifests' >&2; exit 1; }
[ -x target/app/orders ] || scripts/stage.sh target/app
for tool in helm kubectl python3; do command -v "$tool" >/dev/null || { echo "the cluster's test needs $tool" >&2; exit 1; }; done
exec python3 infrastructure/tests/cluster "$folder" "${@:2}"
