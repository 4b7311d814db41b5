# What each process is told. Every name here is one that the binary reads (a test holds them together), but for those of
# the Functions host at the end.
locals {
  sql = "Server=tcp:${module.sql.host},1433;Database=${module.sql.database_name};Encrypt=True;TrustServerCertificate=False;Connection Timeout=30"

  every_role = { RUST_LOG = "info" }

  # The key in it opens nothing, and a plan should show what changes in a manifest.
  telemetry = { APPLICATIONINSIGHTS_CONNECTION_STRING = nonsensitive(module.logs.connection_string) }

  email = { for name, value in { EMAIL_SERVER = one(module.email[*].server), EMAIL_FROM = one(module.email[*].from) } : name => value if local.by_communication_services }

  working = merge(local.every_role, local.email, {
    ORDERS_TOPIC                        = module.servicebus.topic_name
    NOTIFY_CHANNELS                     = join(",", var.channels)
    ORDERS_KEY_VAULT                    = module.keyvault.uri
    ServiceBus__fullyQualifiedNamespace = module.servicebus.fully_qualified_namespace
  })

  # How a Pod logs in: the webhook gives it its ServiceAccount's token.
  on_cluster = merge(local.working, local.telemetry, {
    ORDERS_DATABASE = "${local.sql};Authentication=Active Directory Workload Identity"
    SWEEP_MAX_SLEEP = var.sweep.max_sleep

    ORDERS_DATABASE_CONNECTIONS               = tostring(var.database_connections.pod)
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING = "Authorization=AAD"
  })

  # What terraform.tfvars says goes last, to those who work; who shows no console needs no key for it.
  given            = var.settings
  without_console  = { for name, value in var.settings : name => value if name != "ORDERS_CONSOLE_KEY" }
  given_to_migrate = { for name, value in var.settings : name => value if name == "RUST_LOG" }

  settings = {
    # Its connection string of Application Insights is an argument of its own (modules/functionapp). The host asks for the
    # subscription's name whether or not it notifies.
    functions = merge(local.working, {
      NOTIFY_SUBSCRIPTION  = module.servicebus.subscription_name
      ORDERS_DATABASE      = "${local.sql};Authentication=Active Directory Managed Identity;User Id=${module.identity["functions"].client_id}"
      ServiceBus__clientId = module.identity["functions"].client_id
      SWEEP_SCHEDULE       = var.sweep.schedule

      ORDERS_DATABASE_CONNECTIONS = tostring(var.database_connections.instance)
      # The Functions host reads it too, for what it sends itself.
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING = "ClientId=${module.identity["functions"].client_id};Authorization=AAD"
    }, local.given)

    # The Functions host checks its own keys; on the cluster the api does.
    api    = merge(local.on_cluster, { ORDERS_KEYS = "keyvault:${local.api_keys_secret}" }, local.given)
    worker = merge(local.on_cluster, { NOTIFY_SUBSCRIPTION = module.servicebus.subscription_name }, local.without_console)

    migrate = merge(local.every_role, {
      ORDERS_DATABASE       = local.on_cluster.ORDERS_DATABASE
      ORDERS_DATABASE_USERS = join(",", [for role in local.working_roles : "${module.identity[role].name}=${module.identity[role].client_id}"])
    }, local.given_to_migrate)
  }

  api_keys_secret = "orders-api-keys"
  # Secrets that hold keys of ours: scripts/deploy.sh makes the first one in each. Others are somebody else's to tell.
  key_secrets = concat([local.api_keys_secret], [for name, value in var.settings : trimprefix(value, "keyvault:") if name == "ORDERS_CONSOLE_KEY"])

  # Where one's own mail server listens; NetworkPolicies let Pods out to it.
  mail_server = lookup(var.settings, "EMAIL_SERVER", "")
  mail_ports  = startswith(local.mail_server, "smtp") ? [try(tonumber(regex("^smtps?://[^/?]*:([0-9]+)(?:[/?]|$)", local.mail_server)[0]), startswith(local.mail_server, "smtps:") ? 465 : 587)] : []

  host_settings = merge(
    { ServiceBus__credential = "managedidentity" },
    # Two hosts on one subscription would take each other's messages.
    local.on_aks ? { "AzureWebJobs.Notify.Disabled" = "true" } : {},
  )
}
