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

# What config.rs asks for in each role and Azure does not set by itself, where the default will not do.
locals {
  everybody = ["ORDERS_DATABASE", "RUST_LOG"]
  working = concat(local.everybody, [
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "EMAIL_FROM", "EMAIL_SERVER", "NOTIFY_CHANNELS", "ORDERS_DATABASE_CONNECTIONS", "ORDERS_KEY_VAULT", "ORDERS_TOPIC",
    "ServiceBus__fullyQualifiedNamespace",
  ])
  on_cluster = concat(local.working, ["APPLICATIONINSIGHTS_CONNECTION_STRING", "SWEEP_MAX_SLEEP"])
}

output "of_role" {
  description = "Settings that each role is to be given."
  value = {
    # Its connection string of Application Insights is an argument of the resource.
    functions = toset(concat(local.working, ["NOTIFY_SUBSCRIPTION", "ServiceBus__clientId", "SWEEP_SCHEDULE"]))
    api       = toset(concat(local.on_cluster, ["ORDERS_KEYS"]))
    worker    = toset(concat(local.on_cluster, ["NOTIFY_SUBSCRIPTION"]))
    migrate   = toset(concat(local.everybody, ["ORDERS_DATABASE_USERS"]))
  }
}

output "given" {
  description = "Every name that the variable settings takes."
  value       = toset([for match in regexall("\"([A-Za-z_]+)\"", regex("(?s)in keys[(]var.settings[)] : contains[(]\\[(.*?)\\]", file("${path.module}/../../variables.tf"))[0]) : match[0]])
}

output "of_opentelemetry" {
  description = "Names that its SDK reads within the binary (README.md, Traces and metrics)."
  value       = toset(["OTEL_METRIC_EXPORT_INTERVAL", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"])
}

output "of_the_host" {
  description = "Every name that the Functions host itself reads, and is given."
  value = toset([
    "AzureWebJobs.Notify.Disabled",
    "AzureWebJobsStorage",
    "AzureWebJobsStorage__accountName",
    "AzureWebJobsStorage__clientId",
    "AzureWebJobsStorage__credential",
    "ServiceBus__credential",
  ])
}

output "metrics" {
  description = "Names in the source that look like one of our metrics."
  value       = toset([for match in regexall("\"(orders\\.[a-z_]+\\.[a-z_]+)\"", local.code) : match[0]])
}
