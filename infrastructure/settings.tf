# What each process is told. Every name here is one that the binary reads (a test holds them together), but for those of
# the Functions host at the end.
locals {
  sql = "Server=tcp:${module.sql.host},1433;Database=${module.sql.database_name};Encrypt=True;TrustServerCertificate=False;Connection Timeout=30"

  every_role = { RUST_LOG = "info" }

  # The key in it opens nothing, and a plan should show what changes in a manifest.
  telemetry = { APPLICATIONINSIGHTS_CONNECTION_STRING = nonsensitive(module.logs.connection_string) }

  email = { for name, value in { EMAIL_SERVER = one(module.email[*].server), EMAIL_FROM = one(module.email[*].from) } : name => value if local.by_email }

  working = merge(local.every_role, local.telemetry, local.email, {
    ORDERS_TOPIC                        = module.servicebus.topic_name
    NOTIFY_SUBSCRIPTION                 = module.servicebus.subscription_name
    NOTIFY_CHANNELS                     = join(",", var.channels)
    ORDERS_KEY_VAULT                    = module.keyvault.uri
    ServiceBus__fullyQualifiedNamespace = module.servicebus.fully_qualified_namespace
  })

  # How a Pod logs in: the webhook gives it its ServiceAccount's token.
  on_cluster = merge(local.working, {
    ORDERS_DATABASE = "${local.sql};Authentication=Active Directory Workload Identity"
    SWEEP_MAX_SLEEP = var.sweep.max_sleep

    ORDERS_DATABASE_CONNECTIONS               = tostring(var.database_connections.pod)
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING = "Authorization=AAD"
  })

  settings = {
    functions = merge(local.working, {
      ORDERS_DATABASE      = "${local.sql};Authentication=Active Directory Managed Identity;User Id=${module.identity["functions"].client_id}"
      ServiceBus__clientId = module.identity["functions"].client_id
      SWEEP_SCHEDULE       = var.sweep.schedule

      ORDERS_DATABASE_CONNECTIONS = tostring(var.database_connections.instance)
      # The Functions host reads it too, for what it sends itself.
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING = "ClientId=${module.identity["functions"].client_id};Authorization=AAD"
    })

    # The Functions host checks its own keys; on the cluster the api does.
    api    = merge(local.on_cluster, { ORDERS_KEYS = "keyvault:${local.api_keys_secret}" })
    worker = local.on_cluster

    migrate = merge(local.every_role, {
      ORDERS_DATABASE       = local.on_cluster.ORDERS_DATABASE
      ORDERS_DATABASE_USERS = join(",", [for role in local.working_roles : "${module.identity[role].name}=${module.identity[role].client_id}"])
    })
  }

  api_keys_secret = "orders-api-keys"

  host_settings = merge(
    { ServiceBus__credential = "managedidentity" },
    # Two hosts on one subscription would take each other's messages.
    local.on_aks ? { "AzureWebJobs.Notify.Disabled" = "true" } : {},
  )
}
