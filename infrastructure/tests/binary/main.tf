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
