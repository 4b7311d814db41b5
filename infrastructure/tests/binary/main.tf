# What the binary reads and emits, taken from its source.
locals {
  source = "${path.module}/../../../functions/src"
  config = join("\n", [for file in setunion(fileset(local.source, "config.rs"), fileset(local.source, "config/**/*.rs")) : file("${local.source}/${file}")])
  code   = join("\n", [for file in fileset(local.source, "**/*.rs") : file("${local.source}/${file}")])
}

output "read" {
  description = "Every name in the table of settings."
  value       = toset([for match in regexall("= \"([A-Za-z_]+)\", \"[^\"]*\", \"", local.config) : match[0]])
}

output "not_yet_read" {
  description = "Settings that are given although this version of the binary does not read them. To be empty."
  value = toset([
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "EMAIL_FROM",
    "EMAIL_SERVER",
    "ORDERS_DATABASE_CONNECTIONS",
    "ORDERS_DATABASE_USERS",
    "ORDERS_KEY_VAULT",
  ])
}

output "metrics_found" {
  description = "Names in the source that look like one of our metrics."
  value       = toset([for match in regexall("\"(orders\\.[a-z_]+\\.[a-z_]+)\"", local.code) : match[0]])
}

output "metrics_not_yet_emitted" {
  description = "Metrics that alerts ask for although this version of the binary does not emit them. To be empty."
  value = toset([
    "orders.messages.rejected",
    "orders.outbox.oldest_unpublished_age",
  ])
}
