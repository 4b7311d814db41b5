#!/usr/bin/env bash
# Asks the store's promises of a SQL Server: one in Docker, or the one that is named.
#
#   scripts/test-sql.sh                       SQL Server in Docker, on this machine, removed afterwards
#   scripts/test-sql.sh 'CONNECTION STRING'   any other, as Azure SQL (its database does not matter, as in Database=master):
#       'Server=tcp:NAME.database.windows.net,1433;Database=master;Authentication=Active Directory Default'
#
# The tests make a database of their own and drop it at the end, so the login must be allowed to make one: on Azure, the
# server's Entra admin, logged in with `az login`, from an address that the firewall lets in. A database there costs
# money while it exists.
set -euo pipefail
cd "$(dirname "$0")/.."

image=mcr.microsoft.com/mssql/server:2022-latest
name="orders-test-sql-$$"

in_docker() {
  command -v docker >/dev/null || { echo 'docker is not installed; name a server instead' >&2; exit 1; }
  local password port
  password="Aa1-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
  trap 'docker rm --force "$name" >/dev/null' EXIT
  ACCEPT_EULA=Y MSSQL_SA_PASSWORD=$password docker run --detach --name "$name" --env ACCEPT_EULA --env MSSQL_SA_PASSWORD \
    --publish 127.0.0.1::1433 "$image" >/dev/null
  port=$(docker port "$name" 1433/tcp | head -n 1 | sed 's/.*://')
  for _ in $(seq 60); do
    if docker logs "$name" 2>&1 | grep -q 'SQL Server is now ready for client connections'; then
      ORDERS_TEST_SQL="Server=tcp:localhost,$port;Database=master;User Id=sa;Password=$password;TrustServerCertificate=True"
      return
    fi
    sleep 2
  done
  echo 'SQL Server did not start within two minutes:' >&2
  docker logs "$name" 2>&1 | tail -n 20 >&2
  exit 1
}

if [ $# -gt 0 ]; then ORDERS_TEST_SQL=$1; else in_docker; fi
export ORDERS_TEST_SQL
cargo test --locked --test promises -- --nocapture every_promise_of_the_store_holds_on_azure_sql \
  everything_the_store_does_is_one_round_trip_to_a_server what_was_done_and_not_heard_of_counts_once
