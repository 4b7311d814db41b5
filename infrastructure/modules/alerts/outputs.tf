output "metrics" {
  description = "Names of the metrics that the rules ask for; a test compares them with the binary's."
  value       = values(local.metrics)
}
